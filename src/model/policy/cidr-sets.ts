import { formatCidr4, lastAddress, parseCidr4, parseIpv4, sizeOf, type Cidr4 } from '../../lib/ipv4.ts';

/** The whole of IPv4. */
export const EVERY_ADDRESS: Cidr4 = { base: 0, length: 0 };

/** Inclusive. */
interface Range {
  readonly first: number;
  readonly last: number;
}

/**
 * A prefix as the API server lets people write it in a NetworkPolicy: host bits may be set and are cleared.
 * Undefined when `text` is no IPv4 prefix.
 */
export function parseLooseCidr4(text: string): Cidr4 | undefined {
  const strict = parseCidr4(text);
  if (strict !== undefined) return strict;
  const match = /^([0-9.]+)\/(0|[1-9]\d?)$/.exec(text);
  const address = parseIpv4(match?.[1] ?? '');
  const length = Number(match?.[2]);
  if (match === null || address === undefined || length > 32) return undefined;
  return { base: address - (address % sizeOf(length)), length };
}

/** The fewest disjoint prefixes that cover the same addresses, ascending. */
export function coalesceCidrs(cidrs: readonly Cidr4[]): Cidr4[] {
  return toCidrs(union(cidrs.map(toRange)));
}

/** What of `cidr` is in none of `except`: the fewest disjoint prefixes, ascending. */
export function subtractCidrs(cidr: Cidr4, except: readonly Cidr4[]): Cidr4[] {
  const whole = toRange(cidr);
  const left: Range[] = [];
  let first = whole.first;
  for (const hole of union(except.map(toRange))) {
    if (hole.last < first) continue;
    if (hole.first > whole.last) break;
    if (hole.first > first) left.push({ first, last: hole.first - 1 });
    first = hole.last + 1;
  }
  if (first <= whole.last) left.push({ first, last: whole.last });
  return toCidrs(left);
}

export function formatCidrs(cidrs: readonly Cidr4[]): string[] {
  return cidrs.map(formatCidr4);
}

function toRange(cidr: Cidr4): Range {
  return { first: cidr.base, last: lastAddress(cidr) };
}

/** Ascending and disjoint; neighbours are joined. */
function union(ranges: readonly Range[]): Range[] {
  const joined: { first: number; last: number }[] = [];
  for (const { first, last } of [...ranges].sort((a, b) => a.first - b.first)) {
    const previous = joined.at(-1);
    if (previous !== undefined && first <= previous.last + 1) previous.last = Math.max(previous.last, last);
    else joined.push({ first, last });
  }
  return joined;
}

function toCidrs(ranges: readonly Range[]): Cidr4[] {
  const cidrs: Cidr4[] = [];
  for (const { first, last } of ranges) {
    for (let base = first; base <= last; ) {
      const length = shortestPrefixAt(base, last);
      cidrs.push({ base, length });
      base += sizeOf(length);
    }
  }
  return cidrs;
}

/** Length of the largest prefix that starts at `base` and ends at or before `last`. */
function shortestPrefixAt(base: number, last: number): number {
  let length = 32;
  while (length > 0 && base % sizeOf(length - 1) === 0 && base + sizeOf(length - 1) - 1 <= last) length -= 1;
  return length;
}
