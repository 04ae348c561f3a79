import type { PeerIr } from '../../model/node/ir.ts';
import { correctAddress } from './netlink/address.ts';
import {
  encodeNeighbour,
  encodeNeighbourRemoval,
  listNeighbours,
  type Neighbour,
  neighbourKey,
  neighbourText,
} from './netlink/neighbour.ts';
import { encodeRoute, encodeRouteRemoval, listRoutes, type Route, routeKey, routeText } from './netlink/route.ts';
import type { Netns } from './netns.ts';
import { applyRequests, type EntryKind, planEntries } from './reconcile-entries.ts';
import { applyVxlanDevice, type VxlanDevice } from './vxlan-device.ts';

export interface VxlanNetwork extends VxlanDevice {
  /** On the device, /32: source of what the node itself sends to remote pods. Absent until the node owns a block. */
  readonly tunnelAddress?: string | undefined;
  /** The other nodes, never this one. */
  readonly peers: readonly PeerIr[];
}

/**
 * Makes the node's tunnel as described: the device and, for each peer, where its frames go (forwarding entry), how
 * its tunnel address is reached (neighbour) and which blocks are behind it (routes). Reads what the kernel has and
 * writes the difference, additions before removals; what is right is not touched. Says what it wrote, in order.
 *
 * @throws NetlinkError at the first refusal; calling again goes on from there.
 */
export function applyVxlan(host: Netns, network: VxlanNetwork): string[] {
  const { link, written } = applyVxlanDevice(host, network);
  const socket = host.rtnetlink;
  const wanted = translatePeers(network.peers, link.index);
  const presentRoutes = listRoutes(socket, { ours: true }).filter(
    ({ interfaceIndex }) => interfaceIndex === link.index,
  );
  const forwarding = planEntries(NEIGHBOUR, wanted.forwarding, listNeighbours(socket, 'forwarding', link.index));
  const arp = planEntries(NEIGHBOUR, wanted.arp, listNeighbours(socket, 'arp', link.index));
  const routes = planEntries(ROUTE, wanted.routes, presentRoutes);
  return [
    ...written,
    ...correctAddress(socket, link, network.tunnelAddress),
    ...applyRequests(socket, [...forwarding.writes, ...arp.writes, ...routes.writes], false),
    ...applyRequests(socket, [...routes.removals, ...arp.removals, ...forwarding.removals], true),
  ];
}

/**
 * Drops what is sent to addresses of the node's own `blocks` that no pod holds, instead of letting it out by the
 * default route. Each pod's own route is more specific and goes before. Writes the difference; says what it wrote.
 */
export function applyOwnBlocks(host: Netns, blocks: readonly string[]): string[] {
  const present = listRoutes(host.rtnetlink, { ours: true }).filter(({ type }) => type === 'blackhole');
  const wanted = blocks.map((destination): Route => ({ destination, type: 'blackhole' }));
  const { writes, removals } = planEntries(ROUTE, wanted, present);
  return [...applyRequests(host.rtnetlink, writes, false), ...applyRequests(host.rtnetlink, removals, true)];
}

interface PeerEntries {
  readonly forwarding: readonly Neighbour[];
  readonly arp: readonly Neighbour[];
  readonly routes: readonly Route[];
}

function translatePeers(peers: readonly PeerIr[], interfaceIndex: number): PeerEntries {
  return {
    forwarding: peers.map(({ address, tunnelMac }) => ({
      table: 'forwarding',
      interfaceIndex,
      address,
      mac: tunnelMac,
    })),
    arp: peers.map(({ tunnelAddress, tunnelMac }) => ({
      table: 'arp',
      interfaceIndex,
      address: tunnelAddress,
      mac: tunnelMac,
    })),
    routes: peers.flatMap(({ blocks, tunnelAddress }) =>
      blocks.map(
        (destination): Route => ({
          destination,
          type: 'unicast',
          interfaceIndex,
          gateway: tunnelAddress,
          onlink: true,
        }),
      ),
    ),
  };
}

const NEIGHBOUR: EntryKind<Neighbour> = {
  key: neighbourKey,
  text: neighbourText,
  encode: encodeNeighbour,
  encodeRemoval: encodeNeighbourRemoval,
};

const ROUTE: EntryKind<Route> = {
  key: routeKey,
  text: routeText,
  encode: encodeRoute,
  encodeRemoval: encodeRouteRemoval,
};
