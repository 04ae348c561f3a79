import { describe, expect, test } from '@jest/globals';
import { LeaderElection } from '../../src/kube/lease.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { FakeClock, settle, silentLog } from './fake-clock.ts';
import { FakeLeaseApi } from './fake-lease-api.ts';

/** A candidate that leads until it is told to stop, and counts its terms. */
function candidate(identity: string, clock: Clock, server: FakeLeaseApi) {
  const link = server.connect();
  const stop = new AbortController();
  const election = new LeaderElection({
    api: link,
    clock,
    random: () => 0.5,
    log: silentLog,
    namespace: 'weft-system',
    name: 'weft-operator',
    identity,
  });
  const state = { isActing: false, terms: 0 };
  const ended = election.run(async (signal) => {
    state.isActing = true;
    state.terms += 1;
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    state.isActing = false;
  }, stop.signal);
  return { link, election, state, stop, ended };
}

async function end(...candidates: ReturnType<typeof candidate>[]): Promise<void> {
  for (const { stop } of candidates) stop.abort();
  await Promise.all(candidates.map(({ ended }) => ended));
}

describe('LeaderElection', () => {
  test('lets exactly one of two candidates lead, for as long as it renews', async () => {
    const [clock, server] = [new FakeClock(), new FakeLeaseApi()];
    const a = candidate('a', clock, server);
    const b = candidate('b', clock, server);
    await clock.advance(120_000);

    expect([a.state.terms + b.state.terms, a.state.isActing !== b.state.isActing]).toEqual([1, true]);
    expect(server.stored?.spec?.leaseTransitions).toBe(1);
    await end(a, b);
  });

  test('stops a leader that cannot renew before another may take over, and never lets two act', async () => {
    const [clock, server] = [new FakeClock(), new FakeLeaseApi()];
    const a = candidate('a', clock, server);
    await settle();
    expect(a.state.isActing).toBe(true);
    const b = candidate('b', clock, server);
    await clock.advance(5_000);
    a.link.isCut = true;

    let bothActed = false;
    let nobodyActedMs = 0;
    for (let ms = 0; ms < 30_000; ms += 100) {
      await clock.advance(100);
      bothActed ||= a.state.isActing && b.state.isActing;
      if (!a.state.isActing && !b.state.isActing) nobodyActedMs += 100;
    }

    expect(bothActed).toBe(false);
    expect(nobodyActedMs).toBeGreaterThanOrEqual(4_000);
    expect([a.state.isActing, a.election.isLeading, b.state.isActing]).toEqual([false, false, true]);
    expect(server.stored?.spec?.holderIdentity).toBe('b');
    await end(a, b);
  });

  test('is not sure of its lease any more when the process stood still, though no timer has run', async () => {
    let nowMs = 0;
    const frozen: Clock = { now: () => nowMs, monotonic: () => nowMs, after: () => () => undefined };
    const a = candidate('a', frozen, new FakeLeaseApi());
    await settle();
    expect(a.election.isLeading).toBe(true);

    nowMs = 9_999;
    expect(a.election.isLeading).toBe(true);
    nowMs = 10_000;
    expect(a.election.isLeading).toBe(false);
    await end(a);
  });

  test('hands over at once when it stops, and only after its work has ended', async () => {
    const [clock, server] = [new FakeClock(), new FakeLeaseApi()];
    const a = candidate('a', clock, server);
    await settle();
    const b = candidate('b', clock, server);
    await clock.advance(1_000);
    await end(a);
    expect([a.state.isActing, server.stored?.spec?.holderIdentity]).toEqual([false, '']);

    await clock.advance(3_000);
    expect(b.state.isActing).toBe(true);
    await end(b);
  });

  test('goes on leading through a short loss of the connection', async () => {
    const [clock, server] = [new FakeClock(), new FakeLeaseApi()];
    const a = candidate('a', clock, server);
    await settle();
    a.link.isCut = true;
    await clock.advance(5_000);
    a.link.isCut = false;
    await clock.advance(30_000);

    expect(a.state).toEqual({ isActing: true, terms: 1 });
    await end(a);
  });

  test('competes again after it lost the lease', async () => {
    const [clock, server] = [new FakeClock(), new FakeLeaseApi()];
    const a = candidate('a', clock, server);
    await settle();
    a.link.isCut = true;
    await clock.advance(20_000);
    expect(a.state.isActing).toBe(false);
    a.link.isCut = false;
    await clock.advance(5_000);

    expect(a.state).toEqual({ isActing: true, terms: 2 });
    await end(a);
  });

  test('waits the whole duration of a holder whose own clock is far off', async () => {
    const [clock, server] = [new FakeClock(), new FakeLeaseApi()];
    server.stored = {
      metadata: { name: 'weft-operator', namespace: 'weft-system', resourceVersion: '0' },
      spec: { holderIdentity: 'gone', leaseDurationSeconds: 15, renewTime: '1999-01-01T00:00:00.000000Z' },
    };
    const a = candidate('a', clock, server);
    await clock.advance(14_000);
    expect(a.state.isActing).toBe(false);
    await clock.advance(4_000);
    expect(a.state.isActing).toBe(true);
    await end(a);
  });
});
