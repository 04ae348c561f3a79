import type { Family } from '../../../../lib/ip.ts';
import { type Attribute, encodeAttributes, text } from '../../netlink/codec.ts';
import { NLM_F_CREATE } from '../../netlink/constants.ts';
import type { BatchMessage } from '../batch.ts';
import {
  NFT_MSG_DELCHAIN,
  NFT_MSG_DELRULE,
  NFT_MSG_DELSET,
  NFT_MSG_DELSETELEM,
  NFT_MSG_NEWRULE,
  NFT_MSG_NEWSET,
  NFT_MSG_NEWSETELEM,
  u32be,
} from '../nfnetlink.ts';
import { type Expression, type FrontendKind, type Verdict, verdictAttributes } from './expressions.ts';
import { SERVICE_TABLE } from './render-base.ts';

/** One element of a set or map of `inet weft_services`. */
export interface ServiceElement {
  readonly set: string;
  /** In network byte order, each part padded to four bytes. */
  readonly key: Buffer;
  /** Of a map: where to go, or the address and port to translate to. */
  readonly value?: Verdict | Buffer;
}

export interface ServiceMessage extends BatchMessage {
  /** That it adds, deletes or changes. */
  readonly chain?: string;
}

// nf_tables.h.
const NFT_MSG_NEWCHAIN = NFT_MSG_DELCHAIN - 2;
const NFTA_SET = {
  table: 1,
  name: 2,
  flags: 3,
  keyType: 4,
  keyLength: 5,
  dataType: 6,
  dataLength: 7,
  desc: 9,
  id: 10,
  timeout: 11,
};
const NFTA_SET_DESC_SIZE = 1;
const NFTA_CHAIN = { table: 1, name: 3, userdata: 12 };
const NFTA_RULE = { table: 1, chain: 2, expressions: 4 };
const NFTA_LIST_ELEM = 1;
const NFTA_SET_ELEM = { key: 1, data: 2 };
const NFTA_DATA_VALUE = 1;
const NFTA_DATA_VERDICT = 2;
const NFT_SET = { map: 0x8, timeout: 0x10, dynamic: 0x20 };
const NFT_DATA_VERDICT = 0xffffff00;
const NFTNL_UDATA_CHAIN_COMMENT = 0;
/** libnftables' numbers (its datatype.h); of a concatenation, six bits each. */
const TYPE = { mark: 19, address: { 4: 7, 6: 8 }, protocol: 12, port: 13 } as const;
const ADDRESS_BYTES = { 4: 4, 6: 16 } as const;
const WORD_BYTES = 4;
/** The list of a message is one attribute, whose length is 16 bits: an element takes up to 100 bytes. */
const ELEMENTS_PER_MESSAGE = 500;
/** Callers that an endpoint remembers at one time. */
const AFFINITY_SIZE = 1_000_000;

/** Frontend and number → address and port of an endpoint. nft has no type for what `numgen` gives: `mark` is as wide. */
export function newEndpointMap(kind: FrontendKind, family: Family): ServiceMessage {
  const address = kind === 'nodePort' ? [] : [TYPE.address[family]];
  const types = [...address, TYPE.protocol, TYPE.port, TYPE.mark];
  const length = (kind === 'nodePort' ? 0 : ADDRESS_BYTES[family]) + 3 * WORD_BYTES;
  return newSet(endpointMap(kind, family), NFT_SET.map, { type: concatenated(types), length }, [
    [NFTA_SET.dataType, u32be(concatenated([TYPE.address[family], TYPE.port]))],
    [NFTA_SET.dataLength, u32be(ADDRESS_BYTES[family] + WORD_BYTES)],
  ]);
}

export function endpointMap(kind: FrontendKind, family: Family): string {
  return `${kind === 'nodePort' ? 'port_endpoints' : 'endpoints'}${family}`;
}

function concatenated(types: readonly number[]): number {
  return types.reduce((sum, type) => sum * 64 + type, 0);
}

/** Number → chain. */
export function newVerdictMap(name: string): ServiceMessage {
  return newSet(name, NFT_SET.map, { type: TYPE.mark, length: 4 }, [
    [NFTA_SET.dataType, u32be(NFT_DATA_VERDICT)],
    [NFTA_SET.dataLength, u32be(0)],
  ]);
}

/** Callers, each for `seconds` after it was written last. */
export function newAffinitySet(name: string, family: Family, seconds: number): ServiceMessage {
  const timeout = Buffer.alloc(8);
  timeout.writeBigUInt64BE(BigInt(seconds) * 1000n);
  const key = { type: TYPE.address[family], length: ADDRESS_BYTES[family] };
  return newSet(name, NFT_SET.timeout | NFT_SET.dynamic, key, [
    [NFTA_SET.timeout, timeout],
    [NFTA_SET.desc, [[NFTA_SET_DESC_SIZE, u32be(AFFINITY_SIZE)]]],
  ]);
}

export function deleteSet(name: string): ServiceMessage {
  const attributes = encodeAttributes([
    [NFTA_SET.table, text(SERVICE_TABLE)],
    [NFTA_SET.name, text(name)],
  ]);
  return { type: NFT_MSG_DELSET, flags: 0, attributes, what: `delete set ${name}` };
}

/** Its elements, all of them. */
export function flushSet(name: string): ServiceMessage {
  const attributes = encodeAttributes([
    [1, text(SERVICE_TABLE)],
    [2, text(name)],
  ]);
  return { type: NFT_MSG_DELSETELEM, flags: 0, attributes, what: `flush set ${name}` };
}

/** @param comment whose it is, for people. */
export function newChain(name: string, comment: string): ServiceMessage {
  const words = text(comment.slice(0, 120));
  const attributes = encodeAttributes([
    [NFTA_CHAIN.table, text(SERVICE_TABLE)],
    [NFTA_CHAIN.name, text(name)],
    [NFTA_CHAIN.userdata, Buffer.concat([Buffer.of(NFTNL_UDATA_CHAIN_COMMENT, words.length), words])],
  ]);
  return { type: NFT_MSG_NEWCHAIN, flags: NLM_F_CREATE, attributes, what: `add chain ${name}`, chain: name };
}

/** With its rules. */
export function deleteChain(name: string): ServiceMessage {
  const attributes = encodeAttributes([
    [NFTA_CHAIN.table, text(SERVICE_TABLE)],
    [NFTA_CHAIN.name, text(name)],
  ]);
  return { type: NFT_MSG_DELCHAIN, flags: 0, attributes, what: `delete chain ${name}`, chain: name };
}

/** Its rules, all of them. */
export function flushChain(name: string): ServiceMessage {
  const attributes = encodeAttributes([
    [NFTA_RULE.table, text(SERVICE_TABLE)],
    [NFTA_RULE.chain, text(name)],
  ]);
  return { type: NFT_MSG_DELRULE, flags: 0, attributes, what: `flush chain ${name}`, chain: name };
}

/** Behind those that are there. */
export function newRule(chain: string, expressions: readonly Expression[]): ServiceMessage {
  const attributes = encodeAttributes([
    [NFTA_RULE.table, text(SERVICE_TABLE)],
    [NFTA_RULE.chain, text(chain)],
    [NFTA_RULE.expressions, expressions.map((expression): Attribute => [NFTA_LIST_ELEM, expression])],
  ]);
  // NLM_F_APPEND: else it goes before the others.
  return { type: NFT_MSG_NEWRULE, flags: NLM_F_CREATE | 0x800, attributes, what: `add a rule to ${chain}`, chain };
}

/** In the order of the sets' first appearance. */
export function elementMessages(action: 'add' | 'delete', elements: readonly ServiceElement[]): ServiceMessage[] {
  return [...Map.groupBy(elements, ({ set }) => set)].flatMap(([set, of]) => {
    const messages: ServiceMessage[] = [];
    for (let at = 0; at < of.length; at += ELEMENTS_PER_MESSAGE) {
      const part = of.slice(at, at + ELEMENTS_PER_MESSAGE);
      messages.push({
        type: action === 'add' ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM,
        flags: action === 'add' ? NLM_F_CREATE : 0,
        attributes: encodeAttributes([
          [1, text(SERVICE_TABLE)],
          [2, text(set)],
          [3, part.map((element): Attribute => [NFTA_LIST_ELEM, elementAttributes(element, action)])],
        ]),
        what: action === 'add' ? `add elements to ${set}` : `delete elements of ${set}`,
      });
    }
    return messages;
  });
}

function elementAttributes({ key, value }: ServiceElement, action: 'add' | 'delete'): Attribute[] {
  const named: Attribute = [NFTA_SET_ELEM.key, [[NFTA_DATA_VALUE, key]]];
  if (value === undefined || action === 'delete') return [named];
  const data: Attribute = Buffer.isBuffer(value)
    ? [NFTA_DATA_VALUE, value]
    : [NFTA_DATA_VERDICT, verdictAttributes(value as Verdict)];
  return [named, [NFTA_SET_ELEM.data, [data]]];
}

function newSet(
  name: string,
  flags: number,
  key: { readonly type: number; readonly length: number },
  more: readonly Attribute[],
): ServiceMessage {
  const attributes = encodeAttributes([
    [NFTA_SET.table, text(SERVICE_TABLE)],
    [NFTA_SET.name, text(name)],
    [NFTA_SET.flags, u32be(flags)],
    [NFTA_SET.keyType, u32be(key.type)],
    [NFTA_SET.keyLength, u32be(key.length)],
    [NFTA_SET.id, u32be(1)],
    ...more,
  ]);
  return { type: NFT_MSG_NEWSET, flags: NLM_F_CREATE, attributes, what: `create set ${name}` };
}
