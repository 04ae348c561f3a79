import { bitsOf, type Cidr, type Family, formatCidr, lastAddress, sizeOf } from '../../lib/ip.ts';

/** Inclusive. */
interface Range {
  readonly family: Family;
  readonly first: bigint;
  readonly last: bigint;
}

/** The fewest disjoint prefixes that cover the same addresses, ascending, IPv4 first. */
export function coalesceCidrs(cidrs: readonly Cidr[]): Cidr[] {
  return toCidrs(union(cidrs.map(toRange)));
}

/** What of `cidr` is in none of `except`: the fewest disjoint prefixes, ascending. */
export function subtractCidrs(cidr: Cidr, except: readonly Cidr[]): Cidr[] {
  const whole = toRange(cidr);
  const { family } = whole;
  const left: Range[] = [];
  let first = whole.first;
  for (const hole of union(except.filter((part) => part.family === family).map(toRange))) {
    if (hole.last < first) continue;
    if (hole.first > whole.last) break;
    if (hole.first > first) left.push({ family, first, last: hole.first - 1n });
    first = hole.last + 1n;
  }
  if (first <= whole.last) left.push({ family, first, last: whole.last });
  return toCidrs(left);
}

/** The fewest prefixes of what is from `first` to `last`, inclusive. */
export function cidrsOfRange(family: Family, first: bigint, last: bigint): Cidr[] {
  return toCidrs([{ family, first, last }]);
}

export function formatCidrs(cidrs: readonly Cidr[]): string[] {
  return cidrs.map(formatCidr);
}

function toRange(cidr: Cidr): Range {
  return { family: cidr.family, first: cidr.base, last: lastAddress(cidr) };
}

/** Ascending and disjoint; neighbours are joined. */
function union(ranges: readonly Range[]): Range[] {
  const joined: { family: Family; first: bigint; last: bigint }[] = [];
  const sorted = [...ranges].sort(
    (a, b) => a.family - b.family || (a.first < b.first ? -1 : a.first > b.first ? 1 : 0),
  );
  for (const { family, first, last } of sorted) {
    const previous = joined.at(-1);
    if (previous?.family === family && first <= previous.last + 1n) {
      if (last > previous.last) previous.last = last;
    } else joined.push({ family, first, last });
  }
  return joined;
}

function toCidrs(ranges: readonly Range[]): Cidr[] {
  const cidrs: Cidr[] = [];
  for (const { family, first, last } of ranges) {
    for (let base = first; base <= last; ) {
      const length = shortestPrefixAt(family, base, last);
      cidrs.push({ family, base, length });
      base += sizeOf({ family, length });
    }
  }
  return cidrs;
}

/** Length of the largest prefix that starts at `base` and ends at or before `last`. */
function shortestPrefixAt(family: Family, base: bigint, last: bigint): number {
  let length: number = bitsOf(family);
  for (;;) {
    const wider = sizeOf({ family, length: length - 1 });
    if (length === 0 || base % wider !== 0n || base + wider - 1n > last) return length;
    length -= 1;
  }
}
