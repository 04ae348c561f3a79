import { closeSync } from 'node:fs';
import { readIp } from '../../src/agent/dataplane/netlink/codec.ts';
import { NetlinkError } from '../../src/agent/dataplane/netlink/error.ts';
import { bind, errno, recv, send, socket } from '../../src/agent/dataplane/netlink/libc.ts';
import { findLink } from '../../src/agent/dataplane/netlink/link.ts';
import { Netns } from '../../src/agent/dataplane/netns.ts';

/** A packet of IP as an interface saw it, coming or going. */
export interface Packet {
  readonly source: string;
  readonly destination: string;
  /** 1 ICMP, 6 TCP, 17 UDP, 58 ICMPv6: behind hop-by-hop options. */
  readonly protocol: number;
  /** Of ICMP and ICMPv6; else undefined. */
  readonly icmpType: number | undefined;
  /** Of UDP and TCP; else undefined. */
  readonly destinationPort: number | undefined;
}

/** ICMPv6: RFC 4861 and 4443. */
export const ICMP6 = { echoRequest: 128, echoReply: 129, routerSolicitation: 133, neighbourSolicitation: 135 } as const;

const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
/** ETH_P_ALL in network byte order. */
const ALL_PROTOCOLS = 0x0300;
const ETHERNET_HEADER = 14;
const [TYPE_IPV4, TYPE_IPV6] = [0x0800, 0x86dd];
const [HOP_BY_HOP, ICMP, TCP, UDP, ICMPV6] = [0, 1, 6, 17, 58];

/** Hears every frame of a network namespace from its making on, and sends frames. */
export class PacketSocket {
  readonly #fd: number;

  /** @param interfaceName of the one to hear; without it all, those too that come later. */
  constructor(netnsPath: string, interfaceName?: string) {
    using netns = Netns.open(netnsPath);
    this.#fd = netns.run(() => socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, ALL_PROTOCOLS));
    if (this.#fd < 0) throw new NetlinkError('open a packet socket', errno());
    if (interfaceName === undefined) return;
    // struct sockaddr_ll.
    const address = Buffer.alloc(20);
    address.writeUInt16LE(AF_PACKET, 0);
    address.writeUInt16LE(ALL_PROTOCOLS, 2);
    address.writeInt32LE(findLink(netns.rtnetlink, interfaceName)?.index ?? -1, 4);
    if (bind(this.#fd, address, address.length) < 0) throw new NetlinkError(`listen on ${interfaceName}`, errno());
  }

  /** What came and went since the last reading. */
  read(): Packet[] {
    const packets: Packet[] = [];
    const frame = Buffer.alloc(65_536);
    for (;;) {
      const length = recv(this.#fd, frame, MSG_DONTWAIT);
      if (length < 0) return packets;
      const packet = parseFrame(frame.subarray(0, length));
      if (packet !== undefined) packets.push(packet);
    }
  }

  /** Needs an interface. */
  send(frame: Buffer): void {
    if (send(this.#fd, frame) < 0) throw new NetlinkError('send a frame', errno());
  }

  close(): void {
    closeSync(this.#fd);
  }
}

function parseFrame(frame: Buffer): Packet | undefined {
  const type = frame.readUInt16BE(12);
  const body = frame.subarray(ETHERNET_HEADER);
  if (type === TYPE_IPV4) {
    const source = readIp(body.subarray(12, 16));
    return packetOf(
      source,
      readIp(body.subarray(16, 20)),
      body.readUInt8(9),
      body.subarray(((body[0] ?? 0) % 16) << 2),
    );
  }
  if (type !== TYPE_IPV6) return undefined;
  const [source, destination] = [readIp(body.subarray(8, 24)), readIp(body.subarray(24, 40))];
  const next = body.readUInt8(6);
  if (next !== HOP_BY_HOP) return packetOf(source, destination, next, body.subarray(40));
  return packetOf(source, destination, body.readUInt8(40), body.subarray(40 + (body.readUInt8(41) + 1) * 8));
}

function packetOf(source = '', destination = '', protocol: number, payload: Buffer): Packet {
  return {
    source,
    destination,
    protocol,
    icmpType: protocol === ICMP || protocol === ICMPV6 ? payload.readUInt8(0) : undefined,
    destinationPort: protocol === TCP || protocol === UDP ? payload.readUInt16BE(2) : undefined,
  };
}

/** A router's word on the link that the socket is bound to: it is a way to everywhere. RFC 4861, section 4.2. */
export function routerAdvertisement(): Buffer {
  const ethernet = Buffer.from('3333000000010a580000000186dd', 'hex');
  const [source, destination] = [
    Buffer.from(`fe80${'0'.repeat(27)}1`, 'hex'),
    Buffer.from(`ff02${'0'.repeat(27)}1`, 'hex'),
  ];
  // Hop limit 64, no flags, router for 1800 s; source link-layer address.
  const message = Buffer.from(`86000000400007080000000000000000${'01010a5800000001'}`, 'hex');
  const length = Buffer.alloc(4);
  length.writeUInt32BE(message.length);
  const summed = Buffer.concat([source, destination, length, Buffer.of(0, 0, 0, ICMPV6), message]);
  let sum = 0;
  for (let at = 0; at < summed.length; at += 2) sum += summed.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  message.writeUInt16BE(~sum & 0xffff, 2);
  const header = Buffer.from([0x60, 0, 0, 0, 0, message.length, ICMPV6, 255]);
  return Buffer.concat([ethernet, header, source, destination, message]);
}
