/** The one reader of time: everything else is handed a `Clock`, so that tests can turn it. */
export interface Clock {
  /** Milliseconds since the epoch; for what people read. */
  now(): number;
  /** Milliseconds that never go back; for deadlines. */
  monotonic(): number;
  /** Calls `wake` once after `ms`; the returned function cancels. */
  after(ms: number, wake: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, wake) {
    const timer = setTimeout(wake, ms);
    return () => clearTimeout(timer);
  },
};

/** Resolves after `ms`, or as soon as `signal` aborts. Never rejects. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(ms, done);
    signal?.addEventListener('abort', done, { once: true });
  });
}
