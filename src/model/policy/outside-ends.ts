import { type Cidr, type Family, formatIp, lastAddress, parseCidr } from '../../lib/ip.ts';
import { cidrsOfRange, coalesceCidrs, formatCidrs, subtractCidrs } from './cidr-sets.ts';

/** Addresses that are nobody's in the cluster, and that no policy tells from each other. */
export interface OutsideEnd {
  readonly cidrs: readonly string[];
  /** For people, by what they are or by what they are not, whichever is shorter. */
  readonly name: string;
  /** One of them. */
  readonly address: string;
}

/**
 * Everything of a family that is none of `known`, in as few parts as `groupOf` tells apart.
 *
 * @param cidrs    all that any rule names.
 * @param groupOf  equal for addresses that are in the same sets.
 */
export function outsideEnds(
  family: Family,
  cidrs: Iterable<string>,
  known: ReadonlySet<string>,
  groupOf: (address: string) => string,
): OutsideEnd[] {
  const whole: Cidr = { family, base: 0n, length: 0 };
  const prefixes = [...cidrs].flatMap((text) => parseCidr(text) ?? []).filter((cidr) => cidr.family === family);
  const starts = new Set([0n]);
  for (const cidr of prefixes) starts.add(cidr.base).add(lastAddress(cidr) + 1n);
  const sorted = [...starts].filter((start) => start <= lastAddress(whole)).sort((a, b) => (a < b ? -1 : 1));
  const groups = new Map<string, { readonly cidrs: Cidr[]; readonly address: string }>();
  for (const [index, first] of sorted.entries()) {
    const last = (sorted[index + 1] ?? lastAddress(whole) + 1n) - 1n;
    const address = firstUnknown(family, first, last, known);
    if (address === undefined) continue;
    const group = groups.get(groupOf(address)) ?? { cidrs: [], address };
    groups.set(groupOf(address), group);
    group.cidrs.push(...cidrsOfRange(family, first, last));
  }
  return [...groups.values()].map(({ cidrs: of, address }) => {
    const [own, others] = [formatCidrs(coalesceCidrs(of)), formatCidrs(subtractCidrs(whole, of))];
    return { cidrs: own, name: nameOf(own, others), address };
  });
}

function nameOf(own: readonly string[], others: readonly string[]): string {
  if (others.length === 0) return 'all addresses';
  return others.length < own.length ? `all but ${others.join(' ')}` : own.join(' ');
}

function firstUnknown(family: Family, first: bigint, last: bigint, known: ReadonlySet<string>): string | undefined {
  for (let value = first; value <= last; value += 1n) {
    const address = formatIp({ family, value });
    if (!known.has(address)) return address;
  }
  return undefined;
}
