import { existsSync } from 'node:fs';
import { familyOf } from '../../lib/ip.ts';
import { isBridged, joinBridge } from './bridge.ts';
import { encodeAddressCorrections, listAddresses } from './netlink/address.ts';
import { type Attribute, encodeAttributes, macBytes, text, u32 } from './netlink/codec.ts';
import {
  IFLA_ADDRESS,
  IFLA_IFNAME,
  IFLA_MTU,
  IFLA_NET_NS_FD,
  IFLA_NUM_RX_QUEUES,
  IFLA_NUM_TX_QUEUES,
  VETH_INFO_PEER,
} from './netlink/constants.ts';
import { hasCode } from './netlink/error.ts';
import {
  correctLink,
  deletionOf,
  encodeLinkCorrections,
  encodeLinkCreation,
  findLink,
  type Link,
  linkData,
  linkHeader,
} from './netlink/link.ts';
import { encodeNeighbour } from './netlink/neighbour.ts';
import { encodeRoute } from './netlink/route.ts';
import { Netns } from './netns.ts';
import {
  HOST_END_MAC,
  hostNeighbours,
  hostRoutes,
  type PodLink,
  podMac,
  podNeighbours,
  podRoutes,
} from './pod-addressing.ts';
import { correctRateLimit } from './shaping.ts';
import { applySysctls, quietIpv6, type Sysctls, withoutIpv6 } from './sysctl.ts';

/**
 * Makes a pod's veth pair, down, its far end in the pod's namespace, with its settings: the half of `wirePod` that
 * takes the kernel longest, while other things are waited for. The pod's namespace is the caller's to hand on, and to
 * close; undefined when either name is taken.
 *
 * @throws NetnsError, NetlinkError as `wirePod`.
 */
export function makePair(host: Netns, pod: PodLink): Netns | undefined {
  using opened = new DisposableStack();
  const inside = opened.use(Netns.open(pod.netnsPath));
  if (!tryMakePair(host, inside, pod)) return undefined;
  opened.move();
  return inside;
}

/**
 * Connects a pod: a veth pair, its far end made in the pod's namespace, addresses, routes and permanent neighbours on
 * both sides. The host end comes up as the last of all, so no packet passes before the call is nearly over; its name
 * is known before, so the caller writes the policy for `pod.hostInterface` first.
 *
 * Called again for the same attachment it writes what differs and leaves the link alone. A host end of this name that
 * leads elsewhere is replaced. When it throws, what this call made is gone again. Blocks for about a millisecond, half
 * of that after `makePair`.
 *
 * @param host the node's namespace.
 * @param made what `makePair` has just returned: stays open.
 * @returns whether packets pass already: see `isSending`.
 * @throws NetnsError when the pod's namespace cannot be entered, NetlinkError with what the kernel refused.
 */
export function wirePod(host: Netns, pod: PodLink, made?: Netns): boolean {
  if (made !== undefined) return wireEnds(host, made, pod, true);
  using inside = Netns.open(pod.netnsPath);
  // Mostly there is nothing yet: to try costs less than to look.
  return wireEnds(host, inside, pod, tryMakePair(host, inside, pod) || replaceStranger(host, inside, pod));
}

function wireEnds(host: Netns, inside: Netns, pod: PodLink, isNew: boolean): boolean {
  try {
    const { hostEnd, podEnd } = isNew ? newPair(host, inside, pod) : requirePair(host, inside, pod);
    writePodSide(inside, podEnd, pod, isNew);
    writeHostSide(host, hostEnd, pod, isNew);
    return areSending(host, inside, pod);
  } catch (error) {
    if (isNew) deleteIfThere(host, pod.hostInterface);
    throw error;
  }
}

/**
 * Whether the link sends what it is given. The end that came up first has its carrier with the second, and its queue
 * some time later, by a worker of the kernel's: what is sent between is dropped in silence, and a connection's first
 * segment comes again after a second. Kernels from 6.13 on do the worker's part when asked, older ones only tell.
 */
export function isSending(host: Netns, pod: PodLink): boolean {
  using inside = Netns.open(pod.netnsPath);
  return areSending(host, inside, pod);
}

/** The host end is the last to come up, and sends at once; but a bridge waits for it to say so. */
function areSending(host: Netns, inside: Netns, pod: PodLink): boolean {
  if (findLink(inside.rtnetlink, pod.ifname)?.isSending !== true) return false;
  return !isBridged(pod) || findLink(host.rtnetlink, pod.hostInterface)?.isSending === true;
}

/** Writes the pod's limits as they are now. False when there is no such link, or not yet. @throws as `wirePod`. */
export function limitPod(host: Netns, pod: PodLink): boolean {
  if (!existsSync(pod.netnsPath)) return false;
  using inside = Netns.open(pod.netnsPath);
  const pair = findPair(host, inside, pod);
  if (pair === undefined) return false;
  correctRateLimit(inside.rtnetlink, pair.podEnd, pod.egressBitsPerSecond, false);
  correctRateLimit(host.rtnetlink, pair.hostEnd, pod.ingressBitsPerSecond, false);
  return true;
}

/** Lets the node reach the pod from 127.0.0.1 through a port of its own. The table of such ports keeps pods from it. */
export function takeLoopback(host: Netns, { hostInterface, bridge = hostInterface }: PodLink): void {
  applySysctls(host, { [`ipv4/conf/${bridge}/route_localnet`]: '1' });
}

/** Makes the pair anew where the host end leads elsewhere; false when it is the pod's already. */
function replaceStranger(host: Netns, inside: Netns, pod: PodLink): boolean {
  if (findPair(host, inside, pod) !== undefined) return false;
  deleteIfThere(host, pod.hostInterface);
  if (tryMakePair(host, inside, pod)) return true;
  // The host end's name was free: it is the pod's end that is in the way.
  const reason = `${pod.netnsPath} has an interface '${pod.ifname}' that is not Weft's; delete the pod to get a new one`;
  throw new Error(`cannot connect ${pod.hostInterface}: ${reason}`);
}

/**
 * Removes a pod's link, and with it everything that `wirePod` wrote on both sides. Nothing there is success. Takes 15
 * to 30 ms, on a pool thread. Names the link and not the address: another pod may have that by now.
 */
export async function unwirePod(host: Netns, { hostInterface }: Pick<PodLink, 'hostInterface'>): Promise<void> {
  const socket = host.openSocket();
  try {
    await socket.requestOnPoolThread(deletionOf(hostInterface));
  } catch (error) {
    if (!hasCode(error, 'ENODEV')) throw error;
  } finally {
    socket.close();
  }
}

/**
 * Settings of a host end. Strict reverse path (RFC 3704): what comes in from a pod with another address than its own
 * is dropped by the kernel too, whatever the policy table holds just then.
 */
function hostEndSysctls({ hostInterface, addresses }: PodLink): Sysctls {
  return { ...ipv6Sysctls(hostInterface, addresses), [`ipv4/conf/${hostInterface}/rp_filter`]: '1' };
}

function ipv6Sysctls(interfaceName: string, addresses: readonly string[]): Sysctls {
  return addresses.some((address) => familyOf(address) === 6) ? quietIpv6(interfaceName) : withoutIpv6(interfaceName);
}

interface Pair {
  readonly hostEnd: Link;
  readonly podEnd: Link;
}

/** Both ends, when they are each other's; undefined when either is missing or leads elsewhere. */
export function findPair(host: Netns, inside: Netns, { hostInterface, ifname }: PodLink): Pair | undefined {
  const hostEnd = findLink(host.rtnetlink, hostInterface);
  const podEnd = findLink(inside.rtnetlink, ifname);
  if (hostEnd?.kind !== 'veth' || podEnd?.kind !== 'veth') return undefined;
  if (hostEnd.peerIndex !== podEnd.index || podEnd.peerIndex !== hostEnd.index) return undefined;
  return { hostEnd, podEnd };
}

/** Both ends just after they were made, when only their indexes are not known. */
function newPair(host: Netns, inside: Netns, { hostInterface, ifname, mtu, ...pod }: PodLink): Pair {
  const [index, peerIndex] = [host.rtnetlink.indexOf(hostInterface), inside.rtnetlink.indexOf(ifname)];
  const common = { kind: 'veth', up: false, isSending: false, mtu, vxlan: undefined };
  return {
    hostEnd: { ...common, index, peerIndex, name: hostInterface, mac: HOST_END_MAC },
    podEnd: { ...common, index: peerIndex, peerIndex: index, name: ifname, mac: podMac(pod) },
  };
}

function requirePair(host: Netns, inside: Netns, pod: PodLink): Pair {
  const pair = findPair(host, inside, pod);
  if (pair === undefined) throw new Error(`link ${pod.hostInterface} was removed while it was being set up`);
  return pair;
}

/**
 * Each way. Without it the kernel makes one for each processor, with half a dozen files each: a link without a queueing
 * discipline or XDP does not use them.
 */
const ONE_QUEUE: readonly Attribute[] = [
  [IFLA_NUM_TX_QUEUES, u32(1)],
  [IFLA_NUM_RX_QUEUES, u32(1)],
];

/** False when either name is taken. */
function tryMakePair(host: Netns, inside: Netns, pod: PodLink): boolean {
  const peer = encodeAttributes([
    [IFLA_IFNAME, text(pod.ifname)],
    [IFLA_MTU, u32(pod.mtu)],
    [IFLA_ADDRESS, macBytes(podMac(pod))],
    [IFLA_NET_NS_FD, u32(inside.fd)],
    ...ONE_QUEUE,
  ]);
  const data = linkData([[VETH_INFO_PEER, Buffer.concat([linkHeader(), peer])]]);
  const own: Attribute[] = [[IFLA_MTU, u32(pod.mtu)], [IFLA_ADDRESS, macBytes(HOST_END_MAC)], ...ONE_QUEUE];
  try {
    host.rtnetlink.request(encodeLinkCreation(pod.hostInterface, 'veth', data, own));
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
  try {
    applySysctls(inside, ipv6Sysctls(pod.ifname, pod.addresses), true);
    applySysctls(host, hostEndSysctls(pod), true);
  } catch (error) {
    deleteIfThere(host, pod.hostInterface);
    throw error;
  }
  return true;
}

function writePodSide(inside: Netns, podEnd: Link, pod: PodLink, isNew: boolean): void {
  const { rtnetlink } = inside;
  if (!isNew) {
    correctLink(rtnetlink, podEnd, { mtu: pod.mtu, mac: podMac(pod) });
    // After the MTU: one below 1280 takes IPv6 and its settings away, a larger one brings back their defaults.
    applySysctls(inside, ipv6Sysctls(pod.ifname, pod.addresses));
  }
  correctRateLimit(rtnetlink, podEnd, pod.egressBitsPerSecond, isNew);
  rtnetlink.requestAll([
    ...encodeLinkCorrections(podEnd, { up: true }),
    ...encodeAddressCorrections(podEnd, pod.addresses, isNew ? [] : listAddresses(rtnetlink)),
    ...podNeighbours(pod, podEnd.index).map(encodeNeighbour),
    ...podRoutes(pod, podEnd.index).map(encodeRoute),
  ]);
}

function writeHostSide(host: Netns, hostEnd: Link, pod: PodLink, isNew: boolean): void {
  const { rtnetlink } = host;
  if (!isNew) {
    correctLink(rtnetlink, hostEnd, { mtu: pod.mtu, mac: HOST_END_MAC });
    applySysctls(host, hostEndSysctls(pod));
  }
  correctRateLimit(rtnetlink, hostEnd, pod.ingressBitsPerSecond, isNew);
  const { index } = isBridged(pod) ? joinBridge(host, hostEnd, pod) : hostEnd;
  rtnetlink.requestAll([
    ...encodeLinkCorrections(hostEnd, { up: true }),
    ...hostNeighbours(pod, index).map(encodeNeighbour),
    ...hostRoutes(pod, index).map(encodeRoute),
  ]);
}

function deleteIfThere(host: Netns, hostInterface: string): void {
  try {
    host.rtnetlink.request(deletionOf(hostInterface));
  } catch (error) {
    if (!hasCode(error, 'ENODEV')) throw error;
  }
}
