import type { PolicyPacket } from '../../../model/policy/evaluate.ts';
import { familyOf } from '../../../lib/ip.ts';
import { type Attribute, ipBytes, parseAttributes, readIp, u32 } from '../netlink/codec.ts';
import { hasCode } from '../netlink/error.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import {
  IPCTNL_MSG_CT_DELETE,
  IPCTNL_MSG_CT_GET,
  IPCTNL_MSG_CT_GET_STATS,
  NETLINK_NETFILTER,
  NFPROTO_IPV4,
  NFPROTO_IPV6,
  NFPROTO_UNSPEC,
  nfgenmsg,
} from './nfnetlink.ts';

/** A tracked connection as the policy chains saw its first packet. */
export interface Flow {
  /** Who opened it, before masquerading. */
  readonly source: string;
  /** Whom it reaches, after translation of a service's address. */
  readonly destination: string;
  /** Whom it was opened to. */
  readonly dialled: string;
  readonly protocol: PolicyPacket['protocol'];
  /** Of the destination, after translation; of ICMP and ICMPv6 the type; 0 when the protocol has neither. */
  readonly port: number;
  /** Of ICMP and ICMPv6. */
  readonly code?: number;
  /** What names the entry to the kernel. */
  readonly identity: readonly Attribute[];
}

// nfnetlink_conntrack.h, enum ctattr_type and neighbours; flag bits: net/netfilter/nf_conntrack_netlink.c.
const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_REPLY = 2;
const CTA_ID = 12;
const CTA_ZONE = 18;
const CTA_FILTER = 25;
const CTA_TUPLE_IP = 1;
const CTA_TUPLE_PROTO = 2;
const CTA_IP_V4_SRC = 1;
const CTA_IP_V4_DST = 2;
const CTA_IP_V6_SRC = 3;
const CTA_IP_V6_DST = 4;
const CTA_PROTO_NUM = 1;
const CTA_PROTO_SRC_PORT = 2;
const CTA_PROTO_ICMP = { type: 5, code: 6 };
const CTA_PROTO_ICMPV6 = { type: 8, code: 9 };
const CTA_FILTER_ORIG_FLAGS = 1;
const CTA_FILTER_REPLY_FLAGS = 2;
const CTA_FILTER_F_IP_SRC = 1;
const CTA_STATS_GLOBAL_ENTRIES = 1;
const NLA_F_NESTED = 0x8000;
/** To copy and parse an entry takes about 2 µs, to walk the buckets 9 ms. */
const UNFILTERED_LIMIT = 5_000;
const PROTOCOLS: Readonly<Record<number, PolicyPacket['protocol']>> = {
  1: 'ICMP',
  6: 'TCP',
  17: 'UDP',
  58: 'ICMPv6',
  132: 'SCTP',
};

/** The kernel's table of connections, in the network namespace that was the thread's when this was made. */
export class Conntrack {
  readonly #socket = new NetlinkSocket(NETLINK_NETFILTER);
  readonly #unfilteredLimit: number;

  /** @param unfilteredLimit entries up to which one reading of all takes the place of two filtered ones, of each address. */
  constructor(unfilteredLimit = UNFILTERED_LIMIT) {
    this.#unfilteredLimit = unfilteredLimit;
  }

  /**
   * Those with one of `addresses` at either end. One reading walks all of the kernel's buckets, some 9 ms for 262,144
   * of them however few are used, and copies each entry that passes its filter.
   */
  flows(addresses: ReadonlySet<string> | 'all'): Flow[] {
    const entries = this.#count();
    if (entries === 0) return [];
    if (addresses === 'all') return this.#dump(NFPROTO_UNSPEC, []);
    const protocols = new Set([...addresses].map(protocolOf));
    const [protocol = NFPROTO_UNSPEC] = protocols;
    const isFiltered = protocols.size === 1 && protocol === NFPROTO_IPV4;
    if (isFiltered && entries > this.#unfilteredLimit * addresses.size)
      return [...addresses].flatMap((address) => this.#of(address));
    const isWanted = ({ source, destination, dialled }: Flow) =>
      addresses.has(source) || addresses.has(destination) || addresses.has(dialled);
    return this.#dump(protocols.size === 1 ? protocol : NFPROTO_UNSPEC, []).filter(isWanted);
  }

  /** Its next packet is a new connection's. An entry that is gone already is no error. @throws NetlinkError */
  delete({ source, destination, identity }: Flow): void {
    try {
      this.#socket.request({
        what: `delete the conntrack entry ${source} → ${destination}`,
        type: IPCTNL_MSG_CT_DELETE,
        header: nfgenmsg(protocolOf(source)),
        attributes: identity,
      });
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error;
    }
  }

  close(): void {
    this.#socket.close();
  }

  /**
   * Those that `address`, of IPv4, opened, and those that reach it. The kernel filters (since Linux 5.8). Not with
   * IPv6: it gives all others then (`ipv6_addr_cmp` in `ctnetlink_filter_match_tuple` is taken the wrong way round).
   */
  #of(address: string): Flow[] {
    const tuple: Attribute[] = [[CTA_TUPLE_IP, [[CTA_IP_V4_SRC, ipBytes(address)]]]];
    const filter = (orig: number, reply: number): Attribute => [
      CTA_FILTER,
      [
        [CTA_FILTER_ORIG_FLAGS, u32(orig)],
        [CTA_FILTER_REPLY_FLAGS, u32(reply)],
      ],
    ];
    return [
      ...this.#dump(NFPROTO_IPV4, [[CTA_TUPLE_ORIG, tuple], filter(CTA_FILTER_F_IP_SRC, 0)]),
      ...this.#dump(NFPROTO_IPV4, [[CTA_TUPLE_REPLY, tuple], filter(0, CTA_FILTER_F_IP_SRC)]),
    ];
  }

  #count(): number {
    const request = { what: 'count conntrack entries', type: IPCTNL_MSG_CT_GET_STATS, header: nfgenmsg(0) };
    return parseAttributes(this.#socket.get(request).body, 4).get(CTA_STATS_GLOBAL_ENTRIES)?.readUInt32BE() ?? 0;
  }

  #dump(protocol: number, attributes: readonly Attribute[]): Flow[] {
    const request = {
      what: 'list conntrack entries',
      type: IPCTNL_MSG_CT_GET,
      header: nfgenmsg(protocol),
      attributes,
    };
    return this.#socket.dump(request).flatMap(({ body }) => parseFlow(body) ?? []);
  }
}

function protocolOf(address: string): number {
  return familyOf(address) === 4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
}

/** @param body nfgenmsg and attributes. Undefined for what has no addresses. */
export function parseFlow(body: Buffer): Flow | undefined {
  const entry = parseAttributes(body, 4);
  const [orig, reply] = [entry.get(CTA_TUPLE_ORIG), entry.get(CTA_TUPLE_REPLY)];
  if (orig === undefined || reply === undefined) return undefined;
  const there = parseAttributes(parseAttributes(orig).get(CTA_TUPLE_IP) ?? Buffer.alloc(0));
  const back = parseAttributes(parseAttributes(reply).get(CTA_TUPLE_IP) ?? Buffer.alloc(0));
  const proto = parseAttributes(parseAttributes(reply).get(CTA_TUPLE_PROTO) ?? Buffer.alloc(0));
  const [source, dialled, destination] = [
    readIp(there.get(CTA_IP_V4_SRC) ?? there.get(CTA_IP_V6_SRC)),
    readIp(there.get(CTA_IP_V4_DST) ?? there.get(CTA_IP_V6_DST)),
    readIp(back.get(CTA_IP_V4_SRC) ?? back.get(CTA_IP_V6_SRC)),
  ];
  if (source === undefined || dialled === undefined || destination === undefined) return undefined;
  const identity: Attribute[] = [[CTA_TUPLE_ORIG | NLA_F_NESTED, orig]];
  for (const type of [CTA_ID, CTA_ZONE]) {
    const value = entry.get(type);
    if (value !== undefined) identity.push([type, value]);
  }
  const protocol = PROTOCOLS[proto.get(CTA_PROTO_NUM)?.[0] ?? 0] ?? 'other';
  const flow = { source, destination, dialled, protocol, identity };
  if (protocol === 'ICMP' || protocol === 'ICMPv6') {
    const { type, code } = protocol === 'ICMP' ? CTA_PROTO_ICMP : CTA_PROTO_ICMPV6;
    const asked = parseAttributes(parseAttributes(orig).get(CTA_TUPLE_PROTO) ?? Buffer.alloc(0));
    return { ...flow, port: asked.get(type)?.[0] ?? 0, code: asked.get(code)?.[0] ?? 0 };
  }
  return { ...flow, port: proto.get(CTA_PROTO_SRC_PORT)?.readUInt16BE() ?? 0 };
}
