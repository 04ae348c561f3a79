import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { containsAddress, formatIpv4, overlaps, parseCidr4, sizeOf, type Cidr4 } from '../../../src/lib/ipv4.ts';
import { coalesceCidrs, formatCidrs, parseLooseCidr4, subtractCidrs } from '../../../src/model/policy/cidr-sets.ts';

/** Within 10.0.0.0/24, so that every address can be tried. */
const BASE = 10 * 2 ** 24;
const small: fc.Arbitrary<Cidr4> = fc
  .tuple(fc.integer({ min: 24, max: 32 }), fc.integer({ min: 0, max: 255 }))
  .map(([length, host]) => ({ base: BASE + host - (host % sizeOf(length)), length }));

function expectMembers(cidrs: readonly Cidr4[], isMember: (address: number) => boolean): void {
  for (let address = BASE - 1; address <= BASE + 256; address += 1) {
    if (cidrs.some((cidr) => containsAddress(cidr, address)) !== isMember(address))
      throw new Error(formatIpv4(address));
  }
}

/** Ascending, disjoint, and no two of them are the halves of one. */
function expectCanonical(cidrs: readonly Cidr4[]): void {
  for (const [index, b] of cidrs.entries()) {
    const a = cidrs[index - 1];
    if (a === undefined) continue;
    expect(a.base).toBeLessThan(b.base);
    expect(overlaps(a, b)).toBe(false);
    const areHalves =
      a.length === b.length && a.base % sizeOf(a.length - 1) === 0 && b.base === a.base + sizeOf(a.length);
    expect(areHalves).toBe(false);
  }
}

describe('sets of prefixes', () => {
  test('subtracting leaves exactly the addresses that no exception covers, in the fewest prefixes', () => {
    fc.assert(
      fc.property(small, fc.array(small, { maxLength: 4 }), (cidr, except) => {
        const left = subtractCidrs(cidr, except);
        expectCanonical(left);
        expectMembers(
          left,
          (address) => containsAddress(cidr, address) && !except.some((hole) => containsAddress(hole, address)),
        );
      }),
      { numRuns: 300 },
    );
  });

  test('coalescing covers exactly the same addresses, in the fewest prefixes', () => {
    fc.assert(
      fc.property(fc.array(small, { maxLength: 6 }), (cidrs) => {
        const joined = coalesceCidrs(cidrs);
        expectCanonical(joined);
        expectMembers(joined, (address) => cidrs.some((cidr) => containsAddress(cidr, address)));
      }),
      { numRuns: 300 },
    );
  });

  test('the whole of IPv4 less one address is 32 prefixes', () => {
    const left = subtractCidrs({ base: 0, length: 0 }, [{ base: BASE + 1, length: 32 }]);
    expect(left).toHaveLength(32);
    expect(formatCidrs(left)[0]).toBe('0.0.0.0/5');
    expect(coalesceCidrs([...left, { base: BASE + 1, length: 32 }])).toEqual([{ base: 0, length: 0 }]);
  });

  test.each([
    ['10.0.0.5/24', '10.0.0.0/24'],
    ['10.0.0.0/8', '10.0.0.0/8'],
    ['255.255.255.255/0', '0.0.0.0/0'],
  ])('the host bits of %s are cleared', (text, expected) => {
    expect(parseLooseCidr4(text)).toEqual(parseCidr4(expected));
  });

  test.each(['10.0.0.0', '10.0.0.0/33', '10.0.0/8', 'fd00::/8', '/8', ''])('%p is no prefix', (text) => {
    expect(parseLooseCidr4(text)).toBeUndefined();
  });
});
