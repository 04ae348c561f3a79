import { afterEach, describe, expect, test } from '@jest/globals';
import type { Pod } from '../../src/api/kubernetes.ts';
import { KubeClient } from '../../src/kube/client.ts';
import { type Kind, KINDS } from '../../src/kube/kinds.ts';
import { Reflector } from '../../src/kube/reflector.ts';
import { Store } from '../../src/kube/store.ts';
import { answerList, answerWatch, fakeApiServer, line, pod, refuse, type Script } from './fake-api-server.ts';
import { eventually, FakeClock, silentLog } from './fake-clock.ts';

const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A reflector of pods against a server that follows `script`; `heard` are the store's changes. */
async function follow(script: readonly Script[], kind: Kind<Pod> = KINDS.pod) {
  const server = await fakeApiServer(script);
  const clock = new FakeClock();
  const api = new KubeClient(server.connection, clock);
  const store = new Store<Pod>();
  const heard: string[] = [];
  store.onChange((key, before, after) => {
    heard.push(`${key}: ${before?.metadata.resourceVersion ?? '-'} > ${after?.metadata.resourceVersion ?? '-'}`);
  });
  const reflector = new Reflector<Pod>({ api, kind, store, clock, random: () => 0, log: silentLog });
  const stop = new AbortController();
  const ended = reflector.run(stop.signal);
  cleanups.push(async () => {
    stop.abort(new Error('the test has ended'));
    await ended;
    await api.close();
    await server.close();
  });
  return { server, clock, store, heard, reflector };
}

function parameters(url: URL | undefined): Record<string, string> {
  return Object.fromEntries(url?.searchParams ?? []);
}

const BOOKMARK_9 = line('BOOKMARK', { metadata: { resourceVersion: '9' } });

describe('Reflector', () => {
  test('lists in pages, then watches from the list with bookmarks', async () => {
    const { server, clock, store } = await follow([
      answerList('5', [pod('a', '1')], 'more'),
      answerList('5', [pod('b', '2')]),
      answerWatch([], 'hold'),
    ]);
    await eventually(clock, () => server.requests.length === 3);

    expect(store.list().map((object) => object.metadata.name)).toEqual(['a', 'b']);
    expect(server.requests.map(parameters)).toEqual([
      { limit: '500' },
      { limit: '500', continue: 'more' },
      { watch: 'true', resourceVersion: '5', allowWatchBookmarks: 'true', timeoutSeconds: '300' },
    ]);
  });

  test('resumes from the last event when a watch is cut, without a new list', async () => {
    const { server, clock, heard } = await follow([
      answerList('5', []),
      answerWatch([line('ADDED', pod('a', '7'))], 'cut'),
      answerWatch([line('MODIFIED', pod('a', '8')), line('DELETED', pod('a', '10'))], 'hold'),
    ]);
    await eventually(clock, () => heard.length === 3);

    expect(heard).toEqual(['default/a: - > 7', 'default/a: 7 > 8', 'default/a: 8 > -']);
    expect(parameters(server.requests[2])).toMatchObject({ watch: 'true', resourceVersion: '7' });
  });

  test('resumes from a bookmark when the server ends a watch', async () => {
    const { server, clock } = await follow([
      answerList('5', []),
      answerWatch([BOOKMARK_9], 'end'),
      answerWatch([], 'hold'),
    ]);
    await eventually(clock, () => server.requests.length === 3);

    expect(parameters(server.requests[2])).toMatchObject({ watch: 'true', resourceVersion: '9' });
  });

  test.each([
    ['as the answer to the watch', refuse(410, 'Expired')],
    ['as an ERROR event', answerWatch([line('ERROR', { kind: 'Status', code: 410, reason: 'Expired' })], 'end')],
    ['as an ERROR event without a code', answerWatch([line('ERROR', { kind: 'Status', reason: 'Gone' })], 'end')],
  ])('lists anew and tells only the differences after a 410 %s', async (_form, expired) => {
    const { clock, heard, store } = await follow([
      answerList('5', [pod('same', '1'), pod('changed', '2'), pod('deleted', '3')]),
      expired,
      answerList('20', [pod('same', '1'), pod('changed', '12'), pod('new', '13')]),
      answerWatch([], 'hold'),
    ]);
    await eventually(clock, () => store.resourceVersion === '20');

    expect(heard.slice(3)).toEqual(['default/deleted: 3 > -', 'default/changed: 2 > 12', 'default/new: - > 13']);
  });

  test('tells a pod that was deleted and made again as both', async () => {
    const again: Pod = { ...pod('a', '9'), metadata: { ...pod('a', '9').metadata, uid: 'another' } };
    const { clock, heard } = await follow([
      answerList('5', [pod('a', '1')]),
      refuse(410, 'Expired'),
      answerList('20', [again]),
      answerWatch([], 'hold'),
    ]);
    await eventually(clock, () => heard.length === 3);

    expect(heard).toEqual(['default/a: - > 1', 'default/a: 1 > -', 'default/a: - > 9']);
  });

  test('never gives up: it outlives refusals, broken lines and watches that end at once', async () => {
    const { clock, store, reflector } = await follow([
      refuse(500, 'InternalError'),
      refuse(403, 'Forbidden'),
      answerList('5', []),
      answerWatch([], 'end'),
      answerWatch(['{"type":"ADDED","obj\n'], 'hold'),
      answerList('6', []),
      refuse(503, 'ServiceUnavailable'),
      answerWatch([line('ADDED', pod('a', '7'))], 'hold'),
    ]);
    await eventually(clock, () => store.get('default/a') !== undefined);

    expect(reflector.state).toEqual({ phase: 'synced' });
  });

  test('says since when it fails, and keeps what was last known', async () => {
    const { clock, store, reflector } = await follow([
      answerList('5', [pod('a', '1')]),
      answerWatch([], 'cut'),
      refuse(500, 'InternalError'),
      refuse(500, 'InternalError'),
    ]);
    await eventually(clock, () => reflector.state.phase === 'failing');

    expect(reflector.trouble).toMatch(/^pods: failing for \d+ s: /);
    expect(store.get('default/a')).toBeDefined();
    expect(store.isSynced).toBe(true);
  });

  test('takes a watch on which nothing comes for 150 s for dead', async () => {
    const { server, clock, store } = await follow([
      answerList('5', []),
      answerWatch([BOOKMARK_9], 'hold'),
      answerWatch([], 'hold'),
    ]);
    await eventually(clock, () => store.resourceVersion === '9');
    await clock.advance(140_000);
    expect(server.requests).toHaveLength(2);
    await clock.advance(20_000);
    await eventually(clock, () => server.requests.length === 3);
  });

  test('puts characters and lines together that the network has cut, and strips managedFields', async () => {
    const stored = pod('a', '7');
    const annotated = {
      ...stored,
      metadata: { ...stored.metadata, annotations: { note: 'Gewebe: 織物' }, managedFields: [{ manager: 'x' }] },
    };
    const bytes = Buffer.from(line('ADDED', annotated));
    const cut = bytes.indexOf(Buffer.from('織')) + 1;
    const { clock, store } = await follow([
      answerList('5', []),
      answerWatch([bytes.subarray(0, 10), bytes.subarray(10, cut), bytes.subarray(cut)], 'hold'),
    ]);
    await eventually(clock, () => store.get('default/a') !== undefined);

    expect(store.get('default/a')?.metadata).toEqual({
      ...stored.metadata,
      annotations: { note: 'Gewebe: 織物' },
    });
  });

  test('takes an optional kind that is absent for an empty one, and finds it once it is there', async () => {
    const { server, clock, store, reflector } = await follow(
      [refuse(404, 'NotFound'), answerList('5', [pod('a', '1')]), answerWatch([], 'hold')],
      { ...KINDS.pod, optional: true },
    );
    await eventually(clock, () => store.isSynced);
    expect([store.list(), reflector.state]).toEqual([[], { phase: 'synced' }]);

    await clock.advance(60_000);
    await eventually(clock, () => server.requests.length === 3);
    expect(store.get('default/a')).toBeDefined();
  });
});
