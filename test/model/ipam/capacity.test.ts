import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Cidr, containsAddress, formatCidr, overlaps, parseCidr, sizeOf } from '../../../src/lib/ip.ts';
import {
  blockSizeOf,
  blocksOf,
  disjointRanges,
  leasableAddresses,
  leasableIn,
  usableBlocks,
} from '../../../src/model/ipam/capacity.ts';

const RANGE: Cidr = { family: 4, base: 0x0a00_0000n, length: 22 };

/** Prefixes within RANGE that may overlap each other, as the API server lets them. */
const reservedParts = fc.array(
  fc.tuple(fc.nat({ max: 1023 }), fc.integer({ min: 23, max: 32 })).map(([offset, length]) => {
    const size = 2 ** (32 - length);
    return formatCidr({ family: 4, base: RANGE.base + BigInt(offset - (offset % size)), length });
  }),
  { maxLength: 20 },
);

/** One address after the other: neither reserved nor the first of its block. */
function countedIn(block: Cidr, reserved: readonly string[]): number {
  const parts = reserved.flatMap((text) => parseCidr(text) ?? []);
  let count = 0;
  for (let index = 1n; index < sizeOf(block); index += 1n) {
    const ip = { family: block.family, value: block.base + index };
    if (!parts.some((part) => containsAddress(part, ip))) count += 1;
  }
  return count;
}

describe('what a pool has', () => {
  test('is all but the first address of each block', () => {
    expect(leasableAddresses({ cidr: '10.0.0.0/24' })).toBe(4 * 63);
    expect(leasableAddresses({ cidr: '10.0.0.0/26' })).toBe(63);
    expect(leasableAddresses({ cidr: '10.0.0.0/28' })).toBe(0);
    expect(leasableAddresses({ cidr: 'nonsense' })).toBe(0);
    expect(leasableAddresses({ cidr: 'fd00::/120' })).toBe(4 * 63);
  });

  test('is, block by block and as a whole, what is left when each address is looked at, whatever is reserved', () => {
    fc.assert(
      fc.property(fc.integer({ min: 24, max: 30 }), reservedParts, (blockSize, reserved) => {
        const size = sizeOf({ family: 4, length: blockSize });
        const blocks = Array.from({ length: Number(sizeOf(RANGE) / size) }, (_, index): Cidr => {
          return { family: 4, base: RANGE.base + BigInt(index) * size, length: blockSize };
        });
        const counts = blocks.map((block) => countedIn(block, reserved));
        const ranges = disjointRanges(reserved);
        expect(blocks.map((block) => leasableIn(block, ranges))).toEqual(counts);
        const pool = { cidr: formatCidr(RANGE), blockSize, reserved };
        expect(leasableAddresses(pool)).toBe(counts.reduce((sum, count) => sum + count, 0));
        expect(usableBlocks(pool)).toBe(counts.filter((count) => count > 0).length);
      }),
    );
  });

  test('ends where numbers are not exact any more, as statuses show integers', () => {
    const reserved = ['fd00::/64'];
    expect(leasableAddresses({ cidr: 'fd00::/48', reserved })).toBe(Number.MAX_SAFE_INTEGER);
    expect(usableBlocks({ cidr: 'fd00::/48', reserved })).toBe(Number.MAX_SAFE_INTEGER);
    expect(blocksOf('fd00::/48', 122)).toBe(Number.MAX_SAFE_INTEGER);
    expect(blocksOf('fd00::/64', 122)).toBe(Number.MAX_SAFE_INTEGER);
    expect(blocksOf('fd00::/72', 122)).toBe(2 ** 50);
  });
});

test('prefixes are made disjoint: of those within each other the widest stays', () => {
  const ranges = disjointRanges(['10.0.0.0/24', '10.0.0.64/26', 'nonsense', '10.0.1.0/32', '10.0.0.0/26']);
  expect(ranges.map(formatCidr)).toEqual(['10.0.0.0/24', '10.0.1.0/32']);
  expect(ranges.some((a) => ranges.some((b) => a !== b && overlaps(a, b)))).toBe(false);
});

test.each([
  [{ cidr: '10.0.0.0/16' }, 26],
  [{ cidr: 'fd00::/64' }, 122],
  [{ cidr: 'fd00::/64', blockSize: 120 }, 120],
])('of %j has blocks of /%d', (spec, expected) => {
  expect(blockSizeOf(spec)).toBe(expected);
});
