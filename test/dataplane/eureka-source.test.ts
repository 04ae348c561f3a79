import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { MeshService } from '../../src/api/generated/meshservice.ts';
import { createHttpGet } from '../../src/discovery/http-get.ts';
import { Registries } from '../../src/discovery/registries.ts';
import { sleep, systemClock } from '../../src/lib/clock.ts';
import { Secret } from '../../src/lib/secret.ts';
import { DELTA_LIFE_MS, EurekaLab } from '../support/eureka-lab.ts';
import type { HttpEcho } from './http-host.ts';
import { MeshLab, type MeshPod } from './mesh-lab.ts';
import { silentLog } from '../kube-room/fake-clock.ts';
import { FoundMesh } from './found-mesh.ts';

const CLIENT = ['10.9.0.1', 'fd00:9::1'] as const;
const [ONE, TWO, THREE] = ['10.9.0.2', '10.9.0.3', '10.9.0.4'];
const MESH = { tlsMode: 'Permissive', inbound: [], probePorts: [] } as const;
const PORT = 18_761;
const APPLICATION = 'catalog';
const SERVICE: MeshService = {
  metadata: { name: 'catalog', namespace: 'shop' },
  spec: {
    // Nobody listens at the first: servers are tried in order.
    source: {
      eureka: {
        application: 'Catalog',
        serviceUrls: ['http://127.0.0.1:1/eureka', `http://127.0.0.1:${PORT}/eureka/`],
        credentialsSecret: { name: 'eureka' },
      },
    },
    ports: [{ port: 80, protocol: 'HTTP' }],
    subsets: [{ name: 'new', labels: { generation: 'new' } }],
    loadBalancing: { policy: 'RoundRobin', zones: 'Prefer' },
  },
};

let lab: MeshLab;
let client: MeshPod;
let eureka: EurekaLab | undefined;
let found: FoundMesh;
let password = 'first';
let isCut = false;
let slownessMs = 0;
const asked: string[] = [];

beforeAll(async () => {
  lab = await MeshLab.start();
  const [from, to] = lab.cable([CLIENT, [ONE, TWO, THREE]]);
  eureka = await EurekaLab.start(PORT, 'first');
  client = await lab.addPod('client', from, CLIENT, MESH);
  const server = await lab.addPod('server', to, [ONE, TWO, THREE], MESH);
  for (const port of [8080, 9090]) await server.application.serve(port, String(port));
  const get = createHttpGet({ addressOf: () => undefined, mayCall: () => true });
  const registries = new Registries({
    get: async (ask) => {
      asked.push(new URL(ask.url).pathname);
      if (isCut) throw new Error('cut');
      await sleep(systemClock, slownessMs);
      return get(ask);
    },
    readSecret: async () =>
      new Map([
        ['username', new Secret('weft')],
        ['password', new Secret(password)],
      ]),
    ...{ clock: systemClock, random: Math.random, log: silentLog, eureka: { everyMs: 100, graceMs: 4_000 } },
  });
  found = new FoundMesh(lab, SERVICE, registries);
}, 90_000);
afterAll(async () => {
  found?.close();
  await eureka?.stop();
  await lab.close();
}, 30_000);

/** Where calls arrive, of ten. */
async function called(): Promise<readonly string[]> {
  const [address = ''] = lab.store.get('service', 'shop/catalog.mesh')?.clusterIPs ?? [];
  const places = new Set<string>();
  for (let call = 0; call < 10; call += 1) {
    const { status, body } = await client.application.get(`http://${address}/`);
    const { address: place, server } = JSON.parse(status === 200 ? body : '{}') as Partial<HttpEcho>;
    places.add(status === 200 ? `${place}:${server}` : String(status));
  }
  return [...places].sort();
}

const untilCalled = (what: string, ...places: readonly string[]) =>
  lab.until(what, async () => ((await called()).join() === [...places].sort().join() ? true : undefined));

test('calls go to the instances that are UP, as they come, go and change', async () => {
  await eureka?.register(APPLICATION, { id: 'one', address: ONE });
  await eureka?.register(APPLICATION, {
    id: 'two',
    address: TWO,
    port: 9090,
    status: 'STARTING',
    metadata: { generation: 'new', password: 'x' },
  });
  await eureka?.register(APPLICATION, { id: 'lost', address: '127.0.1.1' });
  await untilCalled('the one that is UP is called', `${ONE}:8080`);
  await lab.until('all are known', () => (found.status?.endpoints?.known === 3 ? true : undefined));
  expect(asked.filter((path) => path === '/eureka/apps').length).toBeGreaterThan(0);
  asked.length = 0;

  await eureka?.setStatus(APPLICATION, 'two', 'UP');
  await untilCalled('the other is called where it listens', `${ONE}:8080`, `${TWO}:9090`);
  await eureka?.setStatus(APPLICATION, 'one', 'OUT_OF_SERVICE');
  await untilCalled('the first is not called any more', `${TWO}:9090`);
  await eureka?.register(APPLICATION, { id: 'three', address: THREE, metadata: { zone: 'a', weight: '3' } });
  await eureka?.deregister(APPLICATION, 'two');
  await untilCalled('the third is called instead', `${THREE}:8080`);
  // Changes were enough for all that.
  expect(asked.filter((path) => path !== '/eureka/apps/delta')).toEqual([]);
  expect(found.status?.found).toEqual({
    for: 'Eureka application CATALOG',
    endpoints: [{ address: THREE, port: 8080, zone: 'a', weight: 3 }],
  });
}, 60_000);

test('a change that was missed shows by the hash code, and everything is asked for', async () => {
  await eureka?.setStatus(APPLICATION, 'one', 'UP');
  await untilCalled('both are called', `${ONE}:8080`, `${THREE}:8080`);
  const before = asked.length;
  slownessMs = 2 * DELTA_LIFE_MS;
  await lab.until('a question is on its slow way', () => (asked.length > before + 1 ? true : undefined));
  await eureka?.deregister(APPLICATION, 'three');
  asked.length = 0;
  await untilCalled('the one that is gone is not called', `${ONE}:8080`);
  slownessMs = 0;
  expect(asked).toContain('/eureka/apps');
}, 60_000);

test('after a failure everything is asked for: another instance for each that is gone has the same hash code', async () => {
  isCut = true;
  // A question that was on its way may arrive yet.
  await lab.until('the cut is told', () => (found.condition?.status === 'False' ? true : undefined));
  await eureka?.deregister(APPLICATION, 'one');
  await eureka?.register(APPLICATION, { id: 'two', address: TWO, metadata: { generation: 'new', password: 'x' } });
  await sleep(systemClock, DELTA_LIFE_MS);
  expect(await called()).toEqual([`${ONE}:8080`]);
  isCut = false;
  await untilCalled('the other is called', `${TWO}:8080`);
  await eureka?.register(APPLICATION, { id: 'one', address: ONE });
  await untilCalled('both are called', `${ONE}:8080`, `${TWO}:8080`);
  // Of what instances say of themselves, only what subsets look at is kept.
  expect(JSON.stringify(found.status?.found)).toContain('"labels":{"generation":"new"}');
  expect(JSON.stringify(found.status)).not.toContain('password');
}, 60_000);

test('what was found last is called while no server answers, and when one comes back that knows nobody yet', async () => {
  await eureka?.stop();
  const lost = await lab.until('the loss is told', () =>
    found.condition?.status === 'False' ? found.condition : undefined,
  );
  expect(lost.message).toMatch(
    /^Eureka application CATALOG is not found since \S+Z: .*ECONNREFUSED.*; the 2 endpoints found last are kept$/,
  );
  expect(await called()).toEqual([`${ONE}:8080`, `${TWO}:8080`]);

  eureka = await EurekaLab.start(PORT, 'second');
  await lab.until('it asks for another password', () => (found.condition?.message.includes('401') ? true : undefined));
  expect(found.condition?.message).not.toMatch(/first|second/);
  password = 'second';
  await lab.until('it is heard, and has nobody', () =>
    found.condition?.message.includes('started anew') ? true : undefined,
  );
  expect(await called()).toEqual([`${ONE}:8080`, `${TWO}:8080`]);
  await eureka.register(APPLICATION, { id: 'one', address: ONE });
  await untilCalled('those that come back are called', `${ONE}:8080`);
  expect(found.condition).toMatchObject({ status: 'True', reason: 'SourceReachable' });
  await eureka.deregister(APPLICATION, 'one');
  await untilCalled('one that has said good-bye is gone at once', '503');
}, 90_000);
