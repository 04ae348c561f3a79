import { CONDITION, REASON } from '../api/reasons.ts';
import type { ReconcileResult } from '../kube/controller.ts';
import type { Clock } from '../lib/clock.ts';
import type { DesiredCondition } from '../model/status/conditions.ts';

/** Almost every change is in force by then. */
const PATIENCE_MS = 250;
const LOOK_EVERY_MS = 20;

/**
 * Holds `Programmed: Pending` back for a moment. A status is written once a second at most, so that one which says
 * "not yet" would keep the one that says "done", some milliseconds later, for the rest of that second.
 */
export class PendingPatience {
  readonly #clock: Clock;
  /** Monotonic, by key: since when the object waits for acknowledgements. */
  readonly #sinceMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** When to look again; undefined when the status is to be written as it is. */
  heldBack(key: string, conditions: readonly DesiredCondition[]): ReconcileResult | undefined {
    const isPending = conditions.some(
      ({ type, status, reason }) => type === CONDITION.programmed && status === 'False' && reason === REASON.pending,
    );
    if (!isPending) {
      this.#sinceMs.delete(key);
      return undefined;
    }
    const nowMs = this.#clock.monotonic();
    const sinceMs = this.#sinceMs.get(key) ?? nowMs;
    this.#sinceMs.set(key, sinceMs);
    return nowMs - sinceMs < PATIENCE_MS ? { requeueAfterMs: LOOK_EVERY_MS } : undefined;
  }
}
