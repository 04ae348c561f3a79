import { type Attribute, parseAttributes, readText, text } from '../netlink/codec.ts';
import { hasCode } from '../netlink/error.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import { LIMITS } from './names.ts';
import { elementQuestion, saysVerdict, type SetElement, TABLE } from './elements.ts';
import {
  NETLINK_NETFILTER,
  NFPROTO_INET,
  NFPROTO_IPV4,
  NFPROTO_UNSPEC,
  NFT_MSG_GETCHAIN,
  NFT_MSG_GETGEN,
  NFT_MSG_GETRULE,
  NFT_MSG_GETSETELEM,
  NFT_MSG_GETTABLE,
  nfgenmsg,
} from './nfnetlink.ts';

/** A base chain of somebody else that drops what nobody accepted. */
export interface ForeignChain {
  readonly family: 'ip' | 'inet';
  readonly table: string;
  readonly chain: string;
}

/** What the rules with one comment and verdict have counted; a chain's name tells the direction, `i_…` or `e_…`. */
export interface RuleCounter {
  readonly chain: string;
  /** The origin of a policy's rule. */
  readonly comment: string;
  /** Of its rules; `other`: none of these. */
  readonly verdict: 'allow' | 'deny' | 'reject' | 'pass' | 'log' | 'other';
  readonly packets: number;
  readonly bytes: number;
}

// nf_tables.h.
const NFTA_GEN_ID = 1;
const NFTA_TABLE = { name: 1, use: 3, handle: 4 };
const NFTA_CHAIN = { table: 1, handle: 2, name: 3, hook: 4, policy: 5, use: 6 };
const NFTA_HOOK_HOOKNUM = 1;
const NFTA_RULE = { table: 1, chain: 2, expressions: 4, userdata: 7 };
const NFTA_EXPR_NAME = 1;
const NFTA_EXPR_DATA = 2;
const NFTA_COUNTER_BYTES = 1;
const NFTA_COUNTER_PACKETS = 2;
const NFTA_IMMEDIATE_DATA = 2;
const NFTA_DATA_VERDICT = 2;
const NFTA_VERDICT_CODE = 1;
const NFTA_VERDICT_CHAIN = 2;
/** NF_DROP, NFT_GOTO, NFT_RETURN: what policies' rules end in. */
const VERDICTS: Readonly<Record<number, RuleCounter['verdict']>> = { 0: 'deny', [-4]: 'pass', [-5]: 'allow' };
const NFTNL_UDATA_RULE_COMMENT = 0;
const NF_INET_FORWARD = 2;
const NF_DROP = 0;
/** Those whose chains meet IPv4. */
const FAMILIES = { [NFPROTO_IPV4]: 'ip', [NFPROTO_INET]: 'inet' } as const;

/** Reads nf_tables, in the network namespace that was the thread's when this was made. */
export class Inspector {
  readonly #socket = new NetlinkSocket(NETLINK_NETFILTER);
  readonly #name: string;
  readonly #family: number;

  /** @param name of a table of that family. */
  constructor(name = TABLE, family = NFPROTO_INET) {
    this.#name = name;
    this.#family = family;
  }

  /** Goes up by one with each transaction of anybody in this network namespace. */
  generation(): number {
    const { body } = this.#socket.get({
      what: 'read the nftables generation',
      type: NFT_MSG_GETGEN,
      header: nfgenmsg(0),
    });
    return parseAttributes(body, 4).get(NFTA_GEN_ID)?.readUInt32BE() ?? 0;
  }

  /** Whether there is such a table, whoever made it. */
  hasTable(): boolean {
    return this.#table() !== undefined;
  }

  /**
   * Changes when anybody replaces or flushes the table, or adds or deletes a chain, a rule or a set in it: handles are
   * never used twice, a table's use counts its chains and sets, a chain's its rules and who jumps to it. A change of
   * an address set's elements does not show. Undefined when there is no such table.
   */
  fingerprint(): string | undefined {
    const table = this.#table();
    if (table === undefined) return undefined;
    const chains = this.#dump(NFT_MSG_GETCHAIN, this.#family, NFTA_CHAIN.table).map(({ attributes: of }) =>
      [NFTA_CHAIN.handle, NFTA_CHAIN.use].map((type) => of.get(type)?.toString('hex')).join(':'),
    );
    const about = [NFTA_TABLE.handle, NFTA_TABLE.use].map((type) => table.get(type)?.toString('hex'));
    return [...about, ...chains.sort()].join(' ');
  }

  /** Whether the set or map holds the element, with its verdict. */
  holds(set: string, element: SetElement): boolean {
    const answer = this.#find(
      `find an element of ${set}`,
      NFT_MSG_GETSETELEM,
      elementQuestion(this.#name, set, element),
    );
    return answer !== undefined && saysVerdict(answer, element);
  }

  #table(): ReadonlyMap<number, Buffer> | undefined {
    return this.#find(`read nftables table ${this.#name}`, NFT_MSG_GETTABLE, [[NFTA_TABLE.name, text(this.#name)]]);
  }

  #find(what: string, type: number, attributes: Attribute[]): ReadonlyMap<number, Buffer> | undefined {
    try {
      const { body } = this.#socket.get({ what, type, header: nfgenmsg(this.#family), attributes });
      return parseAttributes(body, 4);
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  /** Base chains on the forward hook, of other tables, whose policy is drop: `accept` of ours is not final there. */
  foreignForwardDrops(): ForeignChain[] {
    return this.#dump(NFT_MSG_GETCHAIN, NFPROTO_UNSPEC).flatMap(({ family, attributes }) => {
      const hook = parseAttributes(attributes.get(NFTA_CHAIN.hook) ?? Buffer.alloc(0)).get(NFTA_HOOK_HOOKNUM);
      const known = FAMILIES[family as keyof typeof FAMILIES];
      const table = readText(attributes.get(NFTA_CHAIN.table)) ?? '';
      const isDrop = attributes.get(NFTA_CHAIN.policy)?.readUInt32BE() === NF_DROP;
      if (!isDrop || hook?.readUInt32BE() !== NF_INET_FORWARD || known === undefined) return [];
      if (known === 'inet' && table === this.#name) return [];
      return [{ family: known, table, chain: readText(attributes.get(NFTA_CHAIN.name)) ?? '' }];
    });
  }

  /** Names of the chains of other tables than Weft's. */
  foreignChains(): string[] {
    return this.#dump(NFT_MSG_GETCHAIN, NFPROTO_UNSPEC).flatMap(({ attributes }) => {
      const isOurs = readText(attributes.get(NFTA_CHAIN.table))?.startsWith(TABLE) === true;
      return isOurs ? [] : [readText(attributes.get(NFTA_CHAIN.name)) ?? ''];
    });
  }

  /** Of rules that have a counter and a comment; those of one chain, comment and verdict are added up. */
  counters(): RuleCounter[] {
    const sums = new Map<string, RuleCounter>();
    for (const { attributes } of this.#dump(NFT_MSG_GETRULE, NFPROTO_INET, NFTA_RULE.table)) {
      const chain = readText(attributes.get(NFTA_RULE.chain)) ?? '';
      const comment = readComment(attributes.get(NFTA_RULE.userdata));
      const expressions = readExpressions(attributes.get(NFTA_RULE.expressions));
      const counted = readCounter(expressions);
      if (comment === undefined || counted === undefined) continue;
      const verdict = readVerdict(expressions);
      const key = `${chain} ${verdict} ${comment}`;
      const sum = sums.get(key) ?? { packets: 0, bytes: 0 };
      const [packets, bytes] = [sum.packets + counted.packets, sum.bytes + counted.bytes];
      sums.set(key, { chain, comment, verdict, packets, bytes });
    }
    return [...sums.values()];
  }

  close(): void {
    this.#socket.close();
  }

  /** @param ofTable attribute that names an object's table: then only those of this table. */
  #dump(type: number, family: number, ofTable?: number) {
    const attributes: Attribute[] = ofTable === undefined ? [] : [[ofTable, text(this.#name)]];
    const objects = this.#socket
      .dump({ what: 'list nftables objects', type, header: nfgenmsg(family), attributes })
      .map(({ body }) => ({ family: body[0] ?? 0, attributes: parseAttributes(body, 4) }));
    // Older kernels do not filter chains by table.
    return ofTable === undefined
      ? objects
      : objects.filter((of) => readText(of.attributes.get(ofTable)) === this.#name);
  }
}

/** Userdata is a list of {type: u8, length: u8, value}. */
function readComment(userdata: Buffer | undefined): string | undefined {
  for (let at = 0; userdata !== undefined && at + 2 <= userdata.length; ) {
    const length = userdata[at + 1] ?? 0;
    if (userdata[at] === NFTNL_UDATA_RULE_COMMENT) return readText(userdata.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return undefined;
}

interface Expression {
  readonly name: string;
  readonly data: ReadonlyMap<number, Buffer>;
}

/** A list of attributes of one type: walked by hand. */
function readExpressions(list: Buffer | undefined): Expression[] {
  const expressions: Expression[] = [];
  for (let at = 0; list !== undefined && at + 4 <= list.length; ) {
    const length = list.readUInt16LE(at);
    if (length < 4) break;
    const expression = parseAttributes(list.subarray(at + 4, at + length));
    const data = parseAttributes(expression.get(NFTA_EXPR_DATA) ?? Buffer.alloc(0));
    expressions.push({ name: readText(expression.get(NFTA_EXPR_NAME)) ?? '', data });
    at += (length + 3) & ~3;
  }
  return expressions;
}

function readCounter(expressions: readonly Expression[]): { packets: number; bytes: number } | undefined {
  const data = expressions.find(({ name }) => name === 'counter')?.data;
  if (data === undefined) return undefined;
  const read = (type: number) => Number(data.get(type)?.readBigUInt64BE() ?? 0n);
  return { packets: read(NFTA_COUNTER_PACKETS), bytes: read(NFTA_COUNTER_BYTES) };
}

function readVerdict(expressions: readonly Expression[]): RuleCounter['verdict'] {
  const last = expressions.at(-1);
  if (last?.name === 'reject' || last?.name === 'log') return last.name;
  const value = parseAttributes(last?.data.get(NFTA_IMMEDIATE_DATA) ?? Buffer.alloc(0));
  const verdict = parseAttributes(value.get(NFTA_DATA_VERDICT) ?? Buffer.alloc(0));
  const code = verdict.get(NFTA_VERDICT_CODE)?.readInt32BE();
  if (readText(verdict.get(NFTA_VERDICT_CHAIN))?.endsWith(LIMITS) === true) return 'allow';
  return (code === undefined ? undefined : VERDICTS[code]) ?? 'other';
}
