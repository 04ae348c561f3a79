import { bitsOf, parseCidr } from '../../lib/ip.ts';

/** The CRD says so: 64 addresses in either family. */
export function blockSizeOf({ cidr, blockSize }: { readonly cidr: string; readonly blockSize?: number }): number {
  return blockSize ?? (cidr.includes(':') ? 122 : 26);
}

/** Blocks that a pool is cut into; 0 when none fits or the range cannot be read. At most 2^53 - 1. */
export function blocksOf(cidr: string, blockSize: number): number {
  const range = parseCidr(cidr);
  if (range === undefined || blockSize < range.length || blockSize > bitsOf(range.family)) return 0;
  return Math.min(2 ** (blockSize - range.length), Number.MAX_SAFE_INTEGER);
}

/** Addresses of a pool that pods can get: all but the first of each block. At most 2^53 - 1. */
export function leasableAddresses(cidr: string, blockSize: number): number {
  const bits = cidr.includes(':') ? 128 : 32;
  return Math.min(blocksOf(cidr, blockSize) * (2 ** (bits - blockSize) - 1), Number.MAX_SAFE_INTEGER);
}
