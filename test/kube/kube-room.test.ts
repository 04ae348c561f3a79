import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { NetworkPolicy } from '../../src/api/generated/networkpolicy.ts';
import { StatusWriter } from '../../src/kube/apply.ts';
import { isConflict } from '../../src/kube/errors.ts';
import { EventRecorder } from '../../src/kube/events.ts';
import { KINDS, objectPath } from '../../src/kube/kinds.ts';
import { LeaderElection } from '../../src/kube/lease.ts';
import type { ConfigMap, Event, Lease } from '../../src/kube/objects.ts';
import { compareAndSwapConfigMap } from '../../src/kube/registry.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { FakeClock, silentLog } from '../kube-room/fake-clock.ts';
import { connect, create, kube, makeNamespace, read, SwitchedApi, waitUntil } from './cluster.ts';

const NAMESPACE = 'kube-room';
const api = connect();
const never = new AbortController().signal;

beforeAll(() => makeNamespace(api, NAMESPACE));
afterAll(async () => {
  await kube('delete', 'namespace', NAMESPACE, '--wait=false');
  await api.close();
});

function makePolicy(name: string): Promise<NetworkPolicy> {
  return create(api, KINDS.networkPolicy, {
    apiVersion: 'weft.dev/v1alpha1',
    kind: 'NetworkPolicy',
    metadata: { name, namespace: NAMESPACE },
    spec: { ingress: [] },
  });
}

async function policyNow(name: string): Promise<NetworkPolicy> {
  const found = await read(api, KINDS.networkPolicy, { name, namespace: NAMESPACE });
  if (found === undefined) throw new Error(`no NetworkPolicy ${name}`);
  return found;
}

describe('StatusWriter', () => {
  const accepted = { type: 'Accepted', status: 'True', reason: 'Fine', message: 'it can be enforced' } as const;
  const status = (selectedPods: number) => ({ selectedPods, conditions: [accepted] });
  const writerWith = (clock: FakeClock) => new StatusWriter({ api, clock, fieldManager: 'weft-test' });

  test('writes a status with the generation that it speaks of, and nothing when that stands already', async () => {
    const writer = writerWith(new FakeClock());
    const made = await makePolicy('equal');
    expect(await writer.write(KINDS.networkPolicy, made, status(3), never)).toEqual({ done: true });
    const stored = await policyNow('equal');
    expect(stored.status).toMatchObject({ selectedPods: 3, conditions: [{ ...accepted, observedGeneration: 1 }] });

    expect(await writerWith(new FakeClock()).write(KINDS.networkPolicy, stored, status(3), never)).toEqual({
      done: true,
    });
    expect((await policyNow('equal')).metadata.resourceVersion).toBe(stored.metadata.resourceVersion);
  });

  test('makes one write of all changes within a second: the last of them', async () => {
    const clock = new FakeClock();
    const writer = writerWith(clock);
    await makePolicy('busy');
    for (const pods of [1, 2, 3]) {
      const result = await writer.write(KINDS.networkPolicy, await policyNow('busy'), status(pods), never);
      expect(result).toEqual(pods === 1 ? { done: true } : { requeueAfterMs: 1_000 });
    }
    expect((await policyNow('busy')).status?.selectedPods).toBe(1);
    await clock.advance(1_000);
    await writer.write(KINDS.networkPolicy, await policyNow('busy'), status(4), never);
    expect((await policyNow('busy')).status?.selectedPods).toBe(4);
  });

  test('drops what it does not say any more, and keeps the time of a condition whose status stays', async () => {
    const clock = new FakeClock();
    const writer = writerWith(clock);
    const made = await makePolicy('dropped');
    const nodes = { targeted: 1, programmed: 1, failed: 0 };
    const programmed = { ...accepted, type: 'Programmed' };
    const full = { ...status(1), nodes, conditions: [accepted, programmed] };
    await writer.write(KINDS.networkPolicy, made, full, never);
    const before = await policyNow('dropped');
    expect(before.status?.nodes).toEqual(nodes);
    await clock.advance(60_000);
    await writer.write(KINDS.networkPolicy, before, status(1), never);
    const after = await policyNow('dropped');
    expect(after.status).toEqual({ selectedPods: 1, conditions: before.status?.conditions?.slice(0, 1) });
  });

  test('does not write what was made of an older form of the object', async () => {
    const stale = await makePolicy('stale');
    await api.request('PATCH', objectPath(KINDS.networkPolicy, stale.metadata), {
      body: { spec: { priority: 7 } },
      contentType: 'application/merge-patch+json',
    });
    const writer = writerWith(new FakeClock());
    const lost = await writer.write(KINDS.networkPolicy, stale, status(1), never).catch((error: unknown) => error);
    expect([isConflict(lost), (await policyNow('stale')).status]).toEqual([true, undefined]);
    // The next try, with what is stored by then, does not wait for a second that a lost write would have cost.
    expect(await writer.write(KINDS.networkPolicy, await policyNow('stale'), status(1), never)).toEqual({ done: true });
    expect((await policyNow('stale')).status).toMatchObject({ conditions: [{ observedGeneration: 2 }] });
  });

  test('does not write to a later object of the same name, and makes none that is gone', async () => {
    const writer = writerWith(new FakeClock());
    const gone = await makePolicy('twice');
    const path = objectPath(KINDS.networkPolicy, gone.metadata);
    await api.request('DELETE', path);
    await expect(writer.write(KINDS.networkPolicy, gone, status(1), never)).rejects.toThrow();
    const later = await makePolicy('twice');
    const fresh = writerWith(new FakeClock());
    const lost = await fresh.write(KINDS.networkPolicy, gone, status(1), never).catch((error: unknown) => error);
    expect(isConflict(lost)).toBe(true);
    expect((await policyNow('twice')).metadata.resourceVersion).toBe(later.metadata.resourceVersion);
  });
});

describe('compareAndSwapConfigMap', () => {
  const registry = (name: string) => ({ namespace: NAMESPACE, name, field: 'list' });
  const read = (name: string) => api.request<ConfigMap>('GET', objectPath(KINDS.configMap, registry(name)));
  const append = (name: string, word: string) =>
    compareAndSwapConfigMap(api, registry(name), (text) => (text === undefined ? word : `${text} ${word}`), never);

  test('loses nothing of two writers that race from the first write on', async () => {
    const write = async (writer: string) => {
      for (const turn of [1, 2, 3, 4, 5, 6, 7, 8]) await append('two', `${writer}${turn}`);
    };
    await Promise.all([write('a'), write('b')]);
    const words = (await read('two')).data?.['list']?.split(' ') ?? [];
    expect(words.filter((word) => word.startsWith('a'))).toEqual(['a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7', 'a8']);
    expect(words.filter((word) => word.startsWith('b'))).toEqual(['b1', 'b2', 'b3', 'b4', 'b5', 'b6', 'b7', 'b8']);
    expect(words).toHaveLength(16);
  });

  test('lets each of many writers through that come at once', async () => {
    const words = Array.from({ length: 12 }, (_, index) => `w${index}`);
    await Promise.all(words.map((word) => append('many', word)));
    expect((await read('many')).data?.['list']?.split(' ').sort()).toEqual([...words].sort());
  });

  test('leaves other fields and labels alone, and writes nothing when nothing changes', async () => {
    const metadata = { namespace: NAMESPACE, name: 'other', labels: { kept: 'yes' } };
    await create(api, KINDS.configMap, { metadata, data: { note: 'kept' } });
    await append('other', 'word');
    const written = await read('other');
    expect(written).toMatchObject({ metadata: { labels: { kept: 'yes' } }, data: { note: 'kept', list: 'word' } });
    expect(await compareAndSwapConfigMap(api, registry('other'), (text) => text ?? '', never)).toBe('word');
    expect((await read('other')).metadata.resourceVersion).toBe(written.metadata.resourceVersion);
  });
});

describe('EventRecorder', () => {
  const facts = { type: 'Warning', reason: 'TooOdd', action: 'Test', message: 'it is too odd' } as const;
  const recorderWith = (clock: FakeClock) =>
    new EventRecorder({ api, clock, log: silentLog, controller: 'weft.dev/test', instance: 'test-0' });

  async function eventsOf(policy: NetworkPolicy): Promise<readonly Event[]> {
    const path = `/apis/events.k8s.io/v1/namespaces/${NAMESPACE}/events`;
    const { items } = await api.request<{ readonly items: readonly Event[] }>('GET', path);
    return items.filter(({ regarding }) => regarding.uid === policy.metadata.uid);
  }

  test('makes one Event of a fact that repeats, and counts it', async () => {
    const clock = new FakeClock();
    const recorder = recorderWith(clock);
    const policy = await makePolicy('repeats');
    for (let times = 0; times < 5; times += 1) recorder.record(KINDS.networkPolicy, policy, facts);
    await recorder.drained();
    expect(await eventsOf(policy)).toMatchObject([{ reason: 'TooOdd', note: 'it is too odd', type: 'Warning' }]);
    await clock.advance(61_000);
    recorder.record(KINDS.networkPolicy, policy, facts);
    await recorder.drained();
    expect(await eventsOf(policy)).toMatchObject([{ series: { count: 6 } }]);
    expect(await kube('describe', 'wnp', 'repeats', '-n', NAMESPACE)).toContain('it is too odd');
  });

  test('makes another Event of another fact, and a new one of a fact that rested or whose Event is gone', async () => {
    const clock = new FakeClock();
    const recorder = recorderWith(clock);
    const policy = await makePolicy('rests');
    const count = async (message: string) => {
      recorder.record(KINDS.networkPolicy, policy, { ...facts, message });
      await recorder.drained();
      return (await eventsOf(policy)).length;
    };
    expect([await count('first'), await count('second')]).toEqual([1, 2]);
    await clock.advance(7 * 60_000);
    expect(await count('first')).toBe(3);
    await kube('delete', 'events', '-n', NAMESPACE, '--all');
    await clock.advance(61_000);
    expect(await count('first')).toBe(1);
  });

  test.each([
    ['ASCII', 'x'.repeat(3_000), 1_024],
    ['letters of two bytes', 'ü'.repeat(3_000), 512],
    ['letters of four bytes', `x${'🧵'.repeat(3_000)}`, 1 + 255 * 2],
  ])('cuts a message of %s to what the API server takes', async (what, message, length) => {
    const recorder = recorderWith(new FakeClock());
    const policy = await makePolicy(`long-${what.length}`);
    recorder.record(KINDS.networkPolicy, policy, { ...facts, message });
    await recorder.drained();
    expect((await eventsOf(policy)).map(({ note }) => note)).toEqual([message.slice(0, length)]);
  });

  test('puts the Event of an object without namespace into default', async () => {
    const recorder = recorderWith(new FakeClock());
    const spec = { cidr: '10.99.0.0/16' };
    const metadata = { name: 'event-pool' };
    const pool = await create(api, KINDS.ipPool, {
      apiVersion: KINDS.ipPool.apiVersion,
      kind: 'IPPool',
      metadata,
      spec,
    });
    recorder.record(KINDS.ipPool, pool, facts);
    await recorder.drained();
    expect(await kube('describe', 'ipp', 'event-pool')).toContain('it is too odd');
    await api.request('DELETE', objectPath(KINDS.ipPool, metadata));
  });
});

describe('LeaderElection', () => {
  /** A candidate whose link to the API server can be cut; writes into `log` when it begins and stops to lead. */
  function candidate(identity: string, name: string, log: string[]) {
    const link = new SwitchedApi(api);
    const stop = new AbortController();
    const election = new LeaderElection({
      ...{ api: link, clock: systemClock, random: () => 0.5, log: silentLog, namespace: NAMESPACE, name, identity },
      ...{ leaseMs: 2_000, renewDeadlineMs: 1_000, retryMs: 100 },
    });
    const ended = election.run(async (signal) => {
      log.push(`${identity} begins`);
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      log.push(`${identity} stops`);
    }, stop.signal);
    return { link, election, stop, ended };
  }

  const leaseNow = (name: string) => api.request<Lease>('GET', objectPath(KINDS.lease, { namespace: NAMESPACE, name }));

  test('lets one of two that start at once lead, and the other as soon as the first ends', async () => {
    const log: string[] = [];
    const both = { a: candidate('a', 'orderly', log), b: candidate('b', 'orderly', log) };
    await waitUntil(
      'somebody leads and the other knows',
      async () => both.a.election.leader !== '' && both.b.election.leader !== '',
    );
    expect(log).toHaveLength(1);
    const first = log[0] === 'a begins' ? 'a' : 'b';
    const second = first === 'a' ? 'b' : 'a';
    expect((await leaseNow('orderly')).spec).toMatchObject({ holderIdentity: first, leaseTransitions: 1 });
    both[first].stop.abort();
    await both[first].ended;
    expect((await leaseNow('orderly')).spec?.holderIdentity).not.toBe(first);
    await waitUntil('the other leads', async () => log.length === 3);
    expect(log).toEqual([`${first} begins`, `${first} stops`, `${second} begins`]);
    both[second].stop.abort();
    await both[second].ended;
  });

  test('stops a leader that is cut off before another begins, and never lets it come back beside that one', async () => {
    const log: string[] = [];
    const a = candidate('a', 'cut', log);
    await waitUntil('a leads', async () => log.length === 1);
    const b = candidate('b', 'cut', log);
    a.link.isCut = true;
    await waitUntil('b leads', async () => log.includes('b begins'));
    a.link.isCut = false;
    await waitUntil('a knows', async () => a.election.leader === 'b');
    expect([a.election.isLeading, b.election.isLeading]).toEqual([false, true]);
    expect(log).toEqual(['a begins', 'a stops', 'b begins']);
    for (const { stop } of [a, b]) stop.abort();
    await Promise.all([a.ended, b.ended]);
  });
});
