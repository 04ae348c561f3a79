import { type Estimate, estimate, ratios } from './statistics.ts';

/** One measurement; its unit is the caller's. Smaller or larger may be better. */
export type Measure = () => number | Promise<number>;

export interface Comparison {
  readonly candidate: Estimate;
  readonly baseline: Estimate;
  /** candidate / baseline, pair by pair. */
  readonly ratio: Estimate;
  /** baseline / baseline, pair by pair: what this machine does to two measurements of the same thing. */
  readonly noise: Estimate;
  readonly samples: { readonly candidate: readonly number[]; readonly baseline: readonly number[] };
}

/**
 * Measures baseline, candidate and baseline again, `pairs` times over, so that whatever else the machine does falls
 * on all of them. One round before does not count.
 */
export async function compare(candidate: Measure, baseline: Measure, pairs: number): Promise<Comparison> {
  await baseline();
  await candidate();
  const rounds: { candidate: number; before: number; after: number }[] = [];
  for (let round = 0; round < pairs; round += 1) {
    rounds.push({ before: await baseline(), candidate: await candidate(), after: await baseline() });
  }
  const candidates = rounds.map((round) => round.candidate);
  const baselines = rounds.map(({ before, after }) => (before + after) / 2);
  return {
    candidate: estimate(candidates),
    baseline: estimate(baselines),
    ratio: estimate(ratios(rounds.map((round) => [round.candidate, (round.before + round.after) / 2]))),
    noise: estimate(ratios(rounds.map(({ before, after }) => [after, before]))),
    samples: { candidate: candidates, baseline: baselines },
  };
}
