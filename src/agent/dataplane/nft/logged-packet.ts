import { parseAttributes, readIp, readText } from '../netlink/codec.ts';

/** Of nflog; nobody else's. */
export const LOG_GROUP = 5187;
/** Enough for the headers up to ports and types. */
export const LOG_BYTES = 64;

/** A packet that a rule has denied, or one with the action Log has matched. */
export interface LoggedPacket {
  readonly policy: string;
  /** Of what was denied; absent: a rule with the action Log has matched it. */
  readonly verdict?: 'deny' | 'reject';
  readonly direction: 'ingress' | 'egress';
  readonly source: string;
  readonly destination: string;
  /** `TCP`, `UDP`, `SCTP`, `ICMP`, `ICMPv6`, or the number. */
  readonly protocol: string;
  readonly sourcePort?: number;
  readonly port?: number;
  readonly icmpType?: number;
}

// nfnetlink_log.h, enum nfulnl_attr_type.
const NFULA_PAYLOAD = 9;
const NFULA_PREFIX = 10;
const PROTOCOLS: Readonly<Record<number, string>> = { 1: 'ICMP', 6: 'TCP', 17: 'UDP', 58: 'ICMPv6', 132: 'SCTP' };

/** @param body nfgenmsg and attributes. Undefined for what is no packet of IP, or not logged by a policy. */
export function parseLogged(body: Buffer): LoggedPacket | undefined {
  const attributes = parseAttributes(body, 4);
  const prefix = readText(attributes.get(NFULA_PREFIX)) ?? '';
  const [, verdict, direction, policy] = /^(?:(deny|reject) )?(ingress|egress) (.+)$/.exec(prefix) ?? [];
  const packet = parsePacket(attributes.get(NFULA_PAYLOAD) ?? Buffer.alloc(0));
  if (packet === undefined || policy === undefined) return undefined;
  const denied =
    verdict === undefined ? {} : { verdict: verdict === 'reject' ? ('reject' as const) : ('deny' as const) };
  return { policy, ...denied, direction: direction === 'ingress' ? 'ingress' : 'egress', ...packet };
}

function parsePacket(bytes: Buffer): Omit<LoggedPacket, 'policy' | 'direction'> | undefined {
  const version = (bytes[0] ?? 0) >> 4;
  const isLong = version === 6;
  const [size, at, length] = isLong ? [40, 8, 16] : [((bytes[0] ?? 0) & 15) * 4, 12, 4];
  const source = readIp(bytes.subarray(at, at + length));
  const destination = readIp(bytes.subarray(at + length, at + 2 * length));
  if ((version !== 4 && !isLong) || source === undefined || destination === undefined) return undefined;
  const number = bytes[isLong ? 6 : 9] ?? 0;
  const protocol = PROTOCOLS[number] ?? String(number);
  const rest = bytes.subarray(size);
  if (protocol.startsWith('ICMP')) {
    const [icmpType] = rest;
    return { source, destination, protocol, ...(icmpType === undefined ? {} : { icmpType }) };
  }
  if (PROTOCOLS[number] === undefined || rest.length < 4) return { source, destination, protocol };
  return { source, destination, protocol, sourcePort: rest.readUInt16BE(0), port: rest.readUInt16BE(2) };
}
