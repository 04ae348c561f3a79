/** Exponential growth with full jitter: `random` in [0, 1) spreads each wait over the whole step. */
export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** Milliseconds to wait before try number `attempt` (0 is the first retry). At least half of the step. */
export function backoffMs({ firstMs, maxMs }: Backoff, attempt: number, random: number): number {
  const step = Math.min(maxMs, firstMs * 2 ** Math.min(attempt, 30));
  return Math.round(step / 2 + (step / 2) * random);
}
