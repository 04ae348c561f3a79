import { familyOf } from '../../lib/ip.ts';
import { VXLAN_INTERFACE } from '../../model/node/names.ts';
import { type Attribute, ipBytes, macBytes, portBytes, u8, u32 } from './netlink/codec.ts';
import {
  IFLA_ADDRESS,
  IFLA_MTU,
  IFLA_VXLAN_ID,
  IFLA_VXLAN_LEARNING,
  IFLA_VXLAN_LOCAL,
  IFLA_VXLAN_LOCAL6,
  IFLA_VXLAN_PORT,
} from './netlink/constants.ts';
import { correctLink, deletionOf, encodeLinkCreation, findLink, type Link, linkData } from './netlink/link.ts';
import type { Netns } from './netns.ts';
import { applySysctls, quietIpv6, withoutIpv6 } from './sysctl.ts';

/** The device that carries pods' packets between nodes. */
export interface VxlanDevice {
  /** Underlay address of this node: the outer source. */
  readonly localAddress: string;
  /** The device's own MAC: peers address frames to it. */
  readonly tunnelMac: string;
  /** Bytes, of inner packets. */
  readonly mtu: number;
  readonly vni: number;
  /** UDP, outer destination. */
  readonly port: number;
  /** Whether packets of IPv6 travel inside. */
  readonly hasIpv6: boolean;
}

/**
 * Makes or corrects the device; says what it wrote. VNI, port, outer source and learning cannot be changed on a live
 * device: when one differs it is made anew, and everything that was on it is gone.
 */
export function applyVxlanDevice(
  host: Netns,
  device: VxlanDevice,
): { readonly link: Link; readonly written: string[] } {
  const written: string[] = [];
  const { rtnetlink } = host;
  let link = findLink(rtnetlink, VXLAN_INTERFACE);
  if (link !== undefined && !isSameTunnel(link, device)) {
    rtnetlink.request(deletionOf(VXLAN_INTERFACE));
    written.push(`delete link ${VXLAN_INTERFACE}, whose fixed attributes differ`);
    link = undefined;
  }
  if (link === undefined) {
    const creation = encodeLinkCreation(VXLAN_INTERFACE, 'vxlan', linkData(tunnelAttributes(device)), [
      [IFLA_ADDRESS, macBytes(device.tunnelMac)],
      [IFLA_MTU, u32(device.mtu)],
    ]);
    rtnetlink.request(creation);
    written.push(`create link ${VXLAN_INTERFACE}`);
    link = findLink(rtnetlink, VXLAN_INTERFACE);
    if (link === undefined) throw new Error(`link ${VXLAN_INTERFACE} was removed while it was being set up`);
  }
  const corrected = correctLink(rtnetlink, link, { mtu: device.mtu, mac: device.tunnelMac });
  const ipv6 = device.hasIpv6 ? quietIpv6 : withoutIpv6;
  written.push(...applySysctls(host, ipv6(VXLAN_INTERFACE)));
  const risen = correctLink(rtnetlink, link, { up: true });
  if (corrected || risen) written.push(`set up link ${VXLAN_INTERFACE}`);
  return { link, written };
}

function isSameTunnel({ kind, vxlan }: Link, { vni, port, localAddress }: VxlanDevice): boolean {
  return (
    kind === 'vxlan' &&
    vxlan !== undefined &&
    vxlan.vni === vni &&
    vxlan.port === port &&
    vxlan.localAddress === localAddress &&
    !vxlan.learning
  );
}

/** No learning: who is behind which node is told, never guessed from packets. */
function tunnelAttributes({ vni, port, localAddress }: VxlanDevice): Attribute[] {
  return [
    [IFLA_VXLAN_ID, u32(vni)],
    [familyOf(localAddress) === 4 ? IFLA_VXLAN_LOCAL : IFLA_VXLAN_LOCAL6, ipBytes(localAddress)],
    [IFLA_VXLAN_LEARNING, u8(0)],
    [IFLA_VXLAN_PORT, portBytes(port)],
  ];
}
