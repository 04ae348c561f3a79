import { parseCidr4, sizeOf } from '../../lib/ipv4.ts';

/**
 * Addresses of a pool that pods can get: all but the first of each block. 0 when no block fits or the range cannot be
 * read.
 */
export function leasableAddresses(cidr: string, blockSize: number): number {
  const range = parseCidr4(cidr);
  if (range === undefined || blockSize < range.length || blockSize > 32) return 0;
  return 2 ** (blockSize - range.length) * (sizeOf(blockSize) - 1);
}
