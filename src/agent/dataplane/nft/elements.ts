import { bitsOf, lastAddress, parseCidr } from '../../../lib/ip.ts';
import {
  type Attribute,
  bytesOfIp,
  encodeAttributes,
  ipBytes,
  parseAttributes,
  readText,
  text,
} from '../netlink/codec.ts';
import { NLM_F_CREATE } from '../netlink/constants.ts';
import type { BatchMessage } from './batch.ts';
import { NFT_MSG_DELSETELEM, NFT_MSG_NEWSETELEM } from './nfnetlink.ts';
import type { Culprit } from './nft-error.ts';

/** What a verdict map says of an interface: go on in a chain, or back to the caller. */
export type Verdict = { readonly kind: 'return' } | { readonly kind: 'goto'; readonly chain: string };

export interface SetElement {
  /** In network byte order, a multiple of four bytes. */
  readonly key: Buffer;
  /** Of an interval set: the first address behind the interval. */
  readonly isEnd?: boolean;
  readonly verdict?: Verdict;
}

export const TABLE = 'weft';
const IFNAMSIZ = 16;
const NLA_F_NESTED = 0x8000;
// nf_tables.h, enum nft_set_elem_attributes and neighbours.
const NFTA_SET_ELEM_LIST_TABLE = 1;
const NFTA_SET_ELEM_LIST_SET = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS = 3;
const NFTA_LIST_ELEM = 1;
const NFTA_SET_ELEM_KEY = 1;
const NFTA_SET_ELEM_DATA = 2;
const NFTA_SET_ELEM_FLAGS = 3;
const NFTA_DATA_VALUE = 1;
const NFTA_DATA_VERDICT = 2;
const NFTA_VERDICT_CODE = 1;
const NFTA_VERDICT_CHAIN = 2;
const NFT_SET_ELEM_INTERVAL_END = 1;
const NFT_GOTO = -4;
const NFT_RETURN = -5;
/** The list of a message is one attribute, whose length is 16 bits: 500 verdict elements are about 50 kB. */
const ELEMENTS_PER_MESSAGE = 500;

/** @throws RangeError when `address` is no IP address. */
export function addressElement(address: string): SetElement {
  return { key: ipBytes(address) };
}

/** Of a set of type `ipv4_addr . ipv4_addr`, or of IPv6. @throws RangeError */
export function addressPairElement(source: string, destination: string): SetElement {
  return { key: Buffer.concat([ipBytes(source), ipBytes(destination)]) };
}

/** Of a set of type `ipv4_addr . inet_service`, or with `ipv6_addr`: each part is padded to four bytes. */
export function addressPortElement(address: string, port: number): SetElement {
  return { key: Buffer.concat([ipBytes(address), Buffer.from([port >> 8, port & 0xff, 0, 0])]) };
}

/** Start and end of one interval; a prefix that reaches the family's last address has no end. @throws RangeError. */
export function cidrElements(cidr: string): SetElement[] {
  const parsed = parseCidr(cidr);
  if (parsed === undefined) throw new RangeError(`'${cidr}' is no prefix`);
  const { family, base } = parsed;
  const start = { key: bytesOfIp({ family, value: base }) };
  const next = lastAddress(parsed) + 1n;
  const isLast = next >> BigInt(bitsOf(family)) !== 0n;
  return isLast ? [start] : [start, { key: bytesOfIp({ family, value: next }), isEnd: true }];
}

export function interfaceElement(name: string, verdict?: Verdict): SetElement {
  return verdict === undefined ? { key: interfaceBytes(name) } : { key: interfaceBytes(name), verdict };
}

/** Of a set of type `ifname . ipv4_addr`, or `ifname . ipv6_addr`. */
export function interfaceAddressElement(name: string, address: string): SetElement {
  return { key: Buffer.concat([interfaceBytes(name), ipBytes(address)]) };
}

/** Messages that add or delete `elements`, in order. */
export function elementMessages(
  action: 'add' | 'delete',
  set: string,
  elements: readonly SetElement[],
  culprit?: Culprit,
): BatchMessage[] {
  const messages: BatchMessage[] = [];
  for (let at = 0; at < elements.length; at += ELEMENTS_PER_MESSAGE) {
    const attributes = encodeAttributes([
      [NFTA_SET_ELEM_LIST_TABLE, text(TABLE)],
      [NFTA_SET_ELEM_LIST_SET, text(set)],
      [NFTA_SET_ELEM_LIST_ELEMENTS | NLA_F_NESTED, encodeElements(elements.slice(at, at + ELEMENTS_PER_MESSAGE))],
    ]);
    messages.push({
      type: action === 'add' ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM,
      flags: action === 'add' ? NLM_F_CREATE : 0,
      attributes,
      what: action === 'add' ? `add elements to ${set}` : `delete elements of ${set}`,
      culprit,
    });
  }
  return messages;
}

/** What names an element, to ask the kernel for it (NFT_MSG_GETSETELEM). */
export function elementQuestion(table: string, set: string, { key }: SetElement): Attribute[] {
  return [
    [NFTA_SET_ELEM_LIST_TABLE, text(table)],
    [NFTA_SET_ELEM_LIST_SET, text(set)],
    [NFTA_SET_ELEM_LIST_ELEMENTS | NLA_F_NESTED, encodeElements([{ key }])],
  ];
}

/** Whether the kernel's answer to that leads where the element should. @param body behind the header. */
export function saysVerdict(body: ReadonlyMap<number, Buffer>, { verdict }: SetElement): boolean {
  const inside = (of: ReadonlyMap<number, Buffer>, type: number) => parseAttributes(of.get(type) ?? Buffer.alloc(0));
  const element = inside(inside(body, NFTA_SET_ELEM_LIST_ELEMENTS), NFTA_LIST_ELEM);
  const found = inside(inside(element, NFTA_SET_ELEM_DATA), NFTA_DATA_VERDICT);
  if (verdict === undefined) return found.size === 0;
  const code = found.get(NFTA_VERDICT_CODE)?.readInt32BE();
  if (verdict.kind === 'return') return code === NFT_RETURN;
  return code === NFT_GOTO && readText(found.get(NFTA_VERDICT_CHAIN)) === verdict.chain;
}

/** Written into one buffer: an initial load has 100,000 of these. */
function encodeElements(elements: readonly SetElement[]): Buffer {
  const verdicts = elements.map(({ verdict }) => (verdict === undefined ? undefined : encodeVerdict(verdict)));
  const sizes = elements.map(
    ({ key, isEnd }, index) => 12 + key.length + (isEnd === true ? 8 : 0) + (verdicts[index]?.length ?? 0),
  );
  const out = Buffer.alloc(sizes.reduce((sum, size) => sum + size, 0));
  let at = 0;
  const head = (length: number, type: number) => {
    out.writeUInt16LE(length, at);
    out.writeUInt16LE(type, at + 2);
    at += 4;
  };
  for (const [index, { key, isEnd }] of elements.entries()) {
    head(sizes[index] ?? 0, NFTA_LIST_ELEM | NLA_F_NESTED);
    head(8 + key.length, NFTA_SET_ELEM_KEY | NLA_F_NESTED);
    head(4 + key.length, NFTA_DATA_VALUE);
    at += key.copy(out, at);
    if (isEnd === true) {
      head(8, NFTA_SET_ELEM_FLAGS);
      at = out.writeUInt32BE(NFT_SET_ELEM_INTERVAL_END, at);
    }
    at += verdicts[index]?.copy(out, at) ?? 0;
  }
  return out;
}

function encodeVerdict(verdict: Verdict): Buffer {
  const code = Buffer.alloc(4);
  code.writeInt32BE(verdict.kind === 'goto' ? NFT_GOTO : NFT_RETURN);
  const chain = verdict.kind === 'goto' ? ([[NFTA_VERDICT_CHAIN, text(verdict.chain)]] as const) : [];
  return encodeAttributes([[NFTA_SET_ELEM_DATA, [[NFTA_DATA_VERDICT, [[NFTA_VERDICT_CODE, code], ...chain]]]]]);
}

function interfaceBytes(name: string): Buffer {
  const bytes = Buffer.alloc(IFNAMSIZ);
  bytes.write(name, 0, IFNAMSIZ - 1, 'latin1');
  return bytes;
}
