import { type Family, familyOf, parseCidr } from '../../../lib/ip.ts';
import { BRIDGE_PREFIX, POD_INTERFACE_PREFIX, VXLAN_INTERFACE } from '../../../model/node/names.ts';
import type { NftLine } from './libnftables.ts';
import { coalesceCidrs, formatCidrs } from '../../../model/policy/cidr-sets.ts';
import { checkedCidr } from './names.ts';
import type { NodeFacts } from './policy-state.ts';

const PODS = `"${POD_INTERFACE_PREFIX}*"`;
const BRIDGES = `"${BRIDGE_PREFIX}*"`;
const TUNNEL = `"${VXLAN_INTERFACE}"`;

/** Sets and maps that every table has, with their types. */
const INTERFACE_SETS = {
  pod_interfaces: 'set { type ifname; }',
  pods_out: 'map { type ifname : verdict; }',
  pods_in: 'map { type ifname : verdict; }',
} as const;

/** With IPv6, each has a twin whose name ends in 6, and whose type is ipv6_addr. */
const ADDRESS_SETS = {
  pod_addresses: 'set { type ifname . ipv4_addr; }',
  bridged_out: 'map { type ipv4_addr : verdict; }',
  bridged_in: 'map { type ipv4_addr : verdict; }',
  bridged_self: 'set { type ipv4_addr . ipv4_addr; }',
  http_served: 'set { type ipv4_addr . inet_service; }',
  recheck: 'set { type ipv4_addr; }',
  vxlan_peers: 'set { type ipv4_addr; }',
  node_addresses: 'set { type ipv4_addr; }',
  own_blocks: 'set { type ipv4_addr; flags interval; }',
  pod_cidrs: 'set { type ipv4_addr; flags interval; }',
  nat_cidrs: 'set { type ipv4_addr; flags interval; }',
} as const;

type AddressSet = keyof typeof ADDRESS_SETS;
export type FixedSet = keyof typeof INTERFACE_SETS | AddressSet | `${AddressSet}6`;

export function twinOf(set: FixedSet): FixedSet {
  return set in ADDRESS_SETS ? `${set as AddressSet}6` : set;
}

export function recheckSet(family: Family): FixedSet {
  return family === 4 ? 'recheck' : 'recheck6';
}

/** Those whose packets the table lets through at all. */
export function familiesOf({ hasIpv6 }: NodeFacts): readonly Family[] {
  return hasIpv6 ? [4, 6] : [4];
}

function renderSets(hasIpv6: boolean): string[] {
  const line = (name: string, type: string) => `add ${type.replace(' ', ` inet weft ${name} `)}`;
  return [
    ...Object.entries(INTERFACE_SETS).map(([name, type]) => line(name, type)),
    ...Object.entries(ADDRESS_SETS).flatMap(([name, type]) => [
      line(name, type),
      ...(hasIpv6 ? [line(`${name}6`, type.replaceAll('ipv4', 'ipv6'))] : []),
    ]),
  ];
}

/** What most packets are. */
const ESTABLISHED_FIRST = [
  'ct state established,related jump shortcut',
  'ct state established,related jump established',
];

/**
 * What established connections meet. As long as `shortcut` holds its rule they pass there. When it is empty, those of
 * addresses in `recheck` go back and are judged as if they were new, by the packets of their original direction,
 * whose addresses and ports are those that chains are written for. Their replies pass meanwhile: judged by the same
 * chains they would be taken for connections of the other end, and allowed flows would break. A forbidden connection
 * so has its requests and acknowledgements dropped from the next packet on, and what its far end has yet in flight
 * comes through (one window at most) until its conntrack entry is gone, milliseconds later; then replies are dropped
 * too, as `begins in mid-stream`. ICMP errors about a connection always pass.
 */
const ESTABLISHED = [
  'ct direction reply accept',
  // ICMP and ICMPv6; by number, as an image need not have /etc/protocols.
  'ct state related meta l4proto { 1, 58 } accept',
  'ip saddr @recheck return',
  'ip daddr @recheck return',
];
const ESTABLISHED_IPV6 = ['ip6 saddr @recheck6 return', 'ip6 daddr @recheck6 return'];

/** @throws NftError `BadName` with the prefix that is none. */
function renderException({ pool, destinations }: NodeFacts['natExceptions'][number], hasIpv6: boolean): string[] {
  const checked = [pool, ...destinations].map((cidr) => checkedCidr(cidr, { kind: 'facts', key: 'natExceptions' }));
  const [source = '', ...to] = checked;
  const family = familyOf(source);
  if (to.length === 0 || (family === 6 && !hasIpv6)) return [];
  const ip = family === 4 ? 'ip' : 'ip6';
  const merged = formatCidrs(coalesceCidrs(to.flatMap((cidr) => parseCidr(cidr) ?? [])));
  return [`${ip} saddr ${source} ${ip} daddr { ${merged.join(', ')} } return`];
}

/**
 * The table without pods: every `weft*` interface is unknown to it, and dropped in both directions. The shortcut of
 * established connections is shut: `openShortcut`.
 *
 * - Tunnelled packets are not tracked, only what is in them: conntrack would look them up on both nodes, and remember
 *   two one-way flows for each connection. Forward looks at open connections first, for what most packets are; those
 *   that are no pods' pass there as they would behind it.
 * - Prerouting, behind conntrack: a pod's packets carry the address that was leased to it. Asked of what opens a
 *   connection: in those that are open the kernel's strict reverse path does it (`hostEndSysctls`), for IPv4; that of
 *   IPv6 is asked of each packet.
 * - Forward asks the sender's egress and then the receiver's ingress; both chains return on allow. Service addresses
 *   have been translated by then (prerouting), masquerading comes later (postrouting): chains see pods' addresses.
 * - Input, pod to its own node: egress only. Output, the node to its pods: always passes (Kubernetes demands it of
 *   the node a pod runs on), but never to an interface that is unknown.
 * - A TCP connection is judged by who opens it. Conntrack would take up one in its middle from either end; after a
 *   forbidden one was cut, the next segment of the far end would so begin a connection in the other direction.
 * - A pod always reaches itself, through a Service too: iifname with the destination is a pair of `pod_addresses`.
 */
export function renderTable({ vxlanPort, hasIpv6, natExceptions }: NodeFacts): NftLine[] {
  const withIpv6 = (...rules: readonly string[]) => (hasIpv6 ? rules : []);
  const withoutIpv6 = (...rules: readonly string[]) => (hasIpv6 ? [] : rules);
  const midStream =
    'ct state new tcp flags & (fin | syn | rst | ack) != syn counter drop comment "begins in mid-stream"';
  const chains: Readonly<Record<string, readonly string[]>> = {
    'untracked { type filter hook prerouting priority raw; policy accept; }': [
      `udp dport ${vxlanPort} ip daddr @node_addresses notrack`,
      ...withIpv6(`udp dport ${vxlanPort} ip6 daddr @node_addresses6 notrack`),
    ],
    'untracked_output { type filter hook output priority raw; policy accept; }': [
      `udp dport ${vxlanPort} ip daddr @vxlan_peers notrack`,
      ...withIpv6(`udp dport ${vxlanPort} ip6 daddr @vxlan_peers6 notrack`),
    ],
    'guard { type filter hook prerouting priority mangle; policy accept; }': [
      `iifname ${TUNNEL} ip saddr @own_blocks counter drop comment "tunnelled from this node's own blocks"`,
      ...withIpv6(
        `iifname ${TUNNEL} ip6 saddr @own_blocks6 counter drop comment "tunnelled from this node's own blocks"`,
      ),
      'meta nfproto ipv4 ct state established,related accept',
      `iifname ${PODS} jump guard_pod`,
    ],
    guard_pod: [
      'iifname . ip saddr @pod_addresses accept',
      ...withIpv6('iifname . ip6 saddr @pod_addresses6 accept'),
      ...withoutIpv6('meta nfproto ipv6 counter drop comment "pods have no IPv6"'),
      'counter drop comment "source is not the pod\'s own"',
    ],
    'forward { type filter hook forward priority filter; policy accept; }': [
      ...ESTABLISHED_FIRST,
      `iifname != ${PODS} oifname != ${PODS} return`,
      'ct state invalid counter drop comment "invalid"',
      `iifname ${PODS} udp dport ${vxlanPort} ip daddr @node_addresses counter drop comment "VXLAN from a pod"`,
      ...withIpv6(
        `iifname ${PODS} udp dport ${vxlanPort} ip6 daddr @node_addresses6 counter drop comment "VXLAN from a pod"`,
      ),
      midStream,
      ...withoutIpv6(`oifname ${PODS} meta nfproto ipv6 counter drop comment "pods have no IPv6"`),
      `iifname != ${BRIDGES} iifname . ip daddr @pod_addresses accept`,
      ...withIpv6(`iifname != ${BRIDGES} iifname . ip6 daddr @pod_addresses6 accept`),
      `iifname ${BRIDGES} ip saddr . ip daddr @bridged_self accept`,
      ...withIpv6(`iifname ${BRIDGES} ip6 saddr . ip6 daddr @bridged_self6 accept`),
      `iifname ${PODS} jump from_pod`,
      `oifname ${PODS} jump to_pod`,
    ],
    'input { type filter hook input priority filter; policy accept; }': [
      `udp dport ${vxlanPort} ip saddr != @vxlan_peers counter drop comment "VXLAN from a stranger"`,
      ...withIpv6(`udp dport ${vxlanPort} ip6 saddr != @vxlan_peers6 counter drop comment "VXLAN from a stranger"`),
      ...withoutIpv6(`udp dport ${vxlanPort} meta nfproto ipv6 counter drop comment "VXLAN from a stranger"`),
      `iifname != ${PODS} return`,
      ...ESTABLISHED_FIRST,
      'ct state invalid counter drop comment "invalid"',
      midStream,
      'jump from_pod',
    ],
    'output { type filter hook output priority filter; policy accept; }': [
      `oifname != ${PODS} return`,
      ...withoutIpv6('meta nfproto ipv6 drop'),
      `oifname ${BRIDGES} icmp type redirect drop`,
      `oifname != ${BRIDGES} oifname != @pod_interfaces counter drop comment "interface not known yet"`,
      `oifname ${BRIDGES} meta nfproto ipv4 oifname . ip daddr != @pod_addresses counter drop comment "interface not known yet"`,
      ...withIpv6(
        `oifname ${BRIDGES} meta nfproto ipv6 oifname . ip6 daddr != @pod_addresses6 counter drop comment "interface not known yet"`,
      ),
      midStream,
    ],
    'postrouting { type nat hook postrouting priority srcnat; policy accept; }': [
      ...natExceptions.flatMap((exception) => renderException(exception, hasIpv6)),
      `ip saddr @nat_cidrs ip daddr != @pod_cidrs oifname != ${PODS} oifname != ${TUNNEL} counter masquerade`,
      ...withIpv6(
        `ip6 saddr @nat_cidrs6 ip6 daddr != @pod_cidrs6 oifname != ${PODS} oifname != ${TUNNEL} counter masquerade`,
      ),
    ],
    from_pod: [
      'iifname vmap @pods_out',
      `iifname ${BRIDGES} ip saddr vmap @bridged_out`,
      ...withIpv6(`iifname ${BRIDGES} ip6 saddr vmap @bridged_out6`),
      'counter drop comment "interface not known yet"',
    ],
    to_pod: [
      'oifname vmap @pods_in',
      `oifname ${BRIDGES} ip daddr vmap @bridged_in`,
      ...withIpv6(`oifname ${BRIDGES} ip6 daddr vmap @bridged_in6`),
      'counter drop comment "interface not known yet"',
    ],
    established: [...ESTABLISHED, ...withIpv6(...ESTABLISHED_IPV6), 'accept'],
    shortcut: [],
  };
  const names = Object.keys(chains);
  return [
    ...renderSets(hasIpv6),
    // All chains before any rule: rules jump to them.
    ...names.map((name) => `add chain inet weft ${name}`),
    ...names.flatMap((name) => (chains[name] ?? []).map((rule) => `add rule inet weft ${name.split(' ')[0]} ${rule}`)),
  ].map((text) => ({ text }));
}
