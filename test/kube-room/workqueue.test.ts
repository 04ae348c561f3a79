import { describe, expect, test } from '@jest/globals';
import { DONE, runController } from '../../src/kube/controller.ts';
import { WorkQueue } from '../../src/kube/workqueue.ts';
import { FakeClock, settle, silentLog } from './fake-clock.ts';

function queueOf(clock: FakeClock) {
  return new WorkQueue({ clock, random: () => 0.999 });
}

const never = new AbortController().signal;

describe('WorkQueue', () => {
  test('holds a key once however often it is added', async () => {
    const queue = queueOf(new FakeClock());
    queue.add('a');
    queue.add('b');
    queue.add('a');

    expect([await queue.get(never), await queue.get(never)]).toEqual(['a', 'b']);
    expect(queue.depth).toBe(0);
  });

  test('gives a key that was added during its work again, and only after it is done', async () => {
    const queue = queueOf(new FakeClock());
    queue.add('a');
    expect(await queue.get(never)).toBe('a');
    queue.add('a');
    queue.add('a');
    expect(queue.depth).toBe(0);

    queue.done('a');

    expect(queue.depth).toBe(1);
    expect(await queue.get(never)).toBe('a');
    queue.done('a');
    expect(queue.depth).toBe(0);
  });

  test('wakes a worker that waits', async () => {
    const queue = queueOf(new FakeClock());
    const waiting = queue.get(never);
    queue.add('a');
    expect(await waiting).toBe('a');
  });

  test('lets waiting workers go when the signal aborts', async () => {
    const stop = new AbortController();
    const waiting = queueOf(new FakeClock()).get(stop.signal);
    stop.abort();
    expect(await waiting).toBeUndefined();
  });

  test('counts the earliest of several delays', async () => {
    const clock = new FakeClock();
    const queue = queueOf(clock);
    queue.addAfter('a', 5_000);
    queue.addAfter('a', 1_000);
    queue.addAfter('a', 9_000);

    await clock.advance(999);
    expect(queue.depth).toBe(0);
    await clock.advance(1);
    expect(queue.depth).toBe(1);
    expect(await queue.get(never)).toBe('a');
    queue.done('a');
    await clock.advance(10_000);
    expect(queue.depth).toBe(0);
  });

  test('doubles the wait with each failure, up to 1000 s, and begins anew after forget', () => {
    const queue = queueOf(new FakeClock());
    const waits = Array.from({ length: 20 }, () => queue.addRateLimited('a'));
    expect(waits.slice(0, 4)).toEqual([5, 10, 20, 40]);
    expect(Math.max(...waits)).toBe(999_500);

    queue.forget('a');
    expect(queue.addRateLimited('a')).toBe(5);
    expect(queue.addRateLimited('b')).toBe(5);
  });
});

describe('runController', () => {
  test('never works on one key twice at a time, and misses no change made meanwhile', async () => {
    const clock = new FakeClock();
    const queue = queueOf(clock);
    const stop = new AbortController();
    const gates: (() => void)[] = [];
    let running = 0;
    let mostAtOnce = 0;
    const reconciler = {
      async reconcile() {
        running += 1;
        mostAtOnce = Math.max(mostAtOnce, running);
        await new Promise<void>((resolve) => gates.push(resolve));
        running -= 1;
        return DONE;
      },
    };
    const ended = runController(
      { name: 'test', reconciler, queue, stores: [], clock, log: silentLog, workers: 4 },
      stop.signal,
    );
    queue.add('a');
    await settle();
    queue.add('a');
    await settle();
    expect(gates).toHaveLength(1);

    gates[0]?.();
    await settle();
    expect(gates).toHaveLength(2);
    expect(mostAtOnce).toBe(1);

    gates[1]?.();
    stop.abort();
    await ended;
  });

  test('does not begin before its stores are complete', async () => {
    const clock = new FakeClock();
    const queue = queueOf(clock);
    const stop = new AbortController();
    const { promise: synced, resolve } = Promise.withResolvers<void>();
    const seen: string[] = [];
    const reconciler = {
      async reconcile(key: string) {
        seen.push(key);
        return DONE;
      },
    };
    const ended = runController(
      { name: 'test', reconciler, queue, stores: [{ synced }], clock, log: silentLog },
      stop.signal,
    );
    queue.add('a');
    await settle();
    expect(seen).toEqual([]);

    resolve();
    await settle();
    expect(seen).toEqual(['a']);
    stop.abort();
    await ended;
  });

  test('tries a failed key again with backoff, and comes back when it was asked to', async () => {
    const clock = new FakeClock();
    const queue = queueOf(clock);
    const stop = new AbortController();
    const outcomes: string[] = [];
    let runs = 0;
    const reconciler = {
      async reconcile() {
        runs += 1;
        if (runs === 1) throw new Error('the first time fails');
        return runs === 2 ? { requeueAfterMs: 30_000 } : DONE;
      },
    };
    const onReconciled = (_name: string, outcome: string) => outcomes.push(outcome);
    const ended = runController(
      { name: 'test', reconciler, queue, stores: [], clock, log: silentLog, onReconciled },
      stop.signal,
    );
    queue.add('a');
    await settle();
    expect(outcomes).toEqual(['failed']);
    await clock.advance(5);
    expect(outcomes).toEqual(['failed', 'requeued']);
    await clock.advance(29_999);
    expect(outcomes).toHaveLength(2);
    await clock.advance(1);
    expect(outcomes).toEqual(['failed', 'requeued', 'done']);
    stop.abort();
    await ended;
  });
});
