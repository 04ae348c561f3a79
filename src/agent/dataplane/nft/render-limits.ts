import type { Family } from '../../../lib/ip.ts';
import type { LimitIr } from '../../../model/node/ir.ts';
import type { Direction } from './names.ts';

/** A pod that opens nothing for so long is counted anew; by then its share of a second has grown back. */
const RATE_TIMEOUT = '10s';

export interface LimitSet {
  readonly name: string;
  readonly type: string;
}

/** The sets by which a chain of limits counts each pod for itself, by its own address. */
export function limitSets(chain: string, limits: readonly LimitIr[], families: readonly Family[]): LimitSet[] {
  return limits.flatMap(({ max, newPerSecond }, at) =>
    families.flatMap((family) => [
      ...(newPerSecond === undefined ? [] : [setOf(chain, at, 'rate', family)]),
      ...(max === undefined ? [] : [setOf(chain, at, 'open', family)]),
    ]),
  );
}

/**
 * What is allowed comes here last. By the first packet of a connection only: an open one is not cut, however many there
 * are when the limit comes. The rate is asked first, so that what it drops is not counted as open.
 */
export function renderLimits(
  chain: string,
  direction: Direction,
  limits: readonly LimitIr[],
  { families, comment }: { readonly families: readonly Family[]; readonly comment: (origin: string) => string },
): string[] {
  return limits.flatMap(({ origin, max, newPerSecond }, at) =>
    families.flatMap((family) => {
      const own = `${family === 4 ? 'ip' : 'ip6'} ${direction === 'ingress' ? 'daddr' : 'saddr'}`;
      const over = (verb: string, kind: LimitKind, statement: string) =>
        `ct state new ${verb} @${setOf(chain, at, kind, family).name} { ${own} ${statement} } counter drop comment "${comment(origin)}"`;
      const rate = `limit rate over ${newPerSecond}/second burst ${newPerSecond} packets`;
      return [
        ...(newPerSecond === undefined ? [] : [over('update', 'rate', rate)]),
        ...(max === undefined ? [] : [over('add', 'open', `ct count over ${max}`)]),
      ];
    }),
  );
}

type LimitKind = 'rate' | 'open';

function setOf(chain: string, at: number, kind: LimitKind, family: Family): LimitSet {
  const flags = kind === 'rate' ? `flags dynamic,timeout; timeout ${RATE_TIMEOUT};` : 'flags dynamic;';
  return { name: `${chain}.${at + 1}.${kind}${family}`, type: `{ type ipv${family}_addr; size 65535; ${flags} }` };
}
