import type { ChainIr } from '../node/ir.ts';

const UNITS = [
  ['Gbit/s', 1e9],
  ['Mbit/s', 1e6],
  ['kbit/s', 1e3],
] as const;

/** What a chain holds the pod to beside its rules, in one sentence for each policy. */
export function describeLimits({ limits = [], bandwidth }: ChainIr): string[] {
  const counts = limits.map(({ origin, max, newPerSecond }) => {
    const parts = [
      ...(max === undefined ? [] : [`${max} connections open at once`]),
      ...(newPerSecond === undefined ? [] : [`${newPerSecond} new ones a second`]),
    ];
    return `${origin} allows at most ${parts.join(' and ')}`;
  });
  if (bandwidth === undefined) return counts;
  return [...counts, `${bandwidth.origin} holds it to ${rateText(bandwidth.bitsPerSecond)}`];
}

function rateText(bitsPerSecond: number): string {
  const [unit, factor] = UNITS.find(([, size]) => bitsPerSecond >= size) ?? (['bit/s', 1] as const);
  return `${Number((bitsPerSecond / factor).toFixed(3))} ${unit}`;
}
