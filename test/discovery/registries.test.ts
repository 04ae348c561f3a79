import { expect, test } from '@jest/globals';
import type { MeshServiceSource } from '../../src/api/generated/meshservice.ts';
import type { HttpAsk } from '../../src/discovery/http-get.ts';
import { Registries } from '../../src/discovery/registries.ts';
import { Secret } from '../../src/lib/secret.ts';
import { FakeClock, settle, silentLog } from '../kube-room/fake-clock.ts';

const eureka = (application: string, more: object = {}): MeshServiceSource => ({
  eureka: { application, serviceUrls: ['https://eureka/eureka'], ...more },
});
const instance = { instanceId: 'one', ipAddr: '192.0.2.1', status: 'UP' };
const answer = { applications: { apps__hashcode: 'UP_1_', application: [{ name: 'A', instance: [instance] }] } };

/** Registries that answer every question in the same way. */
function registries() {
  const asked: HttpAsk[] = [];
  const clock = new FakeClock();
  const all = new Registries({
    get: async (ask) => {
      asked.push(ask);
      return { status: 200, headers: {}, body: answer };
    },
    readSecret: async ({ namespace, name }) =>
      new Map(
        name === 'empty'
          ? []
          : ['username', 'password', 'token'].map((key) => [key, new Secret(`${namespace} ${key}`)]),
      ),
    ...{ clock, random: () => 0.5, log: silentLog },
  });
  return { all, asked, clock };
}

test('a registry is asked once for all that name it in the same way, and tells each of its own', async () => {
  const { all, asked, clock } = registries();
  const changes: string[] = [];
  const a = all.watch(eureka('a'), 'one', () => changes.push('a'));
  const b = all.watch(eureka('b'), 'two', () => changes.push('b'));
  await settle();
  expect(asked).toHaveLength(1);
  expect(a?.state().found?.known).toBe(1);
  expect(b?.state().found?.known).toBe(0);
  expect(changes.sort()).toEqual(['a', 'b']);
  // Nothing has changed for either.
  await clock.advance(30_000);
  expect(asked.length).toBeGreaterThan(2);
  expect(changes).toHaveLength(2);

  a?.close();
  await clock.advance(30_000);
  const before = asked.length;
  b?.close();
  await clock.advance(60_000);
  expect(asked.length).toBe(before);
});

test('other credentials and another authority make another registry', async () => {
  const { all, asked } = registries();
  const secret = { credentialsSecret: { name: 'eureka' } };
  for (const namespace of ['one', 'two']) all.watch(eureka('a', secret), namespace, () => undefined);
  all.watch(eureka('a', { caBundle: 'PEM' }), 'one', () => undefined);
  await settle();
  const basic = (namespace: string) =>
    `Basic ${Buffer.from(`${namespace} username:${namespace} password`).toString('base64')}`;
  expect(asked).toHaveLength(3);
  expect(asked.map(({ headers, ca }) => [headers['authorization'], ca])).toEqual(
    expect.arrayContaining([
      [basic('one'), undefined],
      [basic('two'), undefined],
      [undefined, 'PEM'],
    ]),
  );
});

test('a Secret without the key is said to lack it, and nobody is asked', async () => {
  const { all, asked } = registries();
  const tokenSecret = { name: 'empty' };
  const consul = all.watch({ consul: { service: 'a', address: 'http://consul', tokenSecret } }, 'one', () => undefined);
  const credentialsSecret = { name: 'empty' };
  const other = all.watch(eureka('a', { credentialsSecret }), 'one', () => undefined);
  await settle();
  expect(consul?.state()).toEqual({ problem: "Secret 'one/empty' must have the key token" });
  expect(other?.state()).toEqual({ problem: "Secret 'one/empty' must have the key username" });
  expect(asked).toEqual([]);
  expect(all.watch({ service: { name: 'web' } }, 'one', () => undefined)).toBeUndefined();
});
