import { bitsOf, type Cidr, containsAddress, formatCidr, overlaps, parseCidr, parseIp, sizeOf } from '../../lib/ip.ts';
import { disjoint } from './capacity.ts';
import { applyEntry, type LeaseState } from './lease-state.ts';
import { busyAddresses, type LeaseChange } from './lease.ts';
import type { LeaseEntry } from './lease-journal.ts';

/** What is lent at once, in addresses: of what is free a quarter, within these bounds. */
const SMALLEST = 2;
const LARGEST = 16;

/** A range that another node has borrowed, and the uid of its IPBlock. */
export interface Loan {
  readonly uid: string;
  readonly cidr: string;
}

/** To lend the range that the IPBlock is; without `uid`, which range of the block `cidr` could be lent. */
export interface LendAsk {
  readonly uid?: string;
  readonly cidr: string;
}

export type LendAnswer = { readonly cidr: string } | { readonly problem: string };

/** Which of the loans have ended; when `isLost`, which there are beside, and which blocks are the node's. */
export interface LoansAsk {
  /** Of IPBlocks. */
  readonly uids: readonly string[];
  readonly isLost: boolean;
}

export interface LoansAnswer {
  /** Uids of those that have ended. */
  readonly over: readonly string[];
  /** All that are out of the node's blocks, when it asked for them. */
  readonly loans: readonly Loan[];
  /** Uids of all blocks that are the node's, when it asked for them. */
  readonly blocks: readonly string[];
}

/**
 * The range of `block` that this node would lend now, or why it has none: nobody has or had its addresses lately, and
 * the first of the block is not among them. The last in the block, as the node itself uses the first ones up first.
 * Its own first address is never leased by the borrower either, so that it can be the end of a tunnel.
 */
export function proposeLoan(state: LeaseState, block: string, nowMs: number): LendAnswer {
  const whole = state.blocks.find(({ cidr }) => cidr === block);
  if (state.isUnsure) return { problem: UNSURE };
  if (whole === undefined) return { problem: `no pod of this node may get an address of ${block}` };
  const { range } = whole;
  const taken = takenIn(state, range, nowMs);
  const free = disjoint(taken).reduce((left, part) => left - Number(sizeOf(part)), Number(sizeOf(range)) - 1);
  let size = LARGEST;
  while (size > SMALLEST && size > free / 4) size /= 2;
  for (; size >= SMALLEST; size /= 2) {
    const found = lastFree(range, size, taken);
    if (found !== undefined) return { cidr: formatCidr(found) };
  }
  return { problem: `no two neighbouring addresses of ${block} are free` };
}

/** From now on, also after a crash, the range is not leased here. Text: why it cannot be lent. */
export function lend(state: LeaseState, { uid, cidr }: Loan, nowMs: number): LeaseChange | string {
  // Written once more: whether the first time reached the disk is not known.
  if (state.lent.get(uid) === cidr) return changed(state, [{ op: 'lend', uid, cidr }]);
  if (state.isUnsure) return UNSURE;
  const range = parseCidr(cidr);
  const whole = range === undefined ? undefined : state.blocks.find((block) => overlaps(block.range, range));
  if (range === undefined || whole === undefined) return `${cidr} is in no block that this node leases from`;
  if (
    range.length <= whole.range.length ||
    range.base === whole.range.base ||
    takenIn(state, range, nowMs).length > 0
  ) {
    return `not all addresses of ${cidr} are free`;
  }
  return changed(state, [{ op: 'lend', uid, cidr }]);
}

/** Those loans have ended: their addresses rest, as their last holders may still be known. */
export function endLoans(state: LeaseState, uids: readonly string[], nowMs: number): LeaseChange {
  const over = uids.filter((uid) => state.lent.has(uid));
  return changed(
    state,
    over.map((uid) => ({ op: 'return', uid, atMs: nowMs })),
  );
}

/**
 * After the journal was lost: what is lent is known again, and which of the blocks that the node was told to have are its
 * own still. It may have given one back and have forgotten that, and another node may have it now. A range of which
 * something is leased here was asked for, and never lent. To be followed by `withBlocks`.
 *
 * @param told uids of the blocks, as of now.
 */
export function learnLost(
  state: LeaseState,
  { loans, blocks }: Pick<LoansAnswer, 'loans' | 'blocks'>,
  told: readonly string[],
): LeaseChange {
  if (!state.isUnsure) return { state, entries: [] };
  const own = new Set(blocks);
  const closes = told.filter((uid) => !own.has(uid)).map((uid): LeaseEntry => ({ op: 'close', uid }));
  const held = [...state.leases.values()].flatMap(({ address }) => parseIp(address) ?? []);
  const lent = loans.filter(({ cidr }) => {
    const range = parseCidr(cidr);
    return range !== undefined && !held.some((ip) => containsAddress(range, ip));
  });
  const lends = lent.map(({ uid, cidr }): LeaseEntry => ({ op: 'lend', uid, cidr }));
  return changed(state, [...closes, ...lends, { op: 'sure' }]);
}

const UNSURE = "this node's journal was lost, and what it has lent is not known again yet";

function changed(state: LeaseState, entries: readonly LeaseEntry[]): LeaseChange {
  return { state: entries.reduce(applyEntry, state), entries };
}

function lastFree(block: Cidr, size: number, taken: readonly Cidr[]): Cidr | undefined {
  const length = bitsOf(block.family) - Math.log2(size);
  for (let base = block.base + sizeOf(block) - BigInt(size); base > block.base; base -= BigInt(size)) {
    const part = { family: block.family, base, length };
    if (!taken.some((one) => overlaps(one, part))) return part;
  }
  return undefined;
}

/** What of the range is held, rests, is reserved or lent. */
function takenIn(state: LeaseState, range: Cidr, nowMs: number): readonly Cidr[] {
  const busy = busyAddresses(state, nowMs).map(
    ({ family, value }): Cidr => ({ family, base: value, length: bitsOf(family) }),
  );
  const reserved = state.blocks.flatMap(({ reservedRanges }) => reservedRanges);
  return [...busy, ...reserved].filter((part) => overlaps(part, range));
}
