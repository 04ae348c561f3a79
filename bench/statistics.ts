/** An estimate with the interval that holds it in 95 of 100 repetitions. */
export interface Estimate {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** The value below which `share` (0–1) of the samples lie, by linear interpolation. @throws for no samples. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const position = share * (sorted.length - 1);
  const below = sorted[Math.floor(position)];
  const above = sorted[Math.ceil(position)];
  if (below === undefined || above === undefined) throw new Error('a quantile needs at least one sample');
  return below + (above - below) * (position - Math.floor(position));
}

/**
 * Median with its 95 % interval by order statistics: the ranks between which the median lies with at least that
 * probability, whatever the distribution. Fewer than six samples have no such interval; theirs is the whole range.
 */
export function estimate(samples: readonly number[]): Estimate {
  const sorted = [...samples].sort((a, b) => a - b);
  const outside = ranksOutside(sorted.length);
  return {
    median: quantile(sorted, 0.5),
    low: sorted[outside] ?? Number.NaN,
    high: sorted[sorted.length - 1 - outside] ?? Number.NaN,
  };
}

/** The most samples that may be cut from each end so that the median still lies between the rest with 95 %. */
function ranksOutside(count: number): number {
  let probability = 2 ** -count;
  let tail = 0;
  for (let rank = 0; rank < count; rank += 1) {
    tail += probability;
    if (2 * tail > 0.05) return Math.max(0, rank - 1);
    probability *= (count - rank) / (rank + 1);
  }
  return 0;
}

/** Of each pair measured one after the other: candidate / baseline. Shared noise cancels. */
export function ratios(pairs: readonly (readonly [candidate: number, baseline: number])[]): number[] {
  return pairs.map(([candidate, baseline]) => candidate / baseline);
}
