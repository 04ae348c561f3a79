import { familyOf, hostCidr } from '../../lib/ip.ts';
import type { PeerIr, PoolIr } from '../../model/node/ir.ts';
import { type BlockRoute, routesToPeer } from '../../model/node/block-routes.ts';
import { correctAddresses } from './netlink/address.ts';
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
import type { Underlay } from './underlay.ts';
import { applyVxlanDevice, type VxlanDevice } from './vxlan-device.ts';

export interface VxlanNetwork extends VxlanDevice {
  /** On the device: sources of what the node itself sends to remote pods. None until the node owns a block. */
  readonly tunnelAddresses: readonly string[];
  readonly underlay: Underlay;
  /** They say how packets for their blocks travel. */
  readonly pools: readonly PoolIr[];
  /** The other nodes, never this one. */
  readonly peers: readonly PeerIr[];
}

/**
 * Makes the way to other nodes' pods as described: the tunnel's device and, for each peer, where its frames go
 * (forwarding entry), how its tunnel address is reached (neighbour), and its blocks (routes, through the tunnel or
 * directly). The tunnel stays where no pool uses it: nodes do not change their ways at the same moment. Reads what the kernel has and
 * writes the difference, additions before removals; what is right is not touched. Says what it wrote, in order.
 *
 * @throws NetlinkError at the first refusal; calling again goes on from there.
 */
export function applyVxlan(host: Netns, network: VxlanNetwork): string[] {
  const { link, written } = applyVxlanDevice(host, network);
  const socket = host.rtnetlink;
  const wanted = translatePeers(network, link.index);
  // What has a gateway, or goes into the tunnel, leads to a peer; a pod's own route does neither.
  const presentRoutes = listRoutes(socket, { ours: true }).filter(
    ({ gateway, interfaceIndex }) => gateway !== undefined || interfaceIndex === link.index,
  );
  const forwarding = planEntries(NEIGHBOUR, wanted.forwarding, listNeighbours(socket, 'forwarding', link.index));
  const arp = planEntries(NEIGHBOUR, wanted.arp, listNeighbours(socket, 'arp', link.index));
  const routes = planEntries(ROUTE, wanted.routes, presentRoutes);
  return [
    ...written,
    ...correctAddresses(socket, link, network.tunnelAddresses),
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

function translatePeers({ peers, pools, underlay }: VxlanNetwork, interfaceIndex: number): PeerEntries {
  const routeOf = ({ block, way, gateway }: BlockRoute): Route => ({
    destination: block,
    type: 'unicast',
    interfaceIndex: way === 'tunnel' ? interfaceIndex : underlay.index,
    gateway,
    ...(way === 'tunnel' && { onlink: true }),
  });
  return {
    forwarding: peers.map(({ address, tunnelMac }) => ({
      table: 'forwarding',
      interfaceIndex,
      address,
      mac: tunnelMac,
    })),
    arp: peers.flatMap(({ tunnelAddresses, tunnelMac }) =>
      tunnelAddresses.map((address): Neighbour => ({ table: 'arp', interfaceIndex, address, mac: tunnelMac })),
    ),
    routes: peers.flatMap((peer) => {
      const routes = routesToPeer(peer, pools, underlay.subnets);
      return [...gatewayRoutes(routes, interfaceIndex), ...routes.map(routeOf)];
    }),
  };
}

/**
 * To the gateways of IPv6 in the tunnel. `onlink` is not enough there: the kernel refuses a gateway to which any route
 * but a default one leads by another interface, as the direct route to the same block does, or one to the whole pool.
 */
function gatewayRoutes(routes: readonly BlockRoute[], interfaceIndex: number): readonly Route[] {
  const gateways = routes.filter(({ way, gateway }) => way === 'tunnel' && familyOf(gateway) === 6);
  return [...new Set(gateways.map(({ gateway }) => gateway))].map((gateway) => ({
    destination: hostCidr(gateway),
    type: 'unicast',
    interfaceIndex,
  }));
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
