import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { systemClock } from '../../src/lib/clock.ts';
import type { BackendIr, EndpointsIr, ServiceIr } from '../../src/model/node/ir.ts';
import { ensureAuthority } from '../../src/pki/authority.ts';
import type { HttpEcho } from './http-host.ts';
import { MeshLab, type MeshPod, spiffeIdOf, statOf } from './mesh-lab.ts';

const [CLIENT, SERVER] = ['10.9.0.1', '10.9.0.2'] as const;
const SHOP_IP = '10.96.0.10';
const [V1, V2] = ['shop/shop:80|v1', 'shop/shop:80|v2'] as const;
const MESH = { tlsMode: 'Permissive', inbound: [], probePorts: [] } as const;

const endpoints = (ports: readonly number[], more: Partial<EndpointsIr> = {}): EndpointsIr => ({
  protocol: 'HTTP',
  loadBalancing: 'RoundRobin',
  connectTimeoutMs: 1000,
  endpoints: ports.map((port) => ({ address: SERVER, port, spiffeId: spiffeIdOf('server') })),
  ...more,
});

const shop = (...backends: readonly BackendIr[]): ServiceIr => ({
  namespace: 'shop',
  name: 'shop',
  clusterIPs: [SHOP_IP],
  ports: [{ port: 80, protocol: 'HTTP', rules: [{ origin: 'Service shop/shop', matches: [], backends }] }],
});

let lab: MeshLab;
let client: MeshPod;
let server: MeshPod;

beforeAll(async () => {
  lab = await MeshLab.start();
  const [a, b] = lab.cable([[CLIENT], [SERVER]]);
  lab.set('endpoints', V1, endpoints([8080]));
  lab.set('endpoints', V2, endpoints([8081]));
  lab.set('service', 'shop/shop', shop({ cluster: V1, weight: 1 }));
  client = await lab.addPod('client', a, [CLIENT], MESH);
  server = await lab.addPod('server', b, [SERVER], {
    ...MESH,
    inbound: [8080, 8081].map((port) => ({ port, protocol: 'HTTP', tlsMode: 'Permissive' })),
  });
  await server.application.serve(8080, 'v1');
  await server.application.serve(8081, 'v2');
}, 60_000);
afterAll(() => lab.close(), 30_000);

/** A counter or gauge of the client's proxy. */
const stat = (name: string) => statOf(client, name);

async function accepted(kind: 'endpoints' | 'service', key: string, version: string): Promise<void> {
  expect(await lab.answerOf(client.uid, kind, key, version)).toMatchObject({ accepted: true });
}

/** Calls from many at once until `work` is done; how often each was answered by whom, or failed how. */
async function underLoad(
  work: (counts: ReadonlyMap<string, number>) => Promise<void>,
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  let isDone = false;
  const caller = async () => {
    while (!isDone) {
      const { status, body } = await client.application.get(`http://${SHOP_IP}/`);
      const answer = status === 200 ? (JSON.parse(body) as HttpEcho).server : `${status} ${body}`;
      counts.set(answer, (counts.get(answer) ?? 0) + 1);
    }
  };
  const callers = Array.from({ length: 8 }, caller);
  await work(counts);
  isDone = true;
  await Promise.all(callers);
  return counts;
}

describe('a proxy whose configuration changes', () => {
  test('takes a changed cluster without waiting for endpoints that have not changed', async () => {
    await accepted('endpoints', V1, lab.set('endpoints', V1, endpoints([8080], { loadBalancing: 'Random' })));
    expect(await stat('cluster.shop/shop_80|v1.init_fetch_timeout')).toBe(0);
    expect(await stat('cluster_manager.warming_clusters')).toBe(0);
  });

  test('loses no call while weights change', async () => {
    const counts = await underLoad(async () => {
      for (let change = 0; change < 30; change += 1) {
        const [a, b] = change % 2 === 0 ? [1, 9] : [1, 0];
        const next = shop({ cluster: V1, weight: a }, { cluster: V2, weight: b });
        await accepted('service', 'shop/shop', lab.set('service', 'shop/shop', next));
      }
    });
    expect([...counts.keys()].sort()).toEqual(['v1', 'v2']);
  }, 60_000);

  test('loses no call while endpoints move, and their cluster changes with them', async () => {
    await accepted('service', 'shop/shop', lab.set('service', 'shop/shop', shop({ cluster: V1, weight: 1 })));
    const counts = await underLoad(async () => {
      for (let change = 0; change < 12; change += 1) {
        const ports = [[8080], [8080, 8081], [8081], [8081, 8080]][change % 4] ?? [];
        const loadBalancing = change % 3 === 0 ? 'LeastRequest' : 'RoundRobin';
        await accepted('endpoints', V1, lab.set('endpoints', V1, endpoints(ports, { loadBalancing })));
      }
    });
    expect([...counts.keys()].sort()).toEqual(['v1', 'v2']);
    await accepted('endpoints', V1, lab.set('endpoints', V1, endpoints([8080])));
  }, 60_000);

  test('loses no call while services come and go beside it', async () => {
    const counts = await underLoad(async () => {
      for (let change = 0; change < 10; change += 1) {
        const key = `shop/other-${change}`;
        lab.set('endpoints', `${key}:80`, endpoints([8081]));
        const other = {
          ...shop({ cluster: `${key}:80`, weight: 1 }),
          name: `other-${change}`,
          clusterIPs: [`10.96.1.${change}`],
        };
        await accepted('service', key, lab.set('service', key, other));
        expect((await client.application.get(`http://10.96.1.${change}/`)).status).toBe(200);
      }
    });
    expect([...counts.keys()]).toEqual(['v1']);
  }, 60_000);

  test('loses no call while a second root becomes trusted', async () => {
    const store = { read: async () => undefined, create: async () => 'created' as const };
    const { rootCertificatePem } = await ensureAuthority(store, systemClock);
    const node = lab.store.get('node', 'self');
    if (node === undefined) throw new Error('the lab has no node');
    const updates = await stat('sds.roots.update_success');
    const counts = await underLoad(async (soFar) => {
      lab.set('node', 'self', { ...node, trustBundlePem: `${node.trustBundlePem}${rootCertificatePem}` });
      await lab.until('the proxy has the new bundle', async () =>
        (await stat('sds.roots.update_success')) > updates ? true : undefined,
      );
      const then = soFar.get('v1') ?? 0;
      await lab.until('calls go on', () => ((soFar.get('v1') ?? 0) > then + 50 ? true : undefined));
    });
    expect([...counts.keys()]).toEqual(['v1']);
  });

  test('shares calls nine to one', async () => {
    const split = shop({ cluster: V1, weight: 90 }, { cluster: V2, weight: 10 });
    await accepted('service', 'shop/shop', lab.set('service', 'shop/shop', split));
    const sumOf = (counts: ReadonlyMap<string, number>) => [...counts.values()].reduce((sum, count) => sum + count, 0);
    const counts = await underLoad(async (soFar) => {
      await lab.until('3000 calls are answered', () => (sumOf(soFar) >= 3000 ? true : undefined));
    });
    const calls = sumOf(counts);
    const v2 = counts.get('v2') ?? 0;
    expect([...counts.keys()].sort()).toEqual(['v1', 'v2']);
    // Binomial: four standard deviations are exceeded once in 16,000 runs.
    expect(Math.abs(v2 - calls / 10)).toBeLessThan(4 * Math.sqrt(calls * 0.09));
  }, 60_000);
});

describe('an application that dials the ports of its own proxy', () => {
  test.each([
    ['127.0.0.1', 15_001],
    ['127.0.0.1', 15_006],
    [CLIENT, 15_001],
    [CLIENT, 15_006],
  ])('at %s:%i is turned away, and the proxy dials nobody in a circle', async (address, port) => {
    const names = ['127.0.0.1_15001', '0.0.0.0_15006'].map((place) => `listener.${place}.downstream_cx_total`);
    const taken = async () => (await Promise.all(names.map(stat))).reduce((sum, count) => sum + count, 0);
    const before = await taken();
    expect((await client.application.get(`http://${address}:${port}/`)).status).toBe(0);
    expect(await taken()).toBe(before + 1);
    expect(client.envoy.exitCode).toBeNull();
  });

  test('is sent on when it dials the same number elsewhere', async () => {
    const before = await stat('tcp.passthrough.downstream_cx_total');
    // Nobody listens there: that the proxy has tried is what counts.
    await client.application.get(`http://${CLIENT}:15001/`);
    expect(await stat('tcp.passthrough.downstream_cx_total')).toBe(before + 1);
  });
});
