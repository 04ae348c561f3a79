import { POD_INTERFACE_PREFIX, VXLAN_INTERFACE } from '../../../../model/node/names.ts';
import type { NftLine } from '../libnftables.ts';

export const SERVICE_TABLE = 'weft_services';

/** On the first packet of a connection that is to be masqueraded, between prerouting and postrouting. kube-proxy's. */
const MASQUERADE_MARK = 0x4000;

/** Names of what does not belong to one service. Sets and maps have a twin for each family. */
export const REFUSE_CHAIN = 'refuse';
export const MARK_CHAIN = 'mark_for_masquerade';

const TWINS = {
  frontends: 'map { type IP . inet_proto . inet_service : verdict; }',
  node_ports: 'map { type inet_proto . inet_service : verdict; }',
  unserved: 'map { type IP . inet_proto . inet_service : verdict; }',
  unserved_ports: 'map { type inet_proto . inet_service : verdict; }',
  cluster_ips: 'set { type IP; }',
  hairpin: 'set { type IP . IP; }',
} as const;

/**
 * The table `inet weft_services` without services, replacing whatever there is. A packet meets a constant number of
 * lookups however many services there are; established connections meet none, conntrack knows them.
 *
 * - `services`, from prerouting and output: an address that is served leads by verdict map to a chain such as `t4_3`,
 *   which chooses one of three endpoints: frontend and random number are the key of `endpoints4`. Such chains belong to
 *   all services of as many endpoints; sets or chains of single services would make each change dearer the more of
 *   them there are. Only affinity and source ranges take chains of their own (`b_`, `e_`, `r_`).
 * - `unserved`, behind it and of type nat too, which established packets do not enter: what is dialled and has no endpoints, and cluster IPs that were not translated, for they have
 *   no such port. In prerouting, so that it is said at once, whether there is a route or not.
 * - `source_nat`: masquerades who dials itself through a service, who comes from outside to an endpoint that may be on another
 *   node, and this node itself through the tunnel: its own address would not be answered through it.
 */
export function renderBase(): NftLine[] {
  const twins = Object.entries(TWINS).flatMap(([name, type]) => [
    `add ${type.replaceAll('IP', 'ipv4_addr').replace(' ', ` inet ${SERVICE_TABLE} ${name}4 `)}`,
    `add ${type.replaceAll('IP', 'ipv6_addr').replace(' ', ` inet ${SERVICE_TABLE} ${name}6 `)}`,
  ]);
  const chains: Readonly<Record<string, readonly string[]>> = {
    'prerouting { type nat hook prerouting priority dstnat; policy accept; }': ['jump services'],
    // NF_IP_PRI_NAT_DST; nft knows its name on the prerouting hook only.
    'output { type nat hook output priority -100; policy accept; }': ['jump services'],
    services: [
      'ip daddr . meta l4proto . th dport vmap @frontends4',
      'ip6 daddr . meta l4proto . th dport vmap @frontends6',
      'fib daddr type local ip daddr != 127.0.0.0/8 meta l4proto . th dport vmap @node_ports4',
      'fib daddr type local ip6 daddr != ::1 meta l4proto . th dport vmap @node_ports6',
    ],
    'refuse_prerouting { type nat hook prerouting priority dstnat + 5; policy accept; }': ['jump unserved'],
    'refuse_output { type nat hook output priority -95; policy accept; }': ['jump unserved'],
    unserved: [
      'ip daddr . meta l4proto . th dport vmap @unserved4',
      'ip6 daddr . meta l4proto . th dport vmap @unserved6',
      `meta l4proto { 6, 17, 132 } ip daddr @cluster_ips4 goto ${REFUSE_CHAIN}`,
      `meta l4proto { 6, 17, 132 } ip6 daddr @cluster_ips6 goto ${REFUSE_CHAIN}`,
      'fib daddr type local ip daddr != 127.0.0.0/8 meta l4proto . th dport vmap @unserved_ports4',
      'fib daddr type local ip6 daddr != ::1 meta l4proto . th dport vmap @unserved_ports6',
    ],
    [REFUSE_CHAIN]: ['meta l4proto 6 reject with tcp reset', 'reject with icmpx port-unreachable'],
    [MARK_CHAIN]: [`iifname != "${POD_INTERFACE_PREFIX}*" meta mark set meta mark | ${hex(MASQUERADE_MARK)}`],
    'source_nat { type nat hook postrouting priority srcnat; policy accept; }': [
      'ct status dnat ip saddr . ip daddr @hairpin4 masquerade fully-random',
      'ct status dnat ip6 saddr . ip6 daddr @hairpin6 masquerade fully-random',
      `ct status dnat oifname "${VXLAN_INTERFACE}" fib saddr type local masquerade fully-random`,
      `meta mark & ${hex(MASQUERADE_MARK)} == 0 return`,
      `meta mark set meta mark & ${hex(~MASQUERADE_MARK >>> 0)}`,
      'masquerade fully-random',
    ],
  };
  const names = Object.keys(chains);
  return [
    ...twins,
    ...names.map((name) => `add chain inet ${SERVICE_TABLE} ${name}`),
    ...names.flatMap((name) =>
      (chains[name] ?? []).map((rule) => `add rule inet ${SERVICE_TABLE} ${name.split(' ')[0]} ${rule}`),
    ),
  ].map((text) => ({ text }));
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
