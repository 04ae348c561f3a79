import type { Watermark } from '../model/node/desired-update.ts';
import { isBehind } from './watermark.ts';

/** One connected replica, as the election sees it. */
export interface Candidate {
  /** Tells the replica where it stands. */
  tell(standing: { readonly primary: boolean; readonly vacant: boolean }): void;
}

/**
 * Who the agent takes updates from: the first replica that is not behind what the node holds, until it is gone or falls
 * behind; then whoever claims first and is not behind.
 */
export class PrimaryElection<C extends Candidate> {
  readonly #candidates = new Set<C>();
  readonly #held: () => Watermark;
  readonly #elected: (candidate: C) => void;
  #primary: C | undefined;

  /** @param elected  called after the candidates were told. */
  constructor(held: () => Watermark, elected: (candidate: C) => void) {
    this.#held = held;
    this.#elected = elected;
  }

  get primary(): C | undefined {
    return this.#primary;
  }

  all(): Iterable<C> {
    return this.#candidates;
  }

  join(candidate: C, watermark: Watermark): void {
    this.#candidates.add(candidate);
    this.claim(candidate, watermark);
  }

  claim(candidate: C, watermark: Watermark): void {
    if (!this.#candidates.has(candidate) || candidate === this.#primary) return;
    if (this.#primary !== undefined || isBehind(watermark, this.#held())) {
      candidate.tell({ primary: false, vacant: this.#primary === undefined });
      return;
    }
    this.#primary = candidate;
    this.#tellAll();
    this.#elected(candidate);
  }

  leave(candidate: C): void {
    this.#candidates.delete(candidate);
    this.depose(candidate);
  }

  /** If it is the primary, nobody is any more; all are told, and may claim. */
  depose(candidate: C): void {
    if (candidate !== this.#primary) return;
    this.#primary = undefined;
    this.#tellAll();
  }

  #tellAll(): void {
    for (const candidate of this.#candidates) {
      candidate.tell({ primary: candidate === this.#primary, vacant: this.#primary === undefined });
    }
  }
}
