import { parseIpv4 } from '../../lib/ipv4.ts';
import type { Neighbour } from './netlink/neighbour.ts';
import type { Route } from './netlink/route.ts';

/** One pod's attachment to the network. */
export interface PodLink {
  /** Path of the pod's network namespace. */
  readonly netnsPath: string;
  /** The pod's end: `eth0`. */
  readonly ifname: string;
  /** The node's end: `hostInterfaceName`. */
  readonly hostInterface: string;
  /** IPv4, without a prefix length. */
  readonly address: string;
  /** Bytes; the underlay's less the encapsulation's. */
  readonly mtu: number;
}

/** The pod's next hop for everything: link-local, on no interface, the same in each pod; a neighbour entry answers for it. */
const POD_GATEWAY = '169.254.1.1';

/** By the rule of the CNI project's plugins: 0a:58 and the address. So both ends know each other's without asking. */
export function macOf(address: string): string {
  const value = parseIpv4(address);
  if (value === undefined) throw new RangeError(`'${address}' is no IPv4 address`);
  const hex = value.toString(16).padStart(8, '0');
  return `0a:58:${hex.replaceAll(/..(?!$)/g, '$&:')}`;
}

/** Of each host end: no two of them share a link. */
export const HOST_END_MAC = macOf(POD_GATEWAY);

/** What is in the pod's namespace, given the index of its interface there. In the order of writing. */
export function podRoutes(interfaceIndex: number): readonly Route[] {
  return [
    { destination: `${POD_GATEWAY}/32`, type: 'unicast', interfaceIndex },
    { destination: '0.0.0.0/0', type: 'unicast', interfaceIndex, gateway: POD_GATEWAY },
  ];
}

export function podNeighbour(interfaceIndex: number): Neighbour {
  return { table: 'arp', interfaceIndex, address: POD_GATEWAY, mac: HOST_END_MAC };
}

/** What is on the node, given the index of the host end. */
export function hostRoute({ address }: PodLink, interfaceIndex: number): Route {
  return { destination: `${address}/32`, type: 'unicast', interfaceIndex };
}

export function hostNeighbour({ address }: PodLink, interfaceIndex: number): Neighbour {
  return { table: 'arp', interfaceIndex, address, mac: macOf(address) };
}
