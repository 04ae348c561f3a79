import { closeSync } from 'node:fs';
import { sleep, type Clock } from '../../lib/clock.ts';
import { familyOf } from '../../lib/ip.ts';
import { ipBytes } from './netlink/codec.ts';
import { NetlinkError } from './netlink/error.ts';
import { bind, connect, errno, recv, send, setsockopt, socket } from './netlink/libc.ts';
import type { Netns } from './netns.ts';

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const MSG_DONTWAIT = 0x40;
// in.h and in6.h: `PROBE` sets "do not fragment" and heeds no path MTU learnt before.
const DONT_FRAGMENT = { level: 0, option: 10, probe: 3 };
const DONT_FRAGMENT_IPV6 = { level: 41, option: 23, probe: 3 };
// RFC 792 and RFC 4443.
const ICMP = { protocol: 1, request: 8, reply: 0, ipHeaderBytes: 20 };
const ICMPV6 = { protocol: 58, request: 128, reply: 129, ipHeaderBytes: 40 };
const HEADER_BYTES = 8;
const LOOK_EVERY_MS = 5;

export interface EchoRequest {
  readonly source: string;
  readonly destination: string;
  /** Of the whole IP packet, which must arrive in one piece. */
  readonly packetBytes: number;
  readonly timeoutMs: number;
}

let sequence = 0;

/**
 * Asks `destination` for an echo by one packet of this size from the network namespace; whether it came back in time.
 * @throws NetlinkError when the socket cannot be had: without CAP_NET_RAW, or when `source` is no address of the
 * namespace. That a packet cannot be sent (no route, larger than the link) is an answer: false.
 */
export async function isEchoed(netns: Netns, request: EchoRequest, clock: Clock): Promise<boolean> {
  const isIpv4 = familyOf(request.destination) === 4;
  const { protocol, request: type, reply, ipHeaderBytes } = isIpv4 ? ICMP : ICMPV6;
  const fd = netns.run(() => socket(isIpv4 ? AF_INET : AF_INET6, SOCK_RAW_CLOEXEC, protocol));
  if (fd < 0) throw new NetlinkError('open a socket for echo requests', errno());
  try {
    prepare(fd, request, isIpv4);
    sequence = (sequence + 1) & 0xffff;
    const mark = Buffer.alloc(4);
    mark.writeUInt16BE(process.pid & 0xffff, 0);
    mark.writeUInt16BE(sequence, 2);
    const payload = Buffer.alloc(request.packetBytes - ipHeaderBytes - HEADER_BYTES);
    const packet = Buffer.concat([Buffer.of(type, 0, 0, 0), mark, payload]);
    // Of ICMPv6 the kernel writes it (RFC 3542, 3.1).
    if (isIpv4) packet.writeUInt16BE(checksum(packet), 2);
    if (send(fd, packet) < 0) return false;
    return await isAnswered(fd, { reply, mark, offset: isIpv4 ? ipHeaderBytes : 0, ...request }, clock);
  } finally {
    closeSync(fd);
  }
}

function prepare(fd: number, { source, destination }: EchoRequest, isIpv4: boolean): void {
  const { level, option, probe } = isIpv4 ? DONT_FRAGMENT : DONT_FRAGMENT_IPV6;
  const value = Buffer.alloc(4);
  value.writeInt32LE(probe);
  const [own, far] = [socketAddress(source), socketAddress(destination)];
  const failed =
    setsockopt(fd, level, option, value, value.length) < 0 ||
    bind(fd, own, own.length) < 0 ||
    connect(fd, far, far.length) < 0;
  if (failed) throw new NetlinkError(`ask ${destination} for an echo from ${source}`, errno());
}

async function isAnswered(
  fd: number,
  {
    reply,
    mark,
    offset,
    timeoutMs,
  }: EchoRequest & { readonly reply: number; readonly mark: Buffer; readonly offset: number },
  clock: Clock,
): Promise<boolean> {
  const packet = Buffer.alloc(65_536);
  for (const deadline = clock.monotonic() + timeoutMs; clock.monotonic() < deadline; ) {
    const size = recv(fd, packet, MSG_DONTWAIT);
    if (size < 0) await sleep(clock, LOOK_EVERY_MS);
    else if (packet[offset] === reply && packet.subarray(offset + 4, offset + 8).equals(mark)) return true;
  }
  return false;
}

/** struct sockaddr_in or sockaddr_in6, without a port. */
function socketAddress(address: string): Buffer {
  const bytes = ipBytes(address);
  const start = Buffer.alloc(bytes.length === 4 ? 4 : 8);
  start.writeUInt16LE(bytes.length === 4 ? AF_INET : AF_INET6, 0);
  return Buffer.concat([start, bytes, Buffer.alloc(bytes.length === 4 ? 8 : 4)]);
}

/** RFC 1071. */
function checksum(packet: Buffer): number {
  let sum = 0;
  for (let at = 0; at + 1 < packet.length; at += 2) sum += packet.readUInt16BE(at);
  if (packet.length % 2 === 1) sum += (packet.at(-1) ?? 0) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
