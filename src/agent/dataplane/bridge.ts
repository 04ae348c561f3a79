import { compareIps, familyOf } from '../../lib/ip.ts';
import { BRIDGE_PREFIX } from '../../model/node/names.ts';
import { type Attribute, macBytes, parseAttributes, readMac, text, u8, u32 } from './netlink/codec.ts';
import {
  AF_BRIDGE,
  BRIDGE,
  IFLA_ADDRESS,
  IFLA_BRPORT,
  IFLA_INFO_SLAVE_DATA,
  IFLA_INFO_SLAVE_KIND,
  IFLA_LINKINFO,
  IFLA_MASTER,
  IFLA_MTU,
  NDA_LLADDR,
  NDA_MASTER,
  NLM_F_CREATE,
  NLM_F_REPLACE,
  NTF_MASTER,
  NUD_NOARP,
  RTM_GETNEIGH,
  RTM_NEWLINK,
  RTM_NEWNEIGH,
} from './netlink/constants.ts';
import {
  correctLink,
  encodeLinkCreation,
  deletionOf,
  findLink,
  type Link,
  linkData,
  linkHeader,
  listLinks,
} from './netlink/link.ts';
import { encodeNeighbourRemoval, listNeighbours } from './netlink/neighbour.ts';
import { encodeRouteRemoval, listRoutes } from './netlink/route.ts';
import type { Netns } from './netns.ts';
import { HOST_END_MAC, hostNeighbours, hostRoutes, type PodLink, podMac } from './pod-addressing.ts';
import { applyRequests } from './reconcile-entries.ts';
import { applySysctls, quietIpv6, type Sysctls } from './sysctl.ts';

/** A pod whose host end is a port of a bridge. */
export type BridgedPod = PodLink & { readonly bridge: string };

export function isBridged(pod: PodLink): pod is BridgedPod {
  return pod.bridge !== undefined;
}

/**
 * Makes the host end a port of the pod's bridge, which is made with its first port. Nothing is flooded or learned, the
 * bridge has the MAC of a host end, and the guard (`nft/bridge-guard.ts`) takes frames to that MAC only. So the node
 * routes between its pods, and its policy holds, as without a bridge.
 *
 * Where br_netfilter is on, a packet whose destination was translated to a pod of the same bridge is not routed but
 * bridged, by the forward hook all the same, and through its own port when a pod dials itself: hence hairpin, and no
 * isolated ports.
 *
 * @returns the bridge, which the pod's addresses are behind.
 */
export function joinBridge(host: Netns, hostEnd: Link, pod: BridgedPod): Link {
  const { rtnetlink } = host;
  const bridge = findLink(rtnetlink, pod.bridge) ?? createBridge(host, pod);
  if (bridge.kind !== 'bridge') throw new Error(`the node's interface ${pod.bridge} must be a bridge of Weft's`);
  correctLink(rtnetlink, bridge, { mtu: pod.mtu, mac: HOST_END_MAC });
  applySysctls(host, bridgeSysctls(pod));
  correctLink(rtnetlink, bridge, { up: true });
  if (hostEnd.masterIndex !== bridge.index) {
    const [what, header] = [`make ${hostEnd.name} a port of ${pod.bridge}`, linkHeader(hostEnd.index)];
    rtnetlink.request({ what, type: RTM_NEWLINK, header, attributes: [[IFLA_MASTER, u32(bridge.index)]] });
  }
  rtnetlink.request({
    what: `set up port ${hostEnd.name} of ${pod.bridge}`,
    type: RTM_NEWLINK,
    header: linkHeader(hostEnd.index),
    attributes: [
      [
        IFLA_LINKINFO,
        [
          [IFLA_INFO_SLAVE_KIND, text('bridge')],
          [
            IFLA_INFO_SLAVE_DATA,
            [
              [IFLA_BRPORT.hairpin, u8(1)],
              [IFLA_BRPORT.learning, u8(0)],
              [IFLA_BRPORT.unicastFlood, u8(0)],
              [IFLA_BRPORT.multicastFlood, u8(0)],
              [IFLA_BRPORT.broadcastFlood, u8(0)],
            ],
          ],
        ],
      ],
    ],
  });
  rtnetlink.request({
    what: `write forwarding entry ${podMac(pod)} dev ${hostEnd.name}`,
    type: RTM_NEWNEIGH,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    header: forwardingHeader(hostEnd.index),
    attributes: [[NDA_LLADDR, macBytes(podMac(pod))]],
  });
  return bridge;
}

/** Takes the node's way to the pod off the bridge; the port goes with its link. Nothing there is success. */
export function leaveBridge(host: Netns, pod: BridgedPod): void {
  const bridge = findLink(host.rtnetlink, pod.bridge);
  if (bridge === undefined) return;
  const routes = hostRoutes(pod, bridge.index).map(encodeRouteRemoval);
  const neighbours = hostNeighbours(pod, bridge.index).map(encodeNeighbourRemoval);
  applyRequests(host.rtnetlink, [...routes, ...neighbours], true);
}

/** What the pods behind a bridge have: addresses by the index of the port, IPv4 first. */
export function addressesByPort(host: Netns, bridge: Link): ReadonlyMap<number, readonly string[]> {
  const macs = new Map(
    listNeighbours(host.rtnetlink, 'arp', bridge.index).map(({ address, mac }) => [address, mac] as const),
  );
  const entries = host.rtnetlink.dump({
    what: `list forwarding entries of ${bridge.name}`,
    type: RTM_GETNEIGH,
    header: forwardingHeader(0, 0, 0),
    attributes: [[NDA_MASTER, u32(bridge.index)]],
  });
  const fixed = entries.filter(({ body }) => (body.readUInt16LE(8) & NUD_NOARP) !== 0);
  const ports = fixed.map(({ body }) => [body.readInt32LE(4), readMac(parseAttributes(body, 12).get(NDA_LLADDR))]);
  return new Map(
    ports.map(([port, mac]) => {
      const addresses = [...macs].flatMap(([address, at]) => (at === mac ? [address] : []));
      return [Number(port), addresses.sort(compareIps)] as const;
    }),
  );
}

/** Takes away bridges without ports, and ways by the others to addresses that are none of `held`. */
export function tidyBridges(host: Netns, held: ReadonlySet<string>): string[] {
  const { rtnetlink } = host;
  const links = listLinks(rtnetlink);
  const bridges = links.filter(({ name, kind }) => kind === 'bridge' && name.startsWith(BRIDGE_PREFIX));
  return bridges.flatMap(({ index, name }) => {
    if (!links.some(({ masterIndex }) => masterIndex === index)) {
      rtnetlink.request(deletionOf(name));
      return [`delete bridge ${name}, which has no port`];
    }
    const isStale = (address = '') => !held.has(address);
    const routes = listRoutes(rtnetlink, { ours: true }).filter(
      ({ interfaceIndex, destination }) => interfaceIndex === index && isStale(destination.split('/')[0]),
    );
    const neighbours = listNeighbours(rtnetlink, 'arp', index).filter(({ address }) => isStale(address));
    return applyRequests(
      rtnetlink,
      [...routes.map(encodeRouteRemoval), ...neighbours.map(encodeNeighbourRemoval)],
      true,
    );
  });
}

function createBridge(host: Netns, { bridge, mtu }: BridgedPod): Link {
  const data = linkData([
    [BRIDGE.forwardDelay, u32(0)],
    [BRIDGE.multicastSnooping, u8(0)],
  ]);
  const own: Attribute[] = [
    [IFLA_ADDRESS, macBytes(HOST_END_MAC)],
    [IFLA_MTU, u32(mtu)],
  ];
  host.rtnetlink.request(encodeLinkCreation(bridge, 'bridge', data, own));
  const link = findLink(host.rtnetlink, bridge);
  if (link === undefined) throw new Error(`link ${bridge} was removed while it was being set up`);
  return link;
}

function bridgeSysctls({ bridge, addresses }: BridgedPod): Sysctls {
  const ipv6 = addresses.some((address) => familyOf(address) === 6) ? quietIpv6(bridge) : {};
  return { ...ipv6, [`ipv4/conf/${bridge}/rp_filter`]: '1' };
}

/** struct ndmsg of an entry that is neither learned nor the bridge's own. */
function forwardingHeader(portIndex: number, state = NUD_NOARP, flags = NTF_MASTER): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt8(AF_BRIDGE, 0);
  bytes.writeInt32LE(portIndex, 4);
  bytes.writeUInt16LE(state, 8);
  bytes.writeUInt8(flags, 10);
  return bytes;
}
