import type { IPPool, IPPoolSpec } from '../../api/generated/ippool.ts';
import type { Pod } from '../../api/kubernetes.ts';
import { REASON } from '../../api/reasons.ts';
import type { PodLinkIr } from '../node/ir.ts';
import { bridgeName } from '../node/names.ts';
import type { Problem } from '../problem.ts';

/** On a pod: how it is linked, among what pools that it may use offer. */
export const POD_NETWORK_ANNOTATION = 'weft.dev/pod-network';

type PodNetwork = NonNullable<IPPoolSpec['podNetwork']>;
const NETWORKS: readonly PodNetwork[] = ['Routed', 'Bridge', 'Macvlan'];

/** Pools of one kind of network, and what it comes to; without a link: routed. */
export interface NetworkChoice {
  readonly pools: readonly IPPool[];
  readonly link?: PodLinkIr;
}

/**
 * Of the pools that a pod may use, those whose `podNetwork` its annotation names; without one Routed, or else the only
 * one that there is.
 *
 * @param pools by name they choose nothing: that was done before.
 */
export function chooseNetwork(pools: readonly IPPool[], { metadata }: Pod): NetworkChoice | Problem {
  const asked = metadata.annotations?.[POD_NETWORK_ANNOTATION];
  const offered = new Set(pools.map(networkOf));
  const network = asked ?? (offered.size === 1 ? [...offered][0] : 'Routed');
  if (asked !== undefined && !NETWORKS.some((known) => known === asked)) {
    return refuse(REASON.unsupportedValue, `must be one of ${NETWORKS.join(', ')}, not '${asked}'`);
  }
  const chosen = pools.filter((pool) => networkOf(pool) === network);
  if (chosen.length === 0 && pools.length > 0) {
    const names = pools.map((pool) => `${pool.metadata.name} (${networkOf(pool)})`).sort();
    const demand = asked === undefined ? 'must say which' : `says '${asked}', and must be one`;
    return refuse(REASON.podNetworkMismatch, `${demand} of the pools that the pod may use: ${names.join(', ')}`);
  }
  const [first, ...others] = [...chosen].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  if (first === undefined || network === 'Routed') return { pools: chosen };
  if (network === 'Bridge') return { pools: chosen, link: { kind: 'Bridge', bridge: bridgeName(first.metadata.name) } };
  const stranger = others.find(({ spec }) => spec.macvlan?.parent !== first.spec.macvlan?.parent);
  if (stranger !== undefined) {
    const names = `${first.metadata.name} and ${stranger.metadata.name}`;
    return refuse(REASON.podNetworkMismatch, `pools ${names} have different spec.macvlan.parent; name one of them`);
  }
  return { pools: chosen, link: macvlanOf(chosen, first.spec.macvlan?.parent) };
}

function macvlanOf(pools: readonly IPPool[], parent: string | undefined): PodLinkIr {
  const networks = pools.map(({ spec }) => {
    const gateway = spec.macvlan?.gateway;
    return { cidr: spec.cidr, ...(gateway === undefined ? {} : { gateway }) };
  });
  networks.sort((a, b) => (a.cidr < b.cidr ? -1 : 1));
  return { kind: 'Macvlan', ...(parent === undefined ? {} : { parent }), networks };
}

function networkOf({ spec }: IPPool): PodNetwork {
  return spec.podNetwork ?? 'Routed';
}

function refuse(reason: string, message: string): Problem {
  return { path: `metadata.annotations[${POD_NETWORK_ANNOTATION}]`, reason, message };
}
