import { compareIps, hostCidr } from '../../lib/ip.ts';
import { encodeRouteRemoval, listRoutes } from './netlink/route.ts';
import { BRIDGE_PREFIX, POD_INTERFACE_PREFIX } from '../../model/node/names.ts';
import { addressesByPort } from './bridge.ts';
import { type Link, listLinks } from './netlink/link.ts';
import type { Netns } from './netns.ts';
import { applyRequests } from './reconcile-entries.ts';

/** The host end of an attachment, as the kernel has it. */
export interface PodInterface {
  readonly name: string;
  readonly index: number;
  readonly mtu: number;
  /** That the node's routes lead to, IPv4 first; none when there are none (an ADD that was killed half-way). */
  readonly addresses: readonly string[];
  /** That it is a port of; absent: it is a way of its own. */
  readonly bridge?: string;
}

/** All host ends of this node, whoever remembers them: for garbage collection and for rebuilding a lost journal. */
export function listPodInterfaces(host: Netns): PodInterface[] {
  const addresses = new Map<number, string[]>();
  for (const { destination, interfaceIndex } of listRoutes(host.rtnetlink, { ours: true })) {
    const [address = ''] = destination.split('/');
    if (destination !== hostCidr(address) || interfaceIndex === undefined) continue;
    addresses.set(interfaceIndex, [...(addresses.get(interfaceIndex) ?? []), address].sort(compareIps));
  }
  const links = listLinks(host.rtnetlink);
  const isBridge = ({ name, kind }: Link) => name.startsWith(BRIDGE_PREFIX) && kind === 'bridge';
  const bridges = new Map(links.filter(isBridge).map((bridge) => [bridge.index, bridge]));
  for (const bridge of bridges.values()) {
    const routed = new Set(addresses.get(bridge.index));
    for (const [port, own] of addressesByPort(host, bridge)) {
      addresses.set(
        port,
        own.filter((address) => routed.has(address)),
      );
    }
  }
  return links
    .filter(({ name, kind }) => name.startsWith(POD_INTERFACE_PREFIX) && kind === 'veth')
    .map(({ name, index, mtu, masterIndex = 0 }) => {
      const bridge = bridges.get(masterIndex)?.name;
      return { name, index, mtu, addresses: addresses.get(index) ?? [], ...(bridge === undefined ? {} : { bridge }) };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Takes away what of our routes leads through a host end to other addresses than these. */
export function removeStrayRoutes(host: Netns, hostInterface: string, addresses: readonly string[]): void {
  const index = listLinks(host.rtnetlink).find(({ name }) => name === hostInterface)?.index;
  const own = new Set(addresses.map(hostCidr));
  const strays = listRoutes(host.rtnetlink, { ours: true }).filter(
    ({ destination, interfaceIndex }) => index !== undefined && interfaceIndex === index && !own.has(destination),
  );
  applyRequests(host.rtnetlink, strays.map(encodeRouteRemoval), true);
}
