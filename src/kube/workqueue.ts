import { type Backoff, backoffMs } from '../lib/backoff.ts';
import type { Clock } from '../lib/clock.ts';

/** client-go's per-key limiter: 5 ms doubled to 1000 s. */
const BACKOFF: Backoff = { firstMs: 5, maxMs: 1_000_000 };
/** Timers of Node hold no more than a signed 32-bit number of milliseconds (24.8 days). */
const MAX_TIMER_MS = 2 ** 31 - 1;

export interface WorkQueueOptions {
  readonly clock: Clock;
  /** In [0, 1): jitter of the backoff. */
  readonly random: () => number;
  /** Told the number of waiting keys whenever it changes. */
  readonly onDepth?: (depth: number) => void;
}

/**
 * Keys that wait for a worker, first come first served. A key is in line once however often it is added; a key that
 * is being worked on is never given to a second worker, but comes again after `done` when it was added meanwhile.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  /** Waiting, in order. */
  readonly #ready = new Set<string>();
  readonly #processing = new Set<string>();
  /** Added while being worked on. */
  readonly #dirty = new Set<string>();
  readonly #delayed = new Map<string, { readonly dueMs: number; readonly cancel: () => void }>();
  readonly #failures = new Map<string, number>();
  readonly #waiters = new Set<() => void>();

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  /** Keys that wait for a worker now. */
  get depth(): number {
    return this.#ready.size;
  }

  /** A delayed adding of the same key is answered by this one. */
  add(key: string): void {
    this.#cancelDelay(key);
    if (this.#processing.has(key)) {
      this.#dirty.add(key);
      return;
    }
    if (this.#ready.has(key)) return;
    this.#ready.add(key);
    this.#tellDepth();
    const [waiter] = this.#waiters;
    waiter?.();
  }

  /** Adds `key` after `ms`. Of several delays the earliest counts. */
  addAfter(key: string, ms: number): void {
    if (ms <= 0) {
      this.add(key);
      return;
    }
    const { clock } = this.#options;
    const dueMs = clock.monotonic() + Math.min(ms, MAX_TIMER_MS);
    const earlier = this.#delayed.get(key);
    if (earlier !== undefined && earlier.dueMs <= dueMs) return;
    this.#cancelDelay(key);
    const cancel = clock.after(Math.min(ms, MAX_TIMER_MS), () => {
      this.#delayed.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { dueMs, cancel });
  }

  /** Adds `key` after a wait that doubles with each call until `forget`. Returns the wait, at least `atLeastMs`. */
  addRateLimited(key: string, atLeastMs = 0): number {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    const ms = Math.max(atLeastMs, backoffMs(BACKOFF, failures, this.#options.random()));
    this.addAfter(key, ms);
    return ms;
  }

  /** Ends the growth of the key's backoff. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** The next key, which the caller owns until `done`; undefined once `signal` has aborted. */
  async get(signal: AbortSignal): Promise<string | undefined> {
    for (;;) {
      if (signal.aborted) return undefined;
      const [key] = this.#ready;
      if (key !== undefined) {
        this.#ready.delete(key);
        this.#processing.add(key);
        this.#tellDepth();
        return key;
      }
      await this.#nextArrival(signal);
    }
  }

  /** Gives a key back. */
  done(key: string): void {
    this.#processing.delete(key);
    if (this.#dirty.delete(key)) this.add(key);
  }

  /** Forgets everything that waits and stops all timers. Keys that are worked on may still be given back. */
  clear(): void {
    for (const { cancel } of this.#delayed.values()) cancel();
    this.#delayed.clear();
    this.#ready.clear();
    this.#dirty.clear();
    this.#failures.clear();
    this.#tellDepth();
  }

  #nextArrival(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiters.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiters.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  #cancelDelay(key: string): void {
    this.#delayed.get(key)?.cancel();
    this.#delayed.delete(key);
  }

  #tellDepth(): void {
    this.#options.onDepth?.(this.#ready.size);
  }
}
