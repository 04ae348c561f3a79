import { existsSync } from 'node:fs';
import { shortHash } from '../../lib/hash.ts';
import { familyOf, hostCidr } from '../../lib/ip.ts';
import { MACVLAN_PREFIX, macvlanName } from '../../model/node/names.ts';
import { correctAddresses } from './netlink/address.ts';
import { type Attribute, macBytes, u32 } from './netlink/codec.ts';
import { IFLA_ADDRESS, IFLA_LINK, IFLA_MACVLAN_MODE, IFLA_MTU, IFLA_NET_NS_FD } from './netlink/constants.ts';
import { hasCode } from './netlink/error.ts';
import {
  correctLink,
  deletionOf,
  encodeLinkCreation,
  findLink,
  type Link,
  linkData,
  listLinks,
} from './netlink/link.ts';
import { encodeNeighbour, encodeNeighbourRemoval, listNeighbours, type Neighbour } from './netlink/neighbour.ts';
import { encodeRoute, encodeRouteRemoval, listRoutes, type Route } from './netlink/route.ts';
import { Netns } from './netns.ts';
import { podMac } from './pod-addressing.ts';
import { addressFaults, linkFaults, neighbourFaults, routeFaults } from './pod-link-check.ts';
import { applyRequests } from './reconcile-entries.ts';
import type { NetlinkRequest } from './netlink/socket.ts';
import { correctRateLimit, rateLimitFaults } from './shaping.ts';
import { applySysctls, quietIpv6, type Sysctls, withoutIpv6 } from './sysctl.ts';

/** A pod that is in the network of one of the node's interfaces, as a machine of its own. */
export interface MacvlanPod {
  readonly netnsPath: string;
  readonly ifname: string;
  /** IPv4 first. */
  readonly addresses: readonly string[];
  /** The node's interface. */
  readonly parent: string;
  /** What is on that network's link, and the way out of it. */
  readonly networks: readonly { readonly cidr: string; readonly gateway?: string }[];
  /** The node's own: the pod reaches them, and is reached from them, on the node. */
  readonly nodeAddresses: readonly string[];
  readonly egressBitsPerSecond?: number;
}

const MODE_BRIDGE = 4;

/**
 * Makes or corrects the pod's link. What it sends and gets does not pass the node's network: no policy holds for it, and
 * the caller sees to that. An interface and its macvlans do not hear each other, so the node has one beside the pods',
 * by which it reaches them.
 *
 * @throws NetnsError, NetlinkError; Error when the parent is not there.
 */
export function wireMacvlan(host: Netns, pod: MacvlanPod): void {
  const parent = requireLink(host, pod.parent);
  const shim = ensureShim(host, parent, pod);
  using inside = Netns.open(pod.netnsPath);
  const { rtnetlink } = inside;
  const before = findLink(rtnetlink, pod.ifname);
  if (before !== undefined && before.kind !== 'macvlan') {
    throw new Error(
      `${pod.netnsPath} has an interface '${pod.ifname}' that is not Weft's; delete the pod to get a new one`,
    );
  }
  const podEnd = before ?? createInside(host, inside, parent, pod);
  try {
    const loopback = findLink(rtnetlink, 'lo');
    if (loopback !== undefined) correctLink(rtnetlink, loopback, { up: true });
    correctLink(rtnetlink, podEnd, { mtu: parent.mtu, mac: podMac(pod) });
    correctRateLimit(rtnetlink, podEnd, pod.egressBitsPerSecond, before === undefined);
    applySysctls(inside, ipv6Sysctls(pod.ifname, pod));
    correctLink(rtnetlink, podEnd, { up: true });
    correctAddresses(rtnetlink, podEnd, pod.addresses);
    for (const neighbour of podNeighbours(pod, podEnd, shim)) rtnetlink.request(encodeNeighbour(neighbour));
    for (const route of podRoutes(pod, podEnd)) rtnetlink.request(encodeRoute(route));
    for (const neighbour of hostNeighbours(pod, shim)) host.rtnetlink.request(encodeNeighbour(neighbour));
    for (const route of hostRoutes(pod, shim)) host.rtnetlink.request(encodeRoute(route));
  } catch (error) {
    if (before === undefined) deleteInside(inside, pod.ifname);
    throw error;
  }
}

/** Takes the pod's link away. A namespace that is gone took it along. */
export function unwireMacvlan({ netnsPath, ifname }: Pick<MacvlanPod, 'netnsPath' | 'ifname'>): void {
  if (netnsPath === '' || !existsSync(netnsPath)) return;
  using inside = Netns.open(netnsPath);
  deleteInside(inside, ifname);
}

/** Takes the node's ways to these addresses away, by whatever interface's network. */
export function forgetMacvlan(host: Netns, addresses: readonly string[]): void {
  removeWays(host, (address) => addresses.includes(address));
}

/** Takes away ways to addresses that are none of `held`, and the node's macvlans that lead nowhere. */
export function tidyMacvlans(host: Netns, held: ReadonlySet<string>): void {
  removeWays(host, (address) => !held.has(address));
  for (const { index, name } of shims(host)) {
    const isUsed = listRoutes(host.rtnetlink, { ours: true }).some(({ interfaceIndex }) => interfaceIndex === index);
    if (!isUsed) host.rtnetlink.request(deletionOf(name));
  }
}

/** What is not as `wireMacvlan` makes it, as sentences. Writes nothing. */
export function checkMacvlan(host: Netns, pod: MacvlanPod): string[] {
  const [parent, shim] = [findLink(host.rtnetlink, pod.parent), findLink(host.rtnetlink, macvlanName(pod.parent))];
  if (parent === undefined || shim === undefined) return [`the node lacks ${pod.parent}, or its own macvlan on that`];
  using inside = Netns.open(pod.netnsPath);
  const podEnd = findLink(inside.rtnetlink, pod.ifname);
  if (podEnd?.kind !== 'macvlan') return [`the pod's ${pod.ifname} is no macvlan`];
  return [
    ...linkFaults(podEnd, parent.mtu, podMac(pod)),
    ...addressFaults(inside, podEnd, pod.addresses),
    ...rateLimitFaults(inside.rtnetlink, podEnd, pod.egressBitsPerSecond),
    ...routeFaults('the pod', inside, podEnd, podRoutes(pod, podEnd)),
    ...routeFaults('the node', host, shim, hostRoutes(pod, shim)),
    ...neighbourFaults('the pod', inside, podEnd, podNeighbours(pod, podEnd, shim)),
    ...neighbourFaults('the node', host, shim, hostNeighbours(pod, shim)),
  ];
}

function requireLink(host: Netns, name: string): Link {
  const link = findLink(host.rtnetlink, name);
  if (link !== undefined) return link;
  throw new Error(`the node has no interface '${name}'; see spec.macvlan.parent of the IPPool`);
}

/** It answers nobody's question for the node's addresses: those of the network would get two answers. */
function ensureShim(host: Netns, parent: Link, pod: MacvlanPod): Link {
  const name = macvlanName(parent.name);
  const mac = `0a:58:${shortHash(`macvlan/${parent.mac}`, 8).replaceAll(/..(?!$)/g, '$&:')}`;
  if (findLink(host.rtnetlink, name) === undefined) {
    host.rtnetlink.request(encodeMacvlan(name, parent, mac));
  }
  const shim = requireLink(host, name);
  correctLink(host.rtnetlink, shim, { mtu: parent.mtu, mac });
  applySysctls(host, { ...ipv6Sysctls(name, pod), [`ipv4/conf/${name}/arp_ignore`]: '8' });
  correctLink(host.rtnetlink, shim, { up: true });
  return { ...shim, mac };
}

function encodeMacvlan(name: string, parent: Link, mac: string, more: readonly Attribute[] = []): NetlinkRequest {
  return encodeLinkCreation(name, 'macvlan', linkData([[IFLA_MACVLAN_MODE, u32(MODE_BRIDGE)]]), [
    [IFLA_LINK, u32(parent.index)],
    [IFLA_ADDRESS, macBytes(mac)],
    [IFLA_MTU, u32(parent.mtu)],
    ...more,
  ]);
}

function createInside(host: Netns, inside: Netns, parent: Link, pod: MacvlanPod): Link {
  host.rtnetlink.request(encodeMacvlan(pod.ifname, parent, podMac(pod), [[IFLA_NET_NS_FD, u32(inside.fd)]]));
  const link = findLink(inside.rtnetlink, pod.ifname);
  if (link === undefined) throw new Error(`link ${pod.ifname} was removed while it was being set up`);
  return link;
}

function deleteInside(inside: Netns, ifname: string): void {
  if (findLink(inside.rtnetlink, ifname)?.kind !== 'macvlan') return;
  try {
    inside.rtnetlink.request(deletionOf(ifname));
  } catch (error) {
    if (!hasCode(error, 'ENODEV')) throw error;
  }
}

function shims(host: Netns): Link[] {
  return listLinks(host.rtnetlink).filter(({ name, kind }) => kind === 'macvlan' && name.startsWith(MACVLAN_PREFIX));
}

function removeWays(host: Netns, isMeant: (address: string) => boolean): void {
  const { rtnetlink } = host;
  for (const { index } of shims(host)) {
    const routes = listRoutes(rtnetlink, { ours: true }).filter(
      ({ interfaceIndex, destination }) => interfaceIndex === index && isMeant(destination.split('/')[0] ?? ''),
    );
    const neighbours = listNeighbours(rtnetlink, 'arp', index).filter(({ address }) => isMeant(address));
    applyRequests(rtnetlink, [...routes.map(encodeRouteRemoval), ...neighbours.map(encodeNeighbourRemoval)], true);
  }
}

function ipv6Sysctls(name: string, { addresses }: MacvlanPod): Sysctls {
  return addresses.some((address) => familyOf(address) === 6) ? quietIpv6(name) : withoutIpv6(name);
}

/** The node's addresses of the pod's families. */
function reachedNode({ nodeAddresses, addresses }: MacvlanPod): readonly string[] {
  const families = addresses.map(familyOf);
  return nodeAddresses.filter((address) => families.includes(familyOf(address)));
}

function podRoutes(pod: MacvlanPod, { index }: Link): Route[] {
  const direct = [...reachedNode(pod).map(hostCidr), ...pod.networks.map(({ cidr }) => cidr)];
  const gateways = pod.networks.flatMap(({ gateway }) => (gateway === undefined ? [] : [gateway]));
  return [
    ...direct.map((destination): Route => ({ destination, type: 'unicast', interfaceIndex: index })),
    ...gateways.map((gateway): Route => {
      const destination = familyOf(gateway) === 4 ? '0.0.0.0/0' : '::/0';
      return { destination, type: 'unicast', interfaceIndex: index, gateway, onlink: true };
    }),
  ];
}

function podNeighbours(pod: MacvlanPod, { index }: Link, { mac = '' }: Link): Neighbour[] {
  return reachedNode(pod).map((address) => ({ table: 'arp', interfaceIndex: index, address, mac }));
}

function hostRoutes({ addresses }: MacvlanPod, { index }: Link): Route[] {
  return addresses.map((address) => ({ destination: hostCidr(address), type: 'unicast', interfaceIndex: index }));
}

function hostNeighbours(pod: MacvlanPod, { index }: Link): Neighbour[] {
  return pod.addresses.map((address) => ({ table: 'arp', interfaceIndex: index, address, mac: podMac(pod) }));
}
