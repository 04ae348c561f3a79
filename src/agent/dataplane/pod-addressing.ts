import { type Family, familyOf, hostCidr, parseIp } from '../../lib/ip.ts';
import { shortHash } from '../../lib/hash.ts';
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
  /** Of one or both families, IPv4 first; without prefix lengths. */
  readonly addresses: readonly string[];
  /** Bytes; the underlay's less the encapsulation's. */
  readonly mtu: number;
  /** That the node's end is a port of; absent: the node's end is a way of its own. */
  readonly bridge?: string;
  /** To the pod, and from it; absent: no limit. */
  readonly ingressBitsPerSecond?: number;
  readonly egressBitsPerSecond?: number;
}

/** The pod's next hops for everything: link-local, on no interface, the same in each pod; neighbour entries answer for them. */
export const POD_GATEWAYS: Readonly<Record<Family, string>> = { 4: '169.254.1.1', 6: 'fe80::1' };
const EVERYWHERE: Readonly<Record<Family, string>> = { 4: '0.0.0.0/0', 6: '::/0' };

/**
 * By the rule of the CNI project's plugins: 0a:58 and the IPv4 address; four bytes of a hash for a pod without one. So
 * both ends know each other's without asking.
 */
export function macOf(address: string): string {
  const ip = parseIp(address);
  if (ip === undefined) throw new RangeError(`'${address}' is no IP address`);
  const hex = ip.family === 4 ? ip.value.toString(16).padStart(8, '0') : shortHash(`mac/${address}`, 8);
  return `0a:58:${hex.replaceAll(/..(?!$)/g, '$&:')}`;
}

/** Of the pod's own end. */
export function podMac({ addresses }: Pick<PodLink, 'addresses'>): string {
  return macOf(addresses[0] ?? '');
}

/** Of each host end: no two of them share a link. */
export const HOST_END_MAC = macOf(POD_GATEWAYS[4]);

/** What is in the pod's namespace, given the index of its interface there. In the order of writing. */
export function podRoutes({ addresses }: PodLink, interfaceIndex: number): readonly Route[] {
  return addresses.map(familyOf).flatMap((family): Route[] => [
    { destination: hostCidr(POD_GATEWAYS[family]), type: 'unicast', interfaceIndex },
    { destination: EVERYWHERE[family], type: 'unicast', interfaceIndex, gateway: POD_GATEWAYS[family] },
  ]);
}

export function podNeighbours({ addresses }: PodLink, interfaceIndex: number): readonly Neighbour[] {
  return addresses.map((address) => ({
    table: 'arp',
    interfaceIndex,
    address: POD_GATEWAYS[familyOf(address)],
    mac: HOST_END_MAC,
  }));
}

/** What is on the node, given the index of the host end. */
export function hostRoutes({ addresses }: PodLink, interfaceIndex: number): readonly Route[] {
  return addresses.map((address) => ({ destination: hostCidr(address), type: 'unicast', interfaceIndex }));
}

export function hostNeighbours(pod: PodLink, interfaceIndex: number): readonly Neighbour[] {
  return pod.addresses.map((address) => ({ table: 'arp', interfaceIndex, address, mac: podMac(pod) }));
}
