import { bitsOf, type Cidr, containsAddress, lastAddress, overlaps, parseCidr, sizeOf } from '../../lib/ip.ts';

/** What of a pool says how many addresses it has. */
interface PoolShape {
  readonly cidr: string;
  readonly blockSize?: number;
  /** Prefixes that nobody is given. */
  readonly reserved?: readonly string[];
}

/** The CRD says so: 64 addresses in either family. */
export function blockSizeOf({ cidr, blockSize }: PoolShape): number {
  return blockSize ?? (cidr.includes(':') ? 122 : 26);
}

/** Blocks that a pool is cut into; 0 when none fits or the range cannot be read. At most 2^53 - 1. */
export function blocksOf(cidr: string, blockSize: number): number {
  return Math.min(blockCount(cidr, blockSize), Number.MAX_SAFE_INTEGER);
}

/** Blocks of a pool that pods can get an address of: not those that are reserved whole. At most 2^53 - 1. */
export function usableBlocks(pool: PoolShape): number {
  const blockBits = blockSizeOf(pool);
  const reserved = disjointRanges(pool.reserved ?? []);
  const whole = reserved.reduce((sum, { length }) => sum + (length <= blockBits ? 2 ** (blockBits - length) : 0), 0);
  const narrow = reserved.filter(({ length }) => length > blockBits);
  const touched = new Map(narrow.map((part) => blockAround(part, blockBits)).map((block) => [block.base, block]));
  const used = [...touched.values()].filter((block) => leasableIn(block, narrow) === 0).length;
  return within(blockCount(pool.cidr, blockBits) - whole - used);
}

/** Addresses of a pool that pods can get: neither reserved nor the first of their block. At most 2^53 - 1. */
export function leasableAddresses(pool: PoolShape): number {
  const blockBits = blockSizeOf(pool);
  const bits = pool.cidr.includes(':') ? 128 : 32;
  const taken = disjointRanges(pool.reserved ?? []).reduce((sum, part) => {
    const firsts = part.length <= blockBits ? 2 ** (blockBits - part.length) : isFirst(part, blockBits) ? 1 : 0;
    return sum + Number(sizeOf(part)) - firsts;
  }, 0);
  return within(blockCount(pool.cidr, blockBits) * (2 ** (bits - blockBits) - 1) - taken);
}

/** Addresses of a block that pods can get. */
export function leasableIn(block: Cidr, reserved: readonly Cidr[]): number {
  const parts = disjoint(reserved.filter((part) => overlaps(part, block)));
  if (parts.some(({ length }) => length <= block.length)) return 0;
  const taken = parts.reduce((sum, part) => sum + Number(sizeOf(part)), 0);
  const first = { family: block.family, value: block.base };
  const isFirstReserved = parts.some((part) => containsAddress(part, first));
  return Number(sizeOf(block)) - taken - (isFirstReserved ? 0 : 1);
}

/** The prefixes, parsed, without those that are within another; what is none is left out. */
export function disjointRanges(texts: readonly string[]): readonly Cidr[] {
  return disjoint(texts.flatMap((text) => parseCidr(text) ?? []));
}

/** Sorted by address and made disjoint: of ranges within each other the widest stays. All of one family. */
export function disjoint(ranges: readonly Cidr[]): readonly Cidr[] {
  const sorted = [...ranges].sort((a, b) => (a.base < b.base ? -1 : a.base > b.base ? 1 : a.length - b.length));
  const widest: Cidr[] = [];
  for (const range of sorted) {
    const before = widest.at(-1);
    if (before === undefined || range.base > lastAddress(before)) widest.push(range);
  }
  return widest;
}

function blockAround({ family, base }: Cidr, length: number): Cidr {
  return { family, base: base - (base % sizeOf({ family, length })), length };
}

function isFirst(part: Cidr, blockBits: number): boolean {
  return blockAround(part, blockBits).base === part.base;
}

function blockCount(cidr: string, blockSize: number): number {
  const range = parseCidr(cidr);
  if (range === undefined || blockSize < range.length || blockSize > bitsOf(range.family)) return 0;
  return 2 ** (blockSize - range.length);
}

function within(count: number): number {
  return Math.min(Math.max(0, count), Number.MAX_SAFE_INTEGER);
}
