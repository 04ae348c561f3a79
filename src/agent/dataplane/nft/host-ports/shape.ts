import { POD_INTERFACE_PREFIX } from '../../../../model/node/names.ts';
import type { TableShape } from '../element-table.ts';

const PODS = `"${POD_INTERFACE_PREFIX}*"`;

/**
 * Ports of the node that lead to pods, by map: a packet's cost does not grow with their number. Whoever dials keeps
 * its address, and policy sees it, and the pod as the destination; but for a pod that dials itself and the node that
 * dials over its loopback, which would wait for an answer from elsewhere: those come from an address of the node.
 *
 * So that the node's loopback may leave by a pod's interface, that has `route_localnet` (`localnetSysctl`), which would
 * let the pod in to what listens there only: the guard keeps it out.
 */
export const HOST_PORTS: TableShape = {
  family: 'inet',
  name: 'weft_hostports',
  sets: {
    any4: 'map { type inet_proto . inet_service : ipv4_addr . inet_service; }',
    bound4: 'map { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }',
    hairpin4: 'set { type ipv4_addr . ipv4_addr; }',
    any6: 'map { type inet_proto . inet_service : ipv6_addr . inet_service; }',
    bound6: 'map { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; }',
    hairpin6: 'set { type ipv6_addr . ipv6_addr; }',
  },
  chains: {
    translate: [
      'dnat ip to ip daddr . meta l4proto . th dport map @bound4',
      'dnat ip to meta l4proto . th dport map @any4',
      'dnat ip6 to ip6 daddr . meta l4proto . th dport map @bound6',
      'dnat ip6 to meta l4proto . th dport map @any6',
    ],
    'guard { type filter hook prerouting priority raw; policy accept; }': [
      `iifname ${PODS} ip daddr 127.0.0.0/8 counter drop comment "a pod to the node's loopback"`,
    ],
    'inbound { type nat hook prerouting priority dstnat; policy accept; }': ['fib daddr type local jump translate'],
    // NF_IP_PRI_NAT_DST; nft knows its name on the prerouting hook only. ::1 cannot leave the node at all.
    'outbound { type nat hook output priority -100; policy accept; }': [
      'ip6 daddr ::1 return',
      'fib daddr type local jump translate',
    ],
    'postrouting { type nat hook postrouting priority srcnat; policy accept; }': [
      'ct status dnat ip saddr . ip daddr @hairpin4 masquerade',
      'ct status dnat ip6 saddr . ip6 daddr @hairpin6 masquerade',
      `ct status dnat ip saddr 127.0.0.0/8 oifname ${PODS} masquerade`,
    ],
  },
};
