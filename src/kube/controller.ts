import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { isConflict, KubeError } from './errors.ts';
import type { WorkQueue } from './workqueue.ts';

export type ReconcileResult = { readonly done: true } | { readonly requeueAfterMs: number };

export const DONE: ReconcileResult = { done: true };

/**
 * Level-triggered: told a key, it reads everything again, and running twice changes nothing. What it throws is tried
 * again with backoff; `requeueAfterMs` is for what is expected to change by time alone.
 */
export interface Reconciler {
  reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult>;
}

export interface ControllerOptions {
  /** In logs and metrics. */
  readonly name: string;
  readonly reconciler: Reconciler;
  readonly queue: WorkQueue;
  /** No key is worked on before all of these are complete. */
  readonly stores: readonly { readonly synced: Promise<void> }[];
  readonly clock: Clock;
  readonly log: Logger;
  /** 1 when absent. */
  readonly workers?: number;
  /** Of one reconcile; two minutes when absent. */
  readonly timeoutMs?: number;
  readonly onReconciled?: (name: string, outcome: 'done' | 'requeued' | 'failed', durationMs: number) => void;
}

/** Works on the queue until `signal` aborts, and resolves when the last reconcile has ended. Never rejects. */
export async function runController(options: ControllerOptions, signal: AbortSignal): Promise<void> {
  const synced = Promise.all(options.stores.map((store) => store.synced));
  await Promise.race([synced, aborted(signal)]);
  const workers = Array.from({ length: options.workers ?? 1 }, () => work(options, signal));
  await Promise.all(workers);
  options.queue.clear();
}

async function work(options: ControllerOptions, signal: AbortSignal): Promise<void> {
  const { queue } = options;
  for (;;) {
    const key = await queue.get(signal);
    if (key === undefined) return;
    await reconcileOnce(options, key, signal);
    queue.done(key);
  }
}

async function reconcileOnce(options: ControllerOptions, key: string, signal: AbortSignal): Promise<void> {
  const { name, reconciler, queue, clock, log, timeoutMs = 120_000, onReconciled } = options;
  const startedMs = clock.monotonic();
  const limit = new AbortController();
  const cancel = clock.after(timeoutMs, () => limit.abort(new Error(`${name} '${key}': no end after ${timeoutMs} ms`)));
  try {
    const result = await reconciler.reconcile(key, AbortSignal.any([signal, limit.signal]));
    queue.forget(key);
    const isRequeued = 'requeueAfterMs' in result;
    if (isRequeued) queue.addAfter(key, result.requeueAfterMs);
    onReconciled?.(name, isRequeued ? 'requeued' : 'done', clock.monotonic() - startedMs);
  } catch (error) {
    if (signal.aborted) return;
    const retryMs = queue.addRateLimited(key, error instanceof KubeError ? error.retryAfterMs : 0);
    onReconciled?.(name, 'failed', clock.monotonic() - startedMs);
    // Losing a race against another writer is ordinary: the next try reads what that one wrote.
    if (isConflict(error)) log.debug('reconcile lost a race', { controller: name, key, retryMs, error });
    else log.warn('reconcile failed', { controller: name, key, retryMs, error });
  } finally {
    cancel();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
