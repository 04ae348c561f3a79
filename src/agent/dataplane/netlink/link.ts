import { type Attribute, macBytes, parseAttributes, readIp, readMac, readText, text, u32 } from './codec.ts';
import {
  IF_OPER_UP,
  IFF_UP,
  IFLA_ADDRESS,
  IFLA_EXT_MASK,
  IFLA_IFNAME,
  IFLA_INFO_DATA,
  IFLA_INFO_KIND,
  IFLA_LINK,
  IFLA_LINKINFO,
  IFLA_MASTER,
  IFLA_MTU,
  IFLA_OPERSTATE,
  IFLA_VXLAN_ID,
  IFLA_VXLAN_LEARNING,
  IFLA_VXLAN_LOCAL,
  IFLA_VXLAN_LOCAL6,
  IFLA_VXLAN_PORT,
  NLM_F_CREATE,
  NLM_F_EXCL,
  RTEXT_FILTER_SKIP_STATS,
  RTM_DELLINK,
  RTM_GETLINK,
  RTM_NEWLINK,
} from './constants.ts';
import { hasCode } from './error.ts';
import type { NetlinkRequest, NetlinkSocket } from './socket.ts';

export interface Link {
  readonly index: number;
  readonly name: string;
  /** `veth`, `vxlan`, `bridge`; undefined for hardware and loopback. */
  readonly kind: string | undefined;
  /** Administratively up. */
  readonly up: boolean;
  /** The kernel sends on it. A carrier is not enough: its queue is connected behind that, and drops until then. */
  readonly isSending: boolean;
  readonly mtu: number;
  readonly mac: string | undefined;
  /** For a veth: index of the other end, in the other end's namespace. */
  readonly peerIndex: number | undefined;
  /** Of a bridge's port: the bridge's; absent elsewhere. */
  readonly masterIndex?: number;
  /** For a VXLAN device. */
  readonly vxlan: VxlanAttributes | undefined;
}

interface VxlanAttributes {
  readonly vni: number | undefined;
  readonly localAddress: string | undefined;
  readonly port: number | undefined;
  readonly learning: boolean;
}

/** struct ifinfomsg: family, type, index, flags, which flags change. */
export function linkHeader(index = 0, flags = 0, change = 0): Buffer {
  const header = Buffer.alloc(16);
  header.writeInt32LE(index, 4);
  header.writeUInt32LE(flags, 8);
  header.writeUInt32LE(change, 12);
  return header;
}

/** Parses the body of RTM_NEWLINK. */
export function parseLink(body: Buffer): Link {
  const attributes = parseAttributes(body, 16);
  const info = parseAttributes(attributes.get(IFLA_LINKINFO) ?? Buffer.alloc(0));
  const masterIndex = attributes.get(IFLA_MASTER)?.readUInt32LE();
  const kind = readText(info.get(IFLA_INFO_KIND));
  return {
    index: body.readInt32LE(4),
    name: readText(attributes.get(IFLA_IFNAME)) ?? '',
    kind,
    up: (body.readUInt32LE(8) & IFF_UP) !== 0,
    isSending: attributes.get(IFLA_OPERSTATE)?.readUInt8() === IF_OPER_UP,
    mtu: attributes.get(IFLA_MTU)?.readUInt32LE() ?? 0,
    mac: readMac(attributes.get(IFLA_ADDRESS)),
    peerIndex: attributes.get(IFLA_LINK)?.readUInt32LE(),
    ...(masterIndex !== undefined && { masterIndex }),
    vxlan: kind === 'vxlan' ? parseVxlan(parseAttributes(info.get(IFLA_INFO_DATA) ?? Buffer.alloc(0))) : undefined,
  };
}

function parseVxlan(data: ReadonlyMap<number, Buffer>): VxlanAttributes {
  return {
    vni: data.get(IFLA_VXLAN_ID)?.readUInt32LE(),
    localAddress: readIp(data.get(IFLA_VXLAN_LOCAL) ?? data.get(IFLA_VXLAN_LOCAL6)),
    port: data.get(IFLA_VXLAN_PORT)?.readUInt16BE(),
    learning: data.get(IFLA_VXLAN_LEARNING)?.readUInt8() === 1,
  };
}

export function listLinks(socket: NetlinkSocket): Link[] {
  const request = { what: 'list links', type: RTM_GETLINK, header: linkHeader(), attributes: [WITHOUT_STATISTICS] };
  return socket.dump(request).map(({ body }) => parseLink(body));
}

/** Undefined when no link has this name. */
export function findLink(socket: NetlinkSocket, name: string): Link | undefined {
  const attributes: Attribute[] = [[IFLA_IFNAME, text(name)], WITHOUT_STATISTICS];
  try {
    return parseLink(
      socket.get({ what: `find link ${name}`, type: RTM_GETLINK, header: linkHeader(), attributes }).body,
    );
  } catch (error) {
    if (hasCode(error, 'ENODEV')) return undefined;
    throw error;
  }
}

const WITHOUT_STATISTICS: Attribute = [IFLA_EXT_MASK, u32(RTEXT_FILTER_SKIP_STATS)];

/** Makes a link, down. EEXIST when the name is taken. */
export function encodeLinkCreation(name: string, kind: string, data: Attribute, more: Attribute[]): NetlinkRequest {
  return {
    what: `create ${kind} link ${name}`,
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    header: linkHeader(),
    attributes: [[IFLA_IFNAME, text(name)], ...more, [IFLA_LINKINFO, [[IFLA_INFO_KIND, text(kind)], data]]],
  };
}

/** The value of IFLA_INFO_DATA in `encodeLinkCreation`. */
export function linkData(value: Attribute[1]): Attribute {
  return [IFLA_INFO_DATA, value];
}

/** What of a link can be changed while it lives. */
export interface LinkSettings {
  readonly up?: true;
  readonly mtu?: number;
  readonly mac?: string;
}

/** Writes what differs from `link`, if anything; true when it wrote. */
export function correctLink(socket: NetlinkSocket, link: Link, settings: LinkSettings): boolean {
  const corrections = encodeLinkCorrections(link, settings);
  socket.requestAll(corrections);
  return corrections.length > 0;
}

/** What differs from `link`: one request or none. */
export function encodeLinkCorrections(link: Link, { up, mtu, mac }: LinkSettings): NetlinkRequest[] {
  const attributes: Attribute[] = [];
  if (mtu !== undefined && mtu !== link.mtu) attributes.push([IFLA_MTU, u32(mtu)]);
  if (mac !== undefined && mac !== link.mac) attributes.push([IFLA_ADDRESS, macBytes(mac)]);
  const rises = up === true && !link.up;
  if (attributes.length === 0 && !rises) return [];
  const header = rises ? linkHeader(link.index, IFF_UP, IFF_UP) : linkHeader(link.index);
  return [{ what: `set up link ${link.name}`, type: RTM_NEWLINK, header, attributes }];
}

/** For `request` or `requestOnPoolThread`: the kernel takes 15 to 30 ms for it. ENODEV when there is none. */
export function deletionOf(name: string): NetlinkRequest {
  return {
    what: `delete link ${name}`,
    type: RTM_DELLINK,
    header: linkHeader(),
    attributes: [[IFLA_IFNAME, text(name)]],
  };
}
