import { overlaps, parseCidr } from '../../lib/ip.ts';

/** One pool's claim to its range, as the registry object lists it. */
export interface PoolRange {
  readonly name: string;
  readonly uid: string;
  readonly cidr: string;
}

export type Reservation =
  | { readonly outcome: 'reserved'; readonly ranges: readonly PoolRange[] }
  /** Another pool was first; `with` holds all that overlap. */
  | { readonly outcome: 'overlaps'; readonly with: readonly PoolRange[] };

const VERSION = 1;

/**
 * Reads the registry's text; absent text is an empty registry.
 *
 * @throws Error when the text is not what `renderRanges` writes: guessing here could hand out an address twice.
 */
export function parseRanges(text: string | undefined): readonly PoolRange[] {
  if (text === undefined) return [];
  const { version, pools } = parseRegistry(text);
  if (version !== VERSION || !Array.isArray(pools) || !pools.every(isPoolRange)) {
    throw new Error(
      `the registry of pool ranges must be {"version":${VERSION},"pools":[{"name","uid","cidr"}]}; ` +
        'restore it, or delete it when no pool is in use',
    );
  }
  return pools;
}

/** Sorted by name, then uid, so that equal registries have equal text. */
export function renderRanges(ranges: readonly PoolRange[]): string {
  const pools = ranges
    .map(({ name, uid, cidr }) => ({ name, uid, cidr }))
    .sort((a, b) => (`${a.name}\n${a.uid}` < `${b.name}\n${b.uid}` ? -1 : 1));
  return JSON.stringify({ version: VERSION, pools });
}

/** Adds `wanted` unless it overlaps with another pool's range; a pool that is listed already keeps its place. */
export function reserveRange(ranges: readonly PoolRange[], wanted: PoolRange): Reservation {
  const others = ranges.filter((range) => range.uid !== wanted.uid);
  const cidr = parseCidr(wanted.cidr);
  const conflicts = others.filter((range) => {
    const taken = parseCidr(range.cidr);
    return cidr === undefined || taken === undefined || overlaps(cidr, taken);
  });
  if (conflicts.length > 0) return { outcome: 'overlaps', with: conflicts };
  return { outcome: 'reserved', ranges: [...others, wanted] };
}

/** Without the ranges of pools with these uids. */
export function withoutRanges(ranges: readonly PoolRange[], uids: ReadonlySet<string>): readonly PoolRange[] {
  return ranges.filter((range) => !uids.has(range.uid));
}

function parseRegistry(text: string): { readonly version?: unknown; readonly pools?: unknown } {
  try {
    return (JSON.parse(text) ?? {}) as { readonly version?: unknown; readonly pools?: unknown };
  } catch {
    return {};
  }
}

function isPoolRange(value: unknown): value is PoolRange {
  const { name, uid, cidr } = (value ?? {}) as Partial<Record<keyof PoolRange, unknown>>;
  return typeof name === 'string' && typeof uid === 'string' && typeof cidr === 'string';
}
