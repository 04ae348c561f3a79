import { REASON } from '../../api/reasons.ts';
import { shortHash } from '../../lib/hash.ts';
import {
  type Cidr,
  containsAddress,
  type Family,
  familyOf,
  formatCidr,
  type Ip,
  lastAddress,
  overlaps,
  parseCidr,
  parseIp,
  sizeOf,
} from '../../lib/ip.ts';
import type { Problem } from '../problem.ts';
import { type ForeignRange, foreignBlocks, overlapping } from './foreign-ranges.ts';
import { blocksOf, disjoint, disjointRanges, leasableIn } from './capacity.ts';

/** A pool that blocks may be taken from. */
export interface PoolState {
  readonly name: string;
  readonly uid: string;
  readonly cidr: string;
  /** Prefix length of its blocks. */
  readonly blockSize: number;
  /** Prefixes that nobody is given. */
  readonly reserved: readonly string[];
  /** Addresses of other nodes' blocks may be borrowed when there is no block; absent: not. */
  readonly mayBorrow?: boolean;
}

export interface BlockChoice {
  readonly cidr: string;
  /** Name and uid of the pool that the block is part of. */
  readonly pool: string;
  readonly poolUid: string;
}

type Stored = { readonly spec: { readonly cidr: string; readonly nodeName: string } };

/**
 * A block that nobody owns and that pods can get an address of, for a node that needs one.
 *
 * @param pools   of one family, whose ranges are theirs alone; the first by name that has a free block gives it.
 * @param blocks  all there are, of whatever pool, size and node: the choice overlaps none of them, also when pools
 *                were deleted and made anew with another block size.
 * @param nodeUid seeds the order in which blocks are tried: two operators choose the same block for the same node,
 *                and different ones for different nodes, mostly.
 * @param foreign addresses that are not pods': the choice has none of them.
 * @returns `NoPool` or `PoolExhausted` when there is none.
 *
 * Cost: O(b log b) for b blocks, and one look for each occupied block on the way.
 */
export function chooseBlock(
  pools: readonly PoolState[],
  blocks: readonly Stored[],
  nodeUid: string,
  foreign: readonly ForeignRange[] = [],
): BlockChoice | Problem {
  const usable = [...pools].sort((a, b) => (a.name < b.name ? -1 : 1));
  if (usable.length === 0) return NO_POOL;
  const occupied = new Map(([4, 6] as const).map((family) => [family, occupiedRanges(blocks, family)]));
  for (const pool of usable) {
    const taken = { reserved: pool.reserved, whole: foreignBlocks(pool.cidr, pool.blockSize, foreign) };
    const block = freeBlockOf(pool, occupied.get(familyOf(pool.cidr)) ?? [], nodeUid, taken);
    if (block !== undefined) return { cidr: formatCidr(block), pool: pool.name, poolUid: pool.uid };
  }
  const names = usable.map(({ name }) => `'${name}'`).join(', ');
  return {
    path: 'spec',
    reason: REASON.poolExhausted,
    message: `every block of ${names} belongs to a node or is reserved; add an IPPool`,
  };
}

/**
 * The block that has this address, when nobody owns a part of it.
 *
 * @returns `AddressOutside` when no pool has the address, `AddressReserved` when no pod is given it, `AddressElsewhere`
 *          when another node owns it.
 */
export function blockOfAddress(
  pools: readonly PoolState[],
  blocks: readonly Stored[],
  address: string,
  foreign: readonly ForeignRange[] = [],
): BlockChoice | Problem {
  const ip = parseIp(address);
  const refuse = (reason: string, message: string): Problem => ({ path: 'metadata.annotations', reason, message });
  for (const { name, uid, cidr, blockSize, reserved } of pools) {
    const range = parseCidr(cidr);
    if (ip === undefined || range === undefined || !containsAddress(range, ip)) continue;
    if (blocksOf(cidr, blockSize) === 0) continue;
    const size = sizeOf({ family: ip.family, length: blockSize });
    const block: Cidr = { family: ip.family, base: ip.value - (ip.value % size), length: blockSize };
    if (ip.value === block.base || disjointRanges(reserved).some((part) => containsAddress(part, ip))) {
      const message = `${address} is reserved, or the first of its block; choose another`;
      return refuse(REASON.addressReserved, message);
    }
    const [other] = overlapping(formatCidr(block), foreign);
    if (other !== undefined) {
      const whose = other.of === 'node' ? `node '${other.name}'` : `Services (ServiceCIDR '${other.name}')`;
      const message = `${address} is in block ${formatCidr(block)}, where ${whose} has ${other.cidr}; choose another`;
      return refuse(REASON.addressReserved, message);
    }
    const owner = ownerOf(blocks, block, ip);
    if (owner === undefined) return { cidr: formatCidr(block), pool: name, poolUid: uid };
    const where = `block ${owner.spec.cidr}, which belongs to node '${owner.spec.nodeName}'`;
    return refuse(
      REASON.addressElsewhere,
      `${address} is in ${where}; let the pod run there, or choose another address`,
    );
  }
  const message = `${address} is in no IPPool that the pod may use; see: kubectl get ippools`;
  return refuse(REASON.addressOutside, message);
}

/** Of blocks that overlap `block` the narrowest that has the address, if any has; else any. */
function ownerOf(blocks: readonly Stored[], block: Cidr, ip: Ip): Stored | undefined {
  const overlapping = blocks.flatMap((stored) => {
    const range = parseCidr(stored.spec.cidr);
    return range !== undefined && overlaps(range, block) ? [{ stored, range }] : [];
  });
  overlapping.sort((a, b) => b.range.length - a.range.length);
  const owner = overlapping.find(({ range }) => containsAddress(range, ip)) ?? overlapping[0];
  return owner?.stored;
}

const NO_POOL: Problem = {
  path: 'spec',
  reason: REASON.noPool,
  message: 'there is no IPPool for this that is Ready and not disabled; create one',
};

function freeBlockOf(
  pool: PoolState,
  occupied: readonly Cidr[],
  nodeUid: string,
  taken: { readonly reserved: readonly string[]; readonly whole: readonly string[] },
): Cidr | undefined {
  const range = parseCidr(pool.cidr);
  if (range === undefined || blocksOf(pool.cidr, pool.blockSize) === 0) return undefined;
  const { family, base } = range;
  // A power of two, so that every odd stride comes by each block exactly once.
  const count = 1n << BigInt(pool.blockSize - range.length);
  const seed = shortHash(`block/${pool.uid}/${nodeUid}`, 32);
  const start = BigInt(`0x${seed.slice(0, 16)}`) % count;
  const stride = (BigInt(`0x${seed.slice(16)}`) % count) | 1n;
  const size = sizeOf({ family, length: pool.blockSize });
  const reserved = disjointRanges([...taken.reserved, ...taken.whole]);
  const isUsedUp = (block: Cidr) => overlapsAny(reserved, block) && leasableIn(block, reserved) === 0;
  for (let step = 0n; step < count; step += 1n) {
    const index = (start + step * stride) % count;
    const block = { family, base: base + index * size, length: pool.blockSize };
    if (!overlapsAny(occupied, block) && !isUsedUp(block)) return block;
  }
  return undefined;
}

function occupiedRanges(blocks: readonly Stored[], family: Family): readonly Cidr[] {
  return disjoint(blocks.flatMap(({ spec }) => parseCidr(spec.cidr) ?? []).filter((range) => range.family === family));
}

/** Binary search for the last range that begins at or before the block's end. */
function overlapsAny(occupied: readonly Cidr[], block: Cidr): boolean {
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
