import type { BGPConfigurationSpec } from '../../api/generated/bgpconfiguration.ts';
import type { IPBlock } from '../../api/generated/ipblock.ts';
import type { IPPool } from '../../api/generated/ippool.ts';
import { type Cidr, containsAddress, parseCidr } from '../../lib/ip.ts';
import { withoutParts } from '../ipam/borrowed.ts';
import { matchesSelector } from '../labels.ts';
import type { BgpIr, BgpRouteIr, BgpSessionIr } from '../node/ir.ts';
import { type BgpNode, routerIdOf } from './bgp-node.ts';
import { serviceRanges } from './service-routes.ts';
import { asNumberIn, DEFAULT_PORT, isReflector } from './sessions.ts';

export interface BgpNodeFacts {
  readonly node: BgpNode;
  /** That the node owns. */
  readonly blocks: readonly IPBlock[];
  /** By CIDR of a block: what of it other nodes have borrowed, and announce. */
  readonly lent: ReadonlyMap<string, readonly string[]>;
  readonly pools: readonly IPPool[];
  /** /32 and /128, of Services, that the node announces. */
  readonly services: readonly string[];
  readonly sessions: readonly BgpSessionIr[];
}

/** Default of `spec.gracefulRestartSeconds`. */
const RESTART_SECONDS = 120;

export function translateBgp(configuration: BGPConfigurationSpec, facts: BgpNodeFacts): BgpIr {
  const { node, blocks, lent, pools, sessions } = facts;
  const own = blocks.flatMap(({ spec: { cidr } }) => withoutParts(cidr, lent.get(cidr) ?? []));
  const { gracefulRestartSeconds = RESTART_SECONDS, advertise = {}, reflectors } = configuration;
  return {
    asNumber: asNumberIn(node, configuration),
    routerId: routerIdOf(node),
    listenPort: configuration.listenPort ?? DEFAULT_PORT,
    gracefulRestartSeconds,
    ...(reflectors !== undefined && isReflector(node, configuration) ? { clusterId: reflectors.clusterID } : {}),
    announced: announcedBy(configuration, facts),
    own: [...own, ...serviceRanges(advertise)].sort(),
    podCidrs: pools.map(({ spec }) => spec.cidr).sort(),
    sessions,
  };
}

function announcedBy(
  { advertise = {}, communities = [] }: BGPConfigurationSpec,
  { blocks, pools, services }: BgpNodeFacts,
): readonly BgpRouteIr[] {
  const selected = pools.filter(({ metadata }) => matchesSelector(advertise.pools ?? {}, metadata.labels ?? {}));
  const names = new Set(selected.map(({ metadata }) => metadata.name));
  const cidrs = new Set([
    ...blocks.filter(({ spec }) => names.has(spec.poolName)).map(({ spec }) => spec.cidr),
    ...(advertise.clusterIPs ?? []),
    ...services,
  ]);
  return [...cidrs].sort().map((cidr) => ({
    cidr,
    communities: communities.filter(({ cidrs: ranges }) => liesIn(cidr, ranges)).map(({ value }) => value),
  }));
}

function liesIn(cidr: string, ranges: readonly string[] | undefined): boolean {
  const range = parseCidr(cidr);
  if (ranges === undefined || range === undefined) return ranges === undefined;
  return ranges.flatMap((text) => parseCidr(text) ?? []).some((outer) => holds(outer, range));
}

function holds(outer: Cidr, { family, base, length }: Cidr): boolean {
  return length >= outer.length && containsAddress(outer, { family, value: base });
}
