import { REASON } from '../../api/reasons.ts';
import { shortHash } from '../../lib/hash.ts';
import { formatCidr4, lastAddress, parseCidr4, sizeOf, type Cidr4 } from '../../lib/ipv4.ts';
import type { Problem } from '../problem.ts';

/** A pool that blocks may be taken from. */
export interface PoolState {
  readonly name: string;
  readonly uid: string;
  readonly cidr: string;
  /** Prefix length of its blocks. */
  readonly blockSize: number;
  /** Gives out nothing. */
  readonly disabled?: boolean;
}

export interface BlockChoice {
  readonly cidr: string;
  /** Name and uid of the pool that the block is part of. */
  readonly pool: string;
  readonly poolUid: string;
}

/**
 * A block that nobody owns, for a node that needs one.
 *
 * @param pools   whose ranges are theirs alone; the first by name that has a free block gives it.
 * @param blocks  all there are, of whatever pool, size and node: the choice overlaps none of them, also when pools
 *                were deleted and made anew with another block size.
 * @param nodeUid seeds the order in which blocks are tried: two operators choose the same block for the same node,
 *                and different ones for different nodes, mostly.
 * @returns `NoPool` or `PoolExhausted` when there is none.
 *
 * Cost: O(b log b) for b blocks, and one look for each occupied block on the way.
 */
export function chooseBlock(
  pools: readonly PoolState[],
  blocks: readonly { readonly spec: { readonly cidr: string } }[],
  nodeUid: string,
): BlockChoice | Problem {
  const usable = pools.filter((pool) => pool.disabled !== true).sort((a, b) => (a.name < b.name ? -1 : 1));
  if (usable.length === 0) return NO_POOL;
  const occupied = occupiedRanges(blocks.map(({ spec }) => spec.cidr));
  for (const pool of usable) {
    const block = freeBlockOf(pool, occupied, nodeUid);
    if (block !== undefined) return { cidr: formatCidr4(block), pool: pool.name, poolUid: pool.uid };
  }
  const names = usable.map(({ name }) => `'${name}'`).join(', ');
  return {
    path: 'spec',
    reason: REASON.poolExhausted,
    message: `every block of ${names} belongs to a node; add an IPPool`,
  };
}

const NO_POOL: Problem = {
  path: 'spec',
  reason: REASON.noPool,
  message: 'there is no IPPool that is Ready and not disabled; create one',
};

function freeBlockOf(pool: PoolState, occupied: readonly Cidr4[], nodeUid: string): Cidr4 | undefined {
  const range = parseCidr4(pool.cidr);
  if (range === undefined || pool.blockSize < range.length || pool.blockSize > 32) return undefined;
  // A power of two, so that every odd stride comes by each block exactly once.
  const count = 2 ** (pool.blockSize - range.length);
  const seed = shortHash(`block/${pool.uid}/${nodeUid}`, 16);
  const start = Number.parseInt(seed.slice(0, 8), 16) % count;
  const stride = (Number.parseInt(seed.slice(8), 16) % count) | 1;
  for (let step = 0; step < count; step += 1) {
    const index = (start + step * stride) % count;
    const block = { base: range.base + index * sizeOf(pool.blockSize), length: pool.blockSize };
    if (!overlapsAny(occupied, block)) return block;
  }
  return undefined;
}

/** Sorted by address and made disjoint: of ranges within each other the widest stays. */
function occupiedRanges(cidrs: readonly string[]): readonly Cidr4[] {
  const ranges = cidrs.flatMap((cidr) => parseCidr4(cidr) ?? []);
  ranges.sort((a, b) => a.base - b.base || a.length - b.length);
  const widest: Cidr4[] = [];
  for (const range of ranges) {
    const before = widest.at(-1);
    if (before === undefined || range.base > lastAddress(before)) widest.push(range);
  }
  return widest;
}

/** Binary search for the last range that begins at or before the block's end. */
function overlapsAny(occupied: readonly Cidr4[], block: Cidr4): boolean {
  const end = lastAddress(block);
  let low = 0;
  let high = occupied.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const range = occupied[middle];
    if (range !== undefined && range.base <= end) low = middle + 1;
    else high = middle;
  }
  const range = occupied[low - 1];
  return range !== undefined && lastAddress(range) >= block.base;
}
