import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sleep, systemClock } from '../../src/lib/clock.ts';
import { PORT, SendingLab } from './sending-lab.ts';

let lab: SendingLab;

beforeAll(async () => {
  lab = await SendingLab.start();
}, 60_000);
afterAll(() => lab.close(), 30_000);

describe('calls that are balanced', () => {
  test('by RoundRobin go to all in turn', async () => {
    await lab.apply({ mesh: { loadBalancing: { policy: 'RoundRobin' } } });
    expect(await lab.share(30)).toEqual({ a: 10, b: 10, c: 10 });
  });

  test.each(['RingHash', 'Maglev'] as const)('by %s go where equal ones went, by header', async (policy) => {
    await lab.apply({ mesh: { loadBalancing: { policy, hash: { by: 'Header', name: 'X-User' } } } });
    const users = Array.from({ length: 24 }, (_, user) => `user-${user}`);
    const first = await Promise.all(users.map((user) => lab.share(1, { 'x-user': user })));
    const again = await Promise.all(users.map((user) => lab.share(1, { 'x-user': user })));
    expect(again).toEqual(first);
    expect(new Set(first.flatMap((counts) => Object.keys(counts))).size).toBeGreaterThan(1);
  });

  test('by Maglev go where equal ones went, by a parameter of the query', async () => {
    await lab.apply({ mesh: { loadBalancing: { policy: 'Maglev', hash: { by: 'Query', name: 'user' } } } });
    const users = Array.from({ length: 24 }, (_, user) => `/?user=${user}`);
    const first = await Promise.all(users.map(async (path) => (await lab.echo(path)).server));
    expect(await Promise.all(users.map(async (path) => (await lab.echo(path)).server))).toEqual(first);
    expect(new Set(first).size).toBeGreaterThan(1);
  });

  test('by the source address all go to one endpoint', async () => {
    await lab.apply({ mesh: { loadBalancing: { policy: 'RingHash', hash: { by: 'SourceAddress' } } } });
    expect(Object.values(await lab.share(12))).toEqual([12]);
  });

  test('by a cookie that the proxy hands out go where its bearer went', async () => {
    const hash = { by: 'Cookie', name: 'seat', cookieTtlSeconds: 60 } as const;
    await lab.apply({ mesh: { loadBalancing: { policy: 'RingHash', hash } } });
    const { headers = {} } = await lab.call();
    const [cookie = ''] = headers['set-cookie'] ?? [];
    expect(cookie).toMatch(/^seat="?[^;]+; Max-Age=60; Path=\//);
    expect(Object.values(await lab.share(12, { cookie: cookie.split(';')[0] ?? '' }))).toEqual([12]);
  });

  test('stay at the endpoint that a session cookie names, until it is gone', async () => {
    const mesh = { loadBalancing: { policy: 'RoundRobin', sessionCookie: { name: 'place', ttlSeconds: 60 } } } as const;
    await lab.apply({ mesh });
    const { headers = {}, body } = await lab.call();
    const cookie = headers['set-cookie']?.[0]?.split(';')[0] ?? '';
    const { server } = JSON.parse(body) as { server: keyof typeof PORT };
    expect(cookie).toMatch(/^place=/);
    expect(await lab.share(12, { cookie })).toEqual({ [server]: 12 });
    const left = Object.fromEntries(Object.keys(PORT).flatMap((name) => (name === server ? [] : [[name, 'east']])));
    await lab.apply({ mesh, endpoints: left });
    await lab.until('others are asked', async () => (await lab.share(1, { cookie }))[server] === undefined);
    expect(Object.keys(await lab.share(8, { cookie })).sort()).toEqual(Object.keys(left).sort());
  });

  test('prefer the zone of the caller, and go elsewhere when it has no endpoint', async () => {
    await lab.setZone('east');
    const mesh = { loadBalancing: { policy: 'RoundRobin', zones: 'Prefer' } } as const;
    await lab.apply({ mesh });
    await lab.until('the west is left alone', async () => (await lab.share(6))['c'] === undefined);
    expect(await lab.share(20)).toEqual({ a: 10, b: 10 });
    await lab.apply({ mesh, endpoints: { b: 'west', c: 'west' } });
    await lab.until('the west is asked', async () => (await lab.share(1))['a'] === undefined);
    expect(await lab.share(20)).toEqual({ b: 10, c: 10 });
    await lab.apply({ mesh: { loadBalancing: { policy: 'RoundRobin' } } });
    await lab.until('all are asked', async () => Object.keys(await lab.share(6)).length === 3);
  });

  test('come slowly to a new endpoint', async () => {
    const mesh = { loadBalancing: { policy: 'RoundRobin', slowStartSeconds: 8 } } as const;
    await lab.apply({ mesh, endpoints: { a: 'east' } });
    await sleep(systemClock, 9_000);
    await lab.apply({ mesh, endpoints: { a: 'east', b: 'east' } });
    const early = await lab.share(60);
    expect(early['b'] ?? 0).toBeLessThan(24);
    await lab.until('both have their share', async () => ((await lab.share(20))['b'] ?? 0) >= 9);
  }, 60_000);
});
