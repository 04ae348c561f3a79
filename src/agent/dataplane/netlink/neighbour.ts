import { type Attribute, ipBytes, macBytes, parseAttributes, readIp, readMac, u32 } from './codec.ts';
import { familyOf } from '../../../lib/ip.ts';
import {
  AF_BRIDGE,
  AF_INET,
  AF_INET6,
  NDA_DST,
  NDA_IFINDEX,
  NDA_LLADDR,
  NLM_F_CREATE,
  NLM_F_REPLACE,
  NTF_SELF,
  NUD_PERMANENT,
  RTM_DELNEIGH,
  RTM_GETNEIGH,
  RTM_NEWNEIGH,
} from './constants.ts';
import type { NetlinkRequest, NetlinkSocket } from './socket.ts';

/**
 * A permanent neighbour. `arp` (neighbour discovery with IPv6): on this interface, `address` is reached at `mac`. `forwarding`: on this VXLAN device,
 * frames for `mac` go into packets to `address`.
 */
export interface Neighbour {
  readonly table: 'arp' | 'forwarding';
  readonly interfaceIndex: number;
  readonly address: string;
  readonly mac: string;
}

/** Adds the entry, or puts it in the place of the one with the same key. */
export function encodeNeighbour(neighbour: Neighbour): NetlinkRequest {
  return {
    what: `write ${neighbourText(neighbour)}`,
    type: RTM_NEWNEIGH,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    header: header(neighbour, NUD_PERMANENT),
    attributes: attributesOf(neighbour),
  };
}

/** ENOENT when there is none. */
export function encodeNeighbourRemoval(neighbour: Neighbour): NetlinkRequest {
  return {
    what: `remove ${neighbourText(neighbour)}`,
    type: RTM_DELNEIGH,
    header: header(neighbour, 0),
    attributes: attributesOf(neighbour),
  };
}

/** Parses the body of RTM_NEWNEIGH. Undefined for what is not permanent, or has no address or no MAC. */
export function parseNeighbour(body: Buffer): Neighbour | undefined {
  const attributes = parseAttributes(body, 12);
  const address = readIp(attributes.get(NDA_DST));
  const mac = readMac(attributes.get(NDA_LLADDR));
  if (address === undefined || mac === undefined || (body.readUInt16LE(8) & NUD_PERMANENT) === 0) return undefined;
  const table = body.readUInt8(0) === AF_BRIDGE ? 'forwarding' : 'arp';
  return { table, interfaceIndex: body.readInt32LE(4), address, mac };
}

/** The permanent ones of one interface, of both families. */
export function listNeighbours(socket: NetlinkSocket, table: Neighbour['table'], interfaceIndex: number): Neighbour[] {
  const messages = (table === 'arp' ? [AF_INET, AF_INET6] : [AF_BRIDGE]).flatMap((family) => {
    const start = Buffer.alloc(12);
    start.writeUInt8(family, 0);
    return socket.dump({
      what: `list ${table} neighbours of interface ${interfaceIndex}`,
      type: RTM_GETNEIGH,
      header: start,
      attributes: [[NDA_IFINDEX, u32(interfaceIndex)]],
    });
  });
  const neighbours = messages.flatMap(({ body }) => parseNeighbour(body) ?? []);
  return neighbours.filter((neighbour) => neighbour.interfaceIndex === interfaceIndex && neighbour.table === table);
}

/** One line; equal text is an equal entry. */
export function neighbourText({ table, interfaceIndex, address, mac }: Neighbour): string {
  const [key, value] = table === 'arp' ? [address, mac] : [mac, address];
  return `${table} neighbour ${key} at ${value} dev #${interfaceIndex}`;
}

/** What the kernel holds only once. */
export function neighbourKey({ table, interfaceIndex, address, mac }: Neighbour): string {
  return `${table} ${interfaceIndex} ${table === 'arp' ? address : mac}`;
}

/** struct ndmsg: family, index, state, flags, type. */
function header({ table, interfaceIndex, address }: Neighbour, state: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt8(table === 'forwarding' ? AF_BRIDGE : familyOf(address) === 4 ? AF_INET : AF_INET6, 0);
  bytes.writeInt32LE(interfaceIndex, 4);
  bytes.writeUInt16LE(state, 8);
  bytes.writeUInt8(table === 'forwarding' ? NTF_SELF : 0, 10);
  return bytes;
}

function attributesOf({ address, mac }: Neighbour): Attribute[] {
  return [
    [NDA_DST, ipBytes(address)],
    [NDA_LLADDR, macBytes(mac)],
  ];
}
