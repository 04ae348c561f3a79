import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { MeshService } from '../../src/api/generated/meshservice.ts';
import { createHttpGet } from '../../src/discovery/http-get.ts';
import { Registries } from '../../src/discovery/registries.ts';
import { sleep, systemClock } from '../../src/lib/clock.ts';
import { Secret } from '../../src/lib/secret.ts';
import { silentLog } from '../kube-room/fake-clock.ts';
import { ConsulLab } from '../support/consul-lab.ts';
import { SelfSigned } from '../support/self-signed.ts';
import { FoundMesh } from './found-mesh.ts';
import type { HttpEcho } from './http-host.ts';
import { MeshLab, type MeshPod } from './mesh-lab.ts';

const CLIENT = ['10.9.0.1', 'fd00:9::1'] as const;
const [ONE, TWO, THREE] = ['10.9.0.2', '10.9.0.3', '10.9.0.4'];
const MESH = { tlsMode: 'Permissive', inbound: [], probePorts: [] } as const;
const PORT = 18_500;
const CERTIFICATE = new SelfSigned('127.0.0.1');
const SERVICE: MeshService = {
  metadata: { name: 'catalog', namespace: 'shop' },
  spec: {
    source: {
      consul: {
        ...{ service: 'catalog', address: `https://127.0.0.1:${PORT + 4}`, caBundle: CERTIFICATE.certificate },
        ...{ datacenter: 'dc1', tags: ['primary'] },
        tokenSecret: { name: 'consul' },
      },
    },
    ports: [{ port: 80, protocol: 'HTTP' }],
    subsets: [{ name: 'new', labels: { generation: 'new' } }],
    loadBalancing: { policy: 'RoundRobin', zones: 'Prefer' },
  },
};
const READS = 'service "catalog" { policy = "read" } node_prefix "" { policy = "read" }';

let lab: MeshLab;
let client: MeshPod;
let consul: ConsulLab | undefined;
let found: FoundMesh;
let token = 'nonsense';
/** Queries of the questions so far. */
const asked: URLSearchParams[] = [];

beforeAll(async () => {
  lab = await MeshLab.start();
  const [from, to] = lab.cable([CLIENT, [ONE, TWO, THREE]]);
  consul = await ConsulLab.start(PORT, '127.0.0.1', CERTIFICATE);
  client = await lab.addPod('client', from, CLIENT, MESH);
  const server = await lab.addPod('server', to, [ONE, TWO, THREE], MESH);
  for (const port of [8080, 9090]) await server.application.serve(port, String(port));
  const get = createHttpGet({ addressOf: () => undefined, mayCall: () => true });
  const registries = new Registries({
    get: (ask) => {
      asked.push(new URL(ask.url).searchParams);
      return get(ask);
    },
    readSecret: async () => new Map([['token', new Secret(`${token}\n`)]]),
    ...{ clock: systemClock, random: Math.random, log: silentLog },
  });
  found = new FoundMesh(lab, SERVICE, registries);
}, 90_000);
afterAll(async () => {
  found?.close();
  await consul?.close();
  CERTIFICATE.delete();
  await lab.close();
}, 30_000);

/** Where calls arrive, of ten. */
async function called(): Promise<string> {
  const [address = ''] = lab.store.get('service', 'shop/catalog.mesh')?.clusterIPs ?? [];
  const places = new Set<string>();
  for (let call = 0; call < 10; call += 1) {
    const { status, body } = await client.application.get(`http://${address}/`);
    const { address: place, server } = JSON.parse(status === 200 ? body : '{}') as Partial<HttpEcho>;
    places.add(status === 200 ? `${place}:${server}` : String(status));
  }
  return [...places].sort().join(' ');
}

const untilCalled = (what: string, places: string) =>
  lab.until(what, async () => ((await called()) === places ? true : undefined));

const untilTold = (what: string, text: string) =>
  lab.until(what, () => (found.condition?.message.includes(text) === true ? found.condition : undefined));

test('calls go to instances of which every check is passing, with the tags, by a token that may read them', async () => {
  await consul?.register('catalog', { id: 'one', address: ONE, tags: ['primary', 'x'] });
  await consul?.register('catalog', {
    ...{ id: 'two', address: TWO, port: 9090, tags: ['primary'], health: 'warning', weight: 3, zone: 'a' },
    meta: { generation: 'new', password: 'x' },
  });
  await consul?.register('catalog', { id: 'three', address: THREE, tags: ['spare'] });
  expect((await untilTold('the token is unknown', '403')).message).not.toContain(token);
  token = (await consul?.createToken('service "other" { policy = "read" }')) ?? '';
  await untilTold('the token has other rights', 'leaves instances out');
  token = (await consul?.createToken(READS)) ?? '';
  await untilCalled('the one that is passing is called', `${ONE}:8080`);
  expect(found.status).toMatchObject({
    endpoints: { total: 1, known: 2 },
    found: { for: 'Consul service catalog in dc1 with primary', endpoints: [{ address: ONE, port: 8080 }] },
  });

  await consul?.register('catalog', {
    ...{ id: 'two', address: TWO, port: 9090, tags: ['primary'], weight: 3, zone: 'a' },
    meta: { generation: 'new', password: 'x' },
  });
  await untilCalled('the other one too', `${ONE}:8080 ${TWO}:9090`);
  expect(found.status?.found?.endpoints[1]).toEqual({
    ...{ address: TWO, port: 9090, weight: 3, zone: 'a', labels: { generation: 'new' } },
  });
  await consul?.register('catalog', { id: 'one', address: ONE, tags: ['primary'], health: 'critical' });
  await untilCalled('one that is ill is not called', `${TWO}:9090`);
}, 60_000);

test('Consul is asked for changes, and not more often than there are any', async () => {
  // The question after the last change is asked within a second.
  await sleep(systemClock, 1_500);
  const before = asked.length;
  await sleep(systemClock, 3_000);
  expect(asked.length).toBe(before);
  const last = asked.at(-1);
  expect(Number(last?.get('index'))).toBeGreaterThan(0);
  expect(last?.get('wait')).toMatch(/^(4[5-9]|5\d|60)s$/);
  expect(last?.getAll('tag')).toEqual(['primary']);
  // A service that changes all the time is asked for once a second.
  const startedMs = systemClock.monotonic();
  for (let change = 0; systemClock.monotonic() - startedMs < 3_000; change += 1) {
    await consul?.register('catalog', {
      id: 'two',
      address: TWO,
      port: 9090,
      tags: ['primary'],
      weight: 1 + (change % 9),
    });
  }
  expect(asked.length - before).toBeGreaterThanOrEqual(2);
  expect(asked.length - before).toBeLessThanOrEqual(4);
}, 30_000);

test('what was found last is called while nobody answers, and afterwards what is there is asked for', async () => {
  await consul?.stop();
  const lost = await untilTold('the loss is told', 'is not found');
  expect(lost).toMatchObject({ status: 'False', reason: 'SourceUnreachable' });
  expect(lost.message).toMatch(/ since \S+Z: .*; the one endpoint found last is kept$/);
  expect(await called()).toBe(`${TWO}:9090`);
  await consul?.start();
  await lab.until('it is found again', () => (found.condition?.status === 'True' ? true : undefined));
  await consul?.deregister('two');
  await consul?.register('catalog', { id: 'three', address: THREE, tags: ['primary'] });
  await untilCalled('what is there now is called', `${THREE}:8080`);
}, 60_000);
