import type { Clock } from '../../src/lib/clock.ts';
import type { Logger } from '../../src/lib/logger.ts';

/** A clock that stands still until a test turns it. Both of its times begin at one million milliseconds. */
export class FakeClock implements Clock {
  #nowMs = 1_000_000;
  readonly #timers = new Set<{ readonly dueMs: number; readonly wake: () => void }>();

  now(): number {
    return this.#nowMs;
  }

  monotonic(): number {
    return this.#nowMs;
  }

  after(ms: number, wake: () => void): () => void {
    const timer = { dueMs: this.#nowMs + ms, wake };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Turns to each timer that falls due on the way, in order, and lets what it woke settle. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settle();
    for (;;) {
      const due = [...this.#timers].filter((timer) => timer.dueMs <= untilMs).sort((a, b) => a.dueMs - b.dueMs);
      const next = due[0];
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.wake();
      await settle();
    }
    this.#nowMs = untilMs;
    await settle();
  }
}

/** Lets promises that wait for nothing but each other run to their end. */
export async function settle(): Promise<void> {
  for (let turns = 0; turns < 5; turns += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Waits for something that happens by real I/O; turns `clock` on the way, so that backoffs pass. */
export async function eventually(clock: FakeClock, isTrue: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500; tries += 1) {
    if (isTrue()) return;
    await clock.advance(100);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error('it never became true');
}

export const silentLog: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
