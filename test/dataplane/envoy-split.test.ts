import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { TrafficSplitRule, TrafficSplitSpec } from '../../src/api/generated/trafficsplit.ts';
import { PORT, SendingLab } from './sending-lab.ts';

let lab: SendingLab;

beforeAll(async () => {
  lab = await SendingLab.start();
}, 60_000);
afterEach(async () => {
  await lab.server.application.answerWith(PORT.b, { status: 200 });
});
afterAll(() => lab.close(), 30_000);

const to = (service: string) => [{ service }];

/** The rule, and all that it does not match to `c`. */
async function rule(first: TrafficSplitRule, spec: Partial<TrafficSplitSpec> = {}): Promise<void> {
  const problems = await lab.apply({ split: { rules: [first, { backends: to('c') }], ...spec } });
  expect(problems).toEqual([]);
}

type Match = NonNullable<TrafficSplitRule['matches']>[number];

async function matches(match: Match, path = '/', headers: Readonly<Record<string, string>> = {}): Promise<boolean> {
  await rule({ matches: [match], backends: to('b') });
  const { server } = await lab.echo(path, headers);
  return server === 'b';
}

describe('a rule is for calls', () => {
  test.each([
    ['/v[0-9]+/.*', '/v2/items', true],
    ['/v[0-9]+/.*', '/v2/items?x=1', true],
    ['/v[0-9]+/.*', '/v2', false],
    ['/v[0-9]+/.*', '/x/v2/items', false],
  ])('of paths that %s is: %s %s', async (value, path, expected) => {
    expect(await matches({ path: { type: 'Regex', value } }, path)).toBe(expected);
  });

  test.each<[NonNullable<Match['headers']>[number], Record<string, string>, boolean]>([
    [{ name: 'X-Version', value: 'v2' }, { 'x-version': 'v2' }, true],
    [{ name: 'x-version', value: 'v2' }, { 'x-version': 'v20' }, false],
    [{ name: 'x-version', type: 'Prefix', value: 'v2' }, { 'x-version': 'v20' }, true],
    [{ name: 'x-version', type: 'Regex', value: 'v[12]' }, { 'x-version': 'v1' }, true],
    [{ name: 'x-version', type: 'Regex', value: 'v[12]' }, { 'x-version': 'v12' }, false],
    [{ name: 'x-version', type: 'Present' }, { 'x-version': 'any' }, true],
    [{ name: 'x-version', type: 'Present' }, {}, false],
    [{ name: 'x-version', type: 'Present', not: true }, {}, true],
    [{ name: 'x-version', type: 'Present', not: true }, { 'x-version': 'v1' }, false],
    [{ name: 'x-version', value: 'v2', not: true }, { 'x-version': 'v1' }, true],
    [{ name: 'x-version', value: 'v2', not: true }, {}, true],
    [{ name: 'x-version', value: 'v2', not: true }, { 'x-version': 'v2' }, false],
  ])('with header %j: %j %s', async (header, headers, expected) => {
    expect(await matches({ headers: [header] }, '/', headers)).toBe(expected);
  });

  test.each<[NonNullable<Match['cookies']>[number], string | undefined, boolean]>([
    [{ name: 'beta', value: 'yes' }, 'beta=yes', true],
    [{ name: 'beta', value: 'yes' }, 'a=b; beta=yes; c=d', true],
    [{ name: 'beta', value: 'yes' }, 'beta="yes"', true],
    [{ name: 'beta', value: 'yes' }, 'alphabeta=yes', false],
    [{ name: 'beta', value: 'yes' }, 'beta=yes-no', false],
    [{ name: 'beta', value: 'y.s' }, 'beta=yes', false],
    [{ name: 'beta', type: 'Prefix', value: 'y' }, 'beta=yes', true],
    [{ name: 'beta', type: 'Regex', value: 'yes|no' }, 'a=1; beta=no', true],
    [{ name: 'beta', type: 'Regex', value: 'yes|no' }, 'beta=nono', false],
    [{ name: 'beta', type: 'Present' }, 'beta=', true],
    [{ name: 'beta', type: 'Present' }, undefined, false],
    [{ name: 'beta', type: 'Present', not: true }, undefined, true],
    [{ name: 'beta', value: 'yes', not: true }, 'beta=no', true],
    [{ name: 'beta', value: 'yes', not: true }, 'beta=yes', false],
  ])('with cookie %j: %j %s', async (cookie, header, expected) => {
    expect(await matches({ cookies: [cookie] }, '/', header === undefined ? {} : { cookie: header })).toBe(expected);
  });

  test.each<[NonNullable<Match['query']>[number], string, boolean]>([
    [{ name: 'preview', value: '1' }, '/?preview=1', true],
    [{ name: 'preview', value: '1' }, '/?a=2&preview=1', true],
    [{ name: 'preview', value: '1' }, '/?preview=12', false],
    [{ name: 'preview', type: 'Prefix', value: '1' }, '/?preview=12', true],
    [{ name: 'preview', type: 'Regex', value: '[0-9]' }, '/?preview=7', true],
    [{ name: 'preview', type: 'Present' }, '/?preview=', true],
    [{ name: 'preview', type: 'Present' }, '/', false],
  ])('with parameter %j: %s %s', async (query, path, expected) => {
    expect(await matches({ query: [query] }, path)).toBe(expected);
  });

  test.each<[NonNullable<Match['source']>, boolean]>([
    [{ namespace: 'shop' }, true],
    [{ namespace: 'bank' }, false],
    [{ serviceAccount: 'client' }, true],
    [{ serviceAccount: 'clien' }, false],
    [{ namespace: 'bank', serviceAccount: 'client' }, false],
  ])('of callers that are %j: %s', async (source, expected) => {
    expect(await matches({ source })).toBe(expected);
  });
});

describe('a rule', () => {
  const all = { backends: to('a') };

  test('sends a copy of calls to a mirror, and answers nothing of it', async () => {
    await lab.server.application.answerWith(PORT.b, { status: 500 });
    await rule({ ...all, mirrors: [{ service: 'b' }] });
    const copies = () => lab.stat('cluster.shop/b_80.upstream_rq_total');
    const before = await copies();
    expect(await lab.share(10)).toEqual({ a: 10 });
    await lab.until('the mirror has them all', async () => (await copies()) - before === 10);
    await rule({ ...all, mirrors: [{ service: 'b', percent: 1 }] });
    await lab.share(50);
    expect((await copies()) - before).toBeLessThan(40);
  });

  test.each([
    ['/api', '/v2', '/api/items?x=1', '/v2/items?x=1'],
    ['/api', '/v2', '/api', '/v2'],
    ['/api', '/', '/api/items', '/items'],
    ['/api', '/', '/api', '/'],
    ['/api/', '/v2/', '/api/items', '/v2/items'],
    ['/a.i', '/v2', '/a.i/items', '/v2/items'],
    ['/', '/v2', '/items', '/v2/items'],
  ])('rewrites prefix %s to %s: %s becomes %s', async (value, prefix, path, expected) => {
    await rule({ matches: [{ path: { type: 'Prefix', value } }], ...all, rewrite: { prefix } });
    expect((await lab.echo(path)).path).toBe(expected);
  });

  test('rewrites the whole path, and the host', async () => {
    await rule({ ...all, rewrite: { path: '/one/place', host: 'shop.example' } });
    const { path, headers } = await lab.echo('/some/items?x=1');
    expect([path, headers.host]).toEqual(['/one/place?x=1', 'shop.example']);
  });

  test('redirects', async () => {
    const redirect = { scheme: 'https', host: 'shop.example', port: 8443, path: '/new', status: 308 } as const;
    await rule({ redirect });
    const { status, headers = {} } = await lab.call('/old');
    expect([status, headers.location]).toEqual([308, 'https://shop.example:8443/new']);
    await rule({ redirect: { host: 'shop.example' } });
    const kept = await lab.call('/old?x=1');
    expect([kept.status, kept.headers?.location]).toEqual([302, 'http://shop.example/old?x=1']);
  });

  test('answers itself', async () => {
    await rule({
      respond: { status: 410, body: 'moved out' },
      responseHeaders: { set: [{ name: 'x-by', value: 'us' }] },
    });
    const { status, body, headers = {} } = await lab.call();
    expect([status, body, headers['x-by']]).toEqual([410, 'moved out', 'us']);
  });

  test('changes headers of calls and of answers', async () => {
    await rule({
      ...all,
      requestHeaders: {
        set: [{ name: 'X-Set', value: '100%' }],
        add: [{ name: 'x-add', value: 'b' }],
        remove: ['X-Secret'],
      },
      responseHeaders: { set: [{ name: 'x-answer', value: '%REQ(x-set)%' }], remove: ['X-Served-By'] },
    });
    const sent = { 'x-set': 'old', 'x-add': 'a', 'x-secret': 's' };
    const { headers = {}, body } = await lab.call('/', sent);
    const seen = (JSON.parse(body) as { readonly headers: Record<string, string> }).headers;
    expect([seen['x-set'], seen['x-add'], seen['x-secret']]).toEqual(['100%', 'a, b', undefined]);
    expect([headers['x-answer'], headers['x-served-by']]).toEqual(['%REQ(x-set)%', undefined]);
  });

  test('delays and aborts calls on purpose', async () => {
    await rule({ ...all, fault: { abort: { status: 418 } } });
    await lab.until('the fault is there', async () => (await lab.call()).status === 418);
    await rule({ ...all, fault: { abort: { status: 418, percent: 0 }, delay: { milliseconds: 300 } } });
    const before = performance.now();
    expect((await lab.call()).status).toBe(200);
    // Envoy's timers start at the time its loop last read, some milliseconds before the call.
    expect(performance.now() - before).toBeGreaterThan(200);
    await rule(all);
    expect(await lab.share(5)).toEqual({ a: 5 });
  });

  test('has its own retries, before those of the MeshService', async () => {
    await lab.server.application.answerWith(PORT.b, { status: 503 });
    const tries = () => lab.stat('cluster.shop/b_80.upstream_rq_retry');
    await rule({ backends: to('b'), retry: { attempts: 2, when: ['GatewayError'] } });
    const before = await tries();
    expect((await lab.call()).status).toBe(503);
    expect((await tries()) - before).toBe(2);
    expect((await lab.call('/', {}, 'POST')).status).toBe(503);
    expect((await tries()) - before).toBe(2);
  });

  test('keeps clients at the backend they were given, whatever the weights become, until that is gone', async () => {
    const backends = (weights: readonly [number, number]) => [
      { service: 'a', weight: weights[0] },
      { service: 'b', weight: weights[1] },
    ];
    const stickiness = { cookie: 'version', ttlSeconds: 60 };
    await rule({ backends: backends([1, 1]), stickiness });
    const { body, headers = {} } = await lab.call();
    const { server } = JSON.parse(body) as { readonly server: 'a' | 'b' };
    const [given = ''] = headers['set-cookie'] ?? [];
    expect(given).toMatch(/^version=[0-9a-f]+; Path=\/; Max-Age=60; HttpOnly$/);
    const cookie = `x=y; ${given.split(';')[0]}`;
    expect(await lab.share(20, { cookie })).toEqual({ [server]: 20 });
    await rule({ backends: backends(server === 'a' ? [1, 1000] : [1000, 1]), stickiness });
    expect(await lab.share(20, { cookie })).toEqual({ [server]: 20 });
    await rule({ backends: backends(server === 'a' ? [0, 1] : [1, 0]), stickiness });
    expect(await lab.share(5, { cookie })).toEqual({ [server === 'a' ? 'b' : 'a']: 5 });
  });

  test('answers 503 for the share of a backend without endpoints, or gives it to the others', async () => {
    const backends = [
      { service: 'none', weight: 9 },
      { service: 'a', weight: 1 },
    ];
    await rule({ backends });
    expect((await lab.share(40))['503']).toBeGreaterThan(10);
    await rule({ backends }, { onNoEndpoints: 'Redistribute' });
    expect(await lab.share(40)).toEqual({ a: 40 });
    await rule({ backends: [{ service: 'none' }] }, { onNoEndpoints: 'Redistribute' });
    expect(await lab.share(5)).toEqual({ 503: 5 });
  });
});
