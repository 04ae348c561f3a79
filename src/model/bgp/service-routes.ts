import type { BGPConfigurationSpec } from '../../api/generated/bgpconfiguration.ts';
import type { EndpointSlice, Service } from '../../api/kubernetes.ts';
import { canonicalIp, containsAddress, hostCidr, parseCidr, parseIp } from '../../lib/ip.ts';

export type Advertise = NonNullable<BGPConfigurationSpec['advertise']>;

/** An address of a Service that nodes announce. */
export interface ServiceRoute {
  /** /32 or /128. */
  readonly cidr: string;
  /** Names of the nodes that have a ready pod of it, sorted; absent: every node announces it. */
  readonly nodes?: readonly string[];
}

/**
 * What of a Service is announced beside the ranges of cluster IPs. Only addresses within the ranges that the
 * configuration names: whoever may write Services must not draw other networks' traffic.
 *
 * @param slices of this Service.
 */
export function serviceRoutes(
  { spec, status }: Service,
  slices: readonly EndpointSlice[],
  advertise: Advertise,
): readonly ServiceRoute[] {
  const balanced = (status?.loadBalancer?.ingress ?? []).filter(({ ipMode }) => ipMode !== 'Proxy');
  const outside = [
    ...within(spec.externalIPs ?? [], advertise.externalIPs),
    ...within(
      balanced.flatMap(({ ip }) => ip ?? []),
      advertise.loadBalancerIPs,
    ),
  ];
  const inside = spec.internalTrafficPolicy === 'Local' ? within(spec.clusterIPs ?? [], advertise.clusterIPs) : [];
  if (outside.length + inside.length === 0) return [];
  const local = { nodes: readyNodes(slices) };
  const isLocal = spec.externalTrafficPolicy === 'Local';
  return [
    ...inside.map((address) => ({ cidr: hostCidr(address), ...local })),
    ...outside.map((address) => ({ cidr: hostCidr(address), ...(isLocal ? local : {}) })),
  ];
}

/** All ranges that Services' addresses are announced of. */
export function serviceRanges({
  clusterIPs = [],
  externalIPs = [],
  loadBalancerIPs = [],
}: Advertise): readonly string[] {
  return [...new Set([...clusterIPs, ...externalIPs, ...loadBalancerIPs])].sort();
}

function readyNodes(slices: readonly EndpointSlice[]): readonly string[] {
  const nodes = slices.flatMap(({ endpoints }) =>
    (endpoints ?? []).flatMap(({ nodeName, conditions }) => (conditions?.ready === false ? [] : (nodeName ?? []))),
  );
  return [...new Set(nodes)].sort();
}

/** Those of `texts` that are addresses (a headless Service says `None`) in one of the ranges. */
function within(texts: readonly string[], ranges: readonly string[] = []): readonly string[] {
  const cidrs = ranges.flatMap((range) => parseCidr(range) ?? []);
  return texts.flatMap((text) => {
    const ip = parseIp(text);
    if (ip === undefined || !cidrs.some((cidr) => containsAddress(cidr, ip))) return [];
    return canonicalIp(text) ?? [];
  });
}
