import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Cidr, containsAddress, formatIp, type Ip, overlaps, parseCidr, sizeOf } from '../../../src/lib/ip.ts';
import { coalesceCidrs, formatCidrs, subtractCidrs } from '../../../src/model/policy/cidr-sets.ts';

/** Within the last byte of these, so that every address can be tried. */
const BASES = { 4: 10n << 24n, 6: 0xfd00n << 112n } as const;
const small: fc.Arbitrary<Cidr> = fc
  .tuple(fc.constantFrom(4 as const, 6 as const), fc.integer({ min: 0, max: 8 }), fc.bigInt({ min: 0n, max: 255n }))
  .map(([family, hostBits, host]) => {
    const length = (family === 4 ? 32 : 128) - hostBits;
    return { family, base: BASES[family] + host - (host % sizeOf({ family, length })), length };
  });

function expectMembers(cidrs: readonly Cidr[], isMember: (address: Ip) => boolean): void {
  for (const family of [4, 6] as const) {
    for (let value = BASES[family] - 1n; value <= BASES[family] + 256n; value += 1n) {
      const ip = { family, value };
      if (cidrs.some((cidr) => containsAddress(cidr, ip)) !== isMember(ip)) throw new Error(formatIp(ip));
    }
  }
}

/** Ascending by family, disjoint, and no two of them are the halves of one. */
function expectCanonical(cidrs: readonly Cidr[]): void {
  for (const [index, b] of cidrs.entries()) {
    const a = cidrs[index - 1];
    if (a === undefined) continue;
    expect(a.family < b.family || (a.family === b.family && a.base < b.base)).toBe(true);
    expect(overlaps(a, b)).toBe(false);
    const parent = sizeOf({ family: a.family, length: a.length - 1 });
    const areHalves =
      a.family === b.family && a.length === b.length && a.base % parent === 0n && b.base === a.base + sizeOf(a);
    expect(areHalves).toBe(false);
  }
}

function cidr(text: string): Cidr {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new Error(`no prefix: ${text}`);
  return parsed;
}

describe('sets of prefixes', () => {
  test('subtracting leaves exactly the addresses that no exception of the family covers, in the fewest prefixes', () => {
    fc.assert(
      fc.property(small, fc.array(small, { maxLength: 4 }), (whole, except) => {
        const left = subtractCidrs(whole, except);
        expectCanonical(left);
        expectMembers(left, (ip) => containsAddress(whole, ip) && !except.some((hole) => containsAddress(hole, ip)));
      }),
      { numRuns: 300 },
    );
  });

  test('coalescing covers exactly the same addresses of both families, in the fewest prefixes', () => {
    fc.assert(
      fc.property(fc.array(small, { maxLength: 6 }), (cidrs) => {
        const joined = coalesceCidrs(cidrs);
        expectCanonical(joined);
        expectMembers(joined, (ip) => cidrs.some((part) => containsAddress(part, ip)));
      }),
      { numRuns: 300 },
    );
  });

  test.each([
    ['0.0.0.0/0', '10.0.0.1/32', 32, '0.0.0.0/5'],
    ['::/0', 'fd00::1/128', 128, '::/1'],
  ])('the whole of %s less %s is %d prefixes, and with it whole again', (whole, hole, count, first) => {
    const left = subtractCidrs(cidr(whole), [cidr(hole)]);
    expect(left).toHaveLength(count);
    expect(formatCidrs(left)[0]).toBe(first);
    expect(formatCidrs(coalesceCidrs([...left, cidr(hole)]))).toEqual([whole]);
  });

  test('everything of IPv4 and everything of IPv6 stay two prefixes', () => {
    expect(formatCidrs(coalesceCidrs([cidr('::/0'), cidr('0.0.0.0/0')]))).toEqual(['0.0.0.0/0', '::/0']);
    expect(formatCidrs(subtractCidrs(cidr('0.0.0.0/0'), [cidr('::/0')]))).toEqual(['0.0.0.0/0']);
  });
});
