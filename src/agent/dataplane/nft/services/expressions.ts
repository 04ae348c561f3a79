import { type Family, parseCidr } from '../../../../lib/ip.ts';
import { type Attribute, bytesOfIp, ipBytes, portBytes, text, u8 } from '../../netlink/codec.ts';
import { NFPROTO_IPV4, NFPROTO_IPV6, u32be } from '../nfnetlink.ts';

/**
 * The expressions of nf_tables that a service's rules are made of, as nft compiles them (`nft --debug=netlink`), so
 * that it lists them as it would its own. By nfnetlink, because libnftables 1.0.6 reads the names of all chains of the
 * machine before each change.
 */
export type Expression = readonly Attribute[];
export type Verdict = { readonly kind: 'drop' } | { readonly kind: 'goto' | 'jump'; readonly chain: string };

// nf_tables.h.
const NFTA_EXPR_NAME = 1;
const NFTA_EXPR_DATA = 2;
const NFTA_DATA_VALUE = 1;
const NFTA_DATA_VERDICT = 2;
const NFTA_VERDICT_CODE = 1;
const NFTA_VERDICT_CHAIN = 2;
const CODES = { drop: 0, jump: -3, goto: -4 } as const;
const NFT_REG_VERDICT = 0;
/** Of 16 bytes; an IPv4 address takes the first 4 of them, what is joined to it the next, NFT_REG32_01. */
const REG1 = 1;
const REG32_00 = 8;
/** Where the port lies behind an address in REG1. */
const PORT_REGISTER = { 4: 9, 6: 2 } as const;
const META = { iifname: 6, nfproto: 15, l4proto: 16 } as const;
const NFT_CMP_EQ = 0;
const [NETWORK_HEADER, TRANSPORT_HEADER] = [1, 2];
const DESTINATION_OFFSET = { 4: 16, 6: 24 } as const;
const DESTINATION_PORT_OFFSET = 2;
const SOURCE_OFFSET = { 4: 12, 6: 8 } as const;
const ADDRESS_BYTES = { 4: 4, 6: 16 } as const;
const NFPROTO = { 4: NFPROTO_IPV4, 6: NFPROTO_IPV6 } as const;
const NFT_NG_RANDOM = 1;
const NFT_NAT_DNAT = 1;
/** NF_NAT_RANGE_MAP_IPS and NF_NAT_RANGE_PROTO_SPECIFIED. */
const NAT_FLAGS = 3;
const NFT_DYNSET_OP_UPDATE = 1;
const NFT_FIB_RESULT_ADDRTYPE = 3;
const NFTA_FIB_F_SADDR = 1;
const RTN_LOCAL = 2;
export const PROTOCOL_NUMBERS = { TCP: 6, UDP: 17, SCTP: 132 } as const;

/** `ip saddr`, into the first register, after a check of the family. */
function loadSource(family: Family): Expression[] {
  return [...isFamily(family), payload(NETWORK_HEADER, SOURCE_OFFSET[family], ADDRESS_BYTES[family], REG1)];
}

function isFamily(family: Family): Expression[] {
  return [loadMeta('nfproto'), isEqual(u8(NFPROTO[family]))];
}

export function isProtocol(protocol: keyof typeof PROTOCOL_NUMBERS): Expression[] {
  return [loadMeta('l4proto'), isEqual(u8(PROTOCOL_NUMBERS[protocol]))];
}

/** `iifname "PREFIX*"`. */
export function comesInBy(prefix: string): Expression[] {
  return [loadMeta('iifname'), isEqual(Buffer.from(prefix, 'latin1'))];
}

/** `fib saddr type local`. */
export function comesFromThisNode(): Expression[] {
  const fib = expression('fib', [
    [1, u32be(REG1)],
    [2, u32be(NFT_FIB_RESULT_ADDRTYPE)],
    [3, u32be(NFTA_FIB_F_SADDR)],
  ]);
  const local = Buffer.alloc(4);
  local.writeUInt32LE(RTN_LOCAL);
  return [fib, isEqual(local)];
}

/** `ip saddr CIDR`. @throws RangeError when it is none. */
export function comesFrom(cidr: string): Expression[] {
  const parsed = parseCidr(cidr);
  if (parsed === undefined) throw new RangeError(`'${cidr}' is no prefix`);
  const { family, base, length } = parsed;
  if (length === 0) return isFamily(family);
  const bytes = ADDRESS_BYTES[family];
  const mask = Buffer.alloc(bytes);
  for (let bit = 0; bit < length; bit += 1) mask[bit >> 3] = (mask[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  const masked = expression('bitwise', [
    [1, u32be(REG1)],
    [2, u32be(REG1)],
    [3, u32be(bytes)],
    [4, [[NFTA_DATA_VALUE, mask]]],
    [5, [[NFTA_DATA_VALUE, Buffer.alloc(bytes)]]],
  ]);
  return [...loadSource(family), masked, isEqual(bytesOfIp({ family, value: base }))];
}

/** `ip saddr @SET`. */
export function sourceIsIn(set: string, family: Family): Expression[] {
  return [...loadSource(family), lookup(set)];
}

/** `update @SET { ip saddr }`; the set says for how long. */
export function rememberSource(set: string, family: Family): Expression[] {
  const update = expression('dynset', [
    [1, text(set)],
    [3, u32be(NFT_DYNSET_OP_UPDATE)],
    [4, u32be(REG1)],
  ]);
  return [...loadSource(family), update];
}

/** By what a map knows a frontend: its address, or, of node ports, not. */
export type FrontendKind = 'address' | 'nodePort';

/**
 * `dnat to ip daddr . meta l4proto . th dport . numgen random mod COUNT offset FIRST map @MAP`; of node ports without
 * the address.
 */
export function translateToOneOf(
  map: string,
  kind: FrontendKind,
  family: Family,
  numbers: { readonly count: number; readonly first: number },
): Expression[] {
  const addressRegisters = kind === 'nodePort' ? 0 : ADDRESS_BYTES[family] / 4;
  const at = (place: number) => REG32_00 + addressRegisters + place;
  return [
    ...(kind === 'nodePort' ? [] : [payload(NETWORK_HEADER, DESTINATION_OFFSET[family], ADDRESS_BYTES[family], REG1)]),
    loadMeta('l4proto', at(0)),
    payload(TRANSPORT_HEADER, DESTINATION_PORT_OFFSET, 2, at(1)),
    random(numbers.count, numbers.first, at(2)),
    lookup(map, REG1),
    nat(family, PORT_REGISTER[family]),
  ];
}

/** `numgen random mod COUNT vmap @MAP`. */
export function goToOneOf(map: string, count: number): Expression[] {
  return [random(count, 0, REG1), lookup(map, NFT_REG_VERDICT)];
}

function random(count: number, first: number, register: number): Expression {
  return expression('numgen', [
    [1, u32be(register)],
    [2, u32be(count)],
    [3, u32be(NFT_NG_RANDOM)],
    [4, u32be(first)],
  ]);
}

function payload(base: number, offset: number, length: number, register: number): Expression {
  return expression('payload', [
    [1, u32be(register)],
    [2, u32be(base)],
    [3, u32be(offset)],
    [4, u32be(length)],
  ]);
}

/** `dnat to ADDRESS : PORT`. */
export function translateTo(address: string, port: number, family: Family): Expression[] {
  const portRegister = PORT_REGISTER[family];
  return [immediate(REG1, ipBytes(address)), immediate(portRegister, portBytes(port)), nat(family, portRegister)];
}

export function verdict(of: Verdict): Expression {
  return expression('immediate', [
    [1, u32be(NFT_REG_VERDICT)],
    [2, [[NFTA_DATA_VERDICT, verdictAttributes(of)]]],
  ]);
}

export function verdictAttributes(of: Verdict): Attribute[] {
  const code = Buffer.alloc(4);
  code.writeInt32BE(CODES[of.kind]);
  return [[NFTA_VERDICT_CODE, code], ...(of.kind === 'drop' ? [] : ([[NFTA_VERDICT_CHAIN, text(of.chain)]] as const))];
}

function loadMeta(key: keyof typeof META, register = REG1): Expression {
  return expression('meta', [
    [1, u32be(register)],
    [2, u32be(META[key])],
  ]);
}

function isEqual(value: Buffer): Expression {
  return expression('cmp', [
    [1, u32be(REG1)],
    [2, u32be(NFT_CMP_EQ)],
    [3, [[NFTA_DATA_VALUE, value]]],
  ]);
}

function immediate(register: number, value: Buffer): Expression {
  return expression('immediate', [
    [1, u32be(register)],
    [2, [[NFTA_DATA_VALUE, value]]],
  ]);
}

/** @param into register for what a map gives; none for a set. */
function lookup(set: string, into?: number): Expression {
  return expression('lookup', [
    [1, text(set)],
    [2, u32be(REG1)],
    ...(into === undefined ? [] : ([[3, u32be(into)]] as const)),
  ]);
}

function nat(family: Family, portRegister: number): Expression {
  return expression('nat', [
    [1, u32be(NFT_NAT_DNAT)],
    [2, u32be(NFPROTO[family])],
    [3, u32be(REG1)],
    [4, u32be(REG1)],
    [5, u32be(portRegister)],
    [6, u32be(portRegister)],
    [7, u32be(NAT_FLAGS)],
  ]);
}

function expression(name: string, data: readonly Attribute[]): Expression {
  return [
    [NFTA_EXPR_NAME, text(name)],
    [NFTA_EXPR_DATA, data],
  ];
}
