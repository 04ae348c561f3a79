import type { IPBlock } from '../../api/generated/ipblock.ts';
import { type Cidr, formatCidr, overlaps, parseCidr, sizeOf } from '../../lib/ip.ts';

/** Cut from another block: the range is borrowed, or about to be. */
export function isBorrowed({ spec }: IPBlock): boolean {
  return spec.lender !== undefined;
}

/** The lender has not agreed yet: nobody is told of the block, and nothing of it is leased by any but the lender. */
export function isUnagreed({ spec }: IPBlock): boolean {
  return spec.lender !== undefined && spec.lender === spec.nodeName;
}

/** By CIDR of each block that others have borrowed of, or are about to: the CIDRs of that, sorted. */
export function lentRanges(blocks: readonly IPBlock[]): ReadonlyMap<string, readonly string[]> {
  const loans = blocks.filter(isBorrowed).flatMap(({ spec }) => parseCidr(spec.cidr) ?? []);
  if (loans.length === 0) return new Map();
  const wholes = blocks.filter((block) => !isBorrowed(block));
  return new Map(
    wholes.flatMap(({ spec }) => {
      const whole = parseCidr(spec.cidr);
      const parts = loans.filter((loan) => whole !== undefined && overlaps(whole, loan)).map(formatCidr);
      return parts.length === 0 ? [] : [[spec.cidr, parts.sort()] as const];
    }),
  );
}

/** The range without those parts of it, as prefixes. */
export function withoutParts(cidr: string, parts: readonly string[]): readonly string[] {
  const range = parseCidr(cidr);
  const taken = parts.flatMap((part) => parseCidr(part) ?? []);
  return range === undefined ? [] : rest(range, taken).map(formatCidr);
}

function rest(range: Cidr, taken: readonly Cidr[]): readonly Cidr[] {
  const within = taken.filter((part) => overlaps(part, range));
  if (within.length === 0) return [range];
  if (within.some((part) => part.length <= range.length)) return [];
  const length = range.length + 1;
  const half = { ...range, length };
  return [...rest(half, within), ...rest({ ...half, base: range.base + sizeOf(half) }, within)];
}
