import { endianness } from 'node:os';
import { bitsOf, formatIp, type Ip, parseIp } from '../../../lib/ip.ts';

/**
 * Messages and attributes of netlink (RFC 3549; include/uapi/linux/netlink.h). Pure. Integers are in host byte order,
 * which is little-endian on every machine Node runs on under Linux except s390x: that one is refused.
 */
if (endianness() !== 'LE') throw new Error('Weft runs on little-endian machines only');

/** Type and value; a list is a nest of attributes. */
export type Attribute = readonly [type: number, value: Uint8Array | readonly Attribute[]];

/** One received message: `body` is what follows the 16 bytes of nlmsghdr. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly body: Buffer;
}

const HEADER_BYTES = 16;
const NLA_F_NESTED = 0x8000;
/** Without NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
const NLA_TYPE_MASK = 0x3fff;

/** A whole message: nlmsghdr, `header` (the family's fixed struct) and attributes, each padded to four bytes. */
export function encodeMessage(
  type: number,
  flags: number,
  sequence: number,
  header: Uint8Array,
  attributes: readonly Attribute[],
): Buffer {
  const body = Buffer.concat([padded(header), encodeAttributes(attributes)]);
  const start = Buffer.alloc(HEADER_BYTES);
  start.writeUInt32LE(HEADER_BYTES + body.length, 0);
  start.writeUInt16LE(type, 4);
  start.writeUInt16LE(flags, 6);
  start.writeUInt32LE(sequence, 8);
  return Buffer.concat([start, body]);
}

/** @throws RangeError when a value is longer than the 16-bit length of an attribute can say. */
export function encodeAttributes(attributes: readonly Attribute[]): Buffer {
  return Buffer.concat(
    attributes.map(([type, value]) => {
      const nested = !(value instanceof Uint8Array);
      const payload = nested ? encodeAttributes(value) : value;
      const start = Buffer.alloc(4);
      start.writeUInt16LE(4 + payload.length, 0);
      start.writeUInt16LE(nested ? type | NLA_F_NESTED : type, 2);
      return padded(Buffer.concat([start, payload]));
    }),
  );
}

/** The messages of one datagram, in order. Stops at a length that cannot be true. */
export function parseMessages(datagram: Buffer): NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  for (let at = 0; at + HEADER_BYTES <= datagram.length; ) {
    const length = datagram.readUInt32LE(at);
    if (length < HEADER_BYTES || at + length > datagram.length) break;
    messages.push({
      type: datagram.readUInt16LE(at + 4),
      flags: datagram.readUInt16LE(at + 6),
      sequence: datagram.readUInt32LE(at + 8),
      body: datagram.subarray(at + HEADER_BYTES, at + length),
    });
    at += align(length);
  }
  return messages;
}

/** Attributes by type, from `offset` (the size of the family's fixed struct) on; of equal types the last. */
export function parseAttributes(bytes: Buffer, offset = 0): ReadonlyMap<number, Buffer> {
  const attributes = new Map<number, Buffer>();
  for (let at = offset; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt16LE(at);
    if (length < 4 || at + length > bytes.length) break;
    attributes.set(bytes.readUInt16LE(at + 2) & NLA_TYPE_MASK, bytes.subarray(at + 4, at + length));
    at += align(length);
  }
  return attributes;
}

export function u8(value: number): Buffer {
  return Buffer.of(value);
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** A port, in network byte order. */
export function portBytes(port: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(port);
  return bytes;
}

/** NUL-terminated. */
export function text(value: string): Buffer {
  return Buffer.from(`${value}\0`);
}

export function readText(bytes: Buffer | undefined): string | undefined {
  if (bytes === undefined) return undefined;
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
}

/** 4 or 16 bytes, in network byte order. @throws RangeError when `address` is no IP address. */
export function ipBytes(address: string): Buffer {
  const ip = parseIp(address);
  if (ip === undefined) throw new RangeError(`'${address}' is no IP address`);
  return bytesOfIp(ip);
}

export function bytesOfIp({ family, value }: Ip): Buffer {
  return Buffer.from(value.toString(16).padStart(bitsOf(family) / 4, '0'), 'hex');
}

export function readIp(bytes: Buffer | undefined): string | undefined {
  if (bytes?.length !== 4 && bytes?.length !== 16) return undefined;
  return formatIp({ family: bytes.length === 4 ? 4 : 6, value: BigInt(`0x${bytes.toString('hex')}`) });
}

/** @throws RangeError when `mac` is not six pairs of hexadecimal digits. */
export function macBytes(mac: string): Buffer {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(mac)) throw new RangeError(`'${mac}' is no MAC address`);
  return Buffer.from(mac.replaceAll(':', ''), 'hex');
}

/** Lower case, colons between. */
export function readMac(bytes: Buffer | undefined): string | undefined {
  return bytes?.length === 6 ? bytes.toString('hex').replaceAll(/..(?!$)/g, '$&:') : undefined;
}

function align(length: number): number {
  return (length + 3) & ~3;
}

function padded(bytes: Uint8Array): Uint8Array {
  const missing = align(bytes.length) - bytes.length;
  return missing === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(missing)]);
}
