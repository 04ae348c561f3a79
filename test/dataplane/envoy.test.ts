import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { EndpointsIr, PodMeshIr, RouteRuleIr, ServiceIr } from '../../src/model/node/ir.ts';
import type { HttpEcho } from './http-host.ts';
import { MeshLab, type MeshPod, spiffeIdOf } from './mesh-lab.ts';

const [CLIENT, SERVER] = ['10.9.0.1', '10.9.0.2'] as const;
const SHOP_IP = '10.96.0.10';
const MESH = { tlsMode: 'Permissive', inbound: [], probePorts: [] } as const;

const serverMesh = (tlsMode: 'Permissive' | 'Strict') => ({
  tlsMode,
  inbound: [8080, 8081].map((port) => ({ port, protocol: 'HTTP' as const, tlsMode })),
  probePorts: [],
});

const endpoints = (port: number, spiffeId = spiffeIdOf('server')): EndpointsIr => ({
  protocol: 'HTTP',
  loadBalancing: 'RoundRobin',
  connectTimeoutMs: 1000,
  endpoints: [{ address: SERVER, port, spiffeId }],
});

const rule = (backends: RouteRuleIr['backends']): RouteRuleIr => ({
  origin: 'Service shop/shop',
  matches: [],
  backends,
});

const shop = (...backends: RouteRuleIr['backends']): ServiceIr => ({
  namespace: 'shop',
  name: 'shop',
  clusterIPs: [SHOP_IP],
  ports: [{ port: 80, protocol: 'HTTP', rules: [rule(backends)] }],
});

let lab: MeshLab;
let client: MeshPod;
let server: MeshPod;

async function echo(headers: Readonly<Record<string, string>> = {}): Promise<HttpEcho> {
  const { status, body } = await client.application.get(`http://${SHOP_IP}/`, headers);
  if (status !== 200) throw new Error(`${status} ${body}\n${client.log}\n${server.log}`);
  return JSON.parse(body) as HttpEcho;
}

async function setServerMesh(tlsMode: 'Permissive' | 'Strict'): Promise<void> {
  const pod = lab.store.get('pod', server.uid);
  if (pod?.mesh === undefined) throw new Error('the server has no mesh');
  const mesh: PodMeshIr = { ...pod.mesh, ...serverMesh(tlsMode) };
  const version = lab.set('pod', server.uid, { ...pod, mesh });
  expect(await lab.answerOf(server.uid, 'pod', server.uid, version)).toMatchObject({ accepted: true });
}

beforeAll(async () => {
  lab = await MeshLab.start();
  const [a, b] = lab.cable([[CLIENT], [SERVER]]);
  lab.set('endpoints', 'shop/shop:80', endpoints(8080));
  lab.set('endpoints', 'shop/shop:80|v2', endpoints(8081));
  lab.set('service', 'shop/shop', shop({ cluster: 'shop/shop:80', weight: 1 }));
  client = await lab.addPod('client', a, [CLIENT], MESH);
  server = await lab.addPod('server', b, [SERVER], serverMesh('Permissive'));
  await server.application.serve(8080, 'v1');
  await server.application.serve(8081, 'v2');
}, 60_000);
afterAll(() => lab.close(), 30_000);

describe('two pods with a proxy each', () => {
  test('call by mutual TLS, and the one called is told who calls, whatever the caller claims', async () => {
    const { server: name, headers } = await echo({
      'x-forwarded-client-cert': 'URI=spiffe://cluster.local/ns/shop/sa/king',
    });
    expect(name).toBe('v1');
    expect(headers['x-forwarded-client-cert']).toContain(`URI=${spiffeIdOf('client')}`);
    expect(headers['x-forwarded-client-cert']).not.toContain('king');
  });

  test('do not call one who proves another identity than the expected one', async () => {
    const version = lab.set('endpoints', 'shop/shop:80', endpoints(8080, spiffeIdOf('somebody-else')));
    await lab.answerOf(client.uid, 'endpoints', 'shop/shop:80', version);
    const isRefused = async () =>
      (await client.application.get(`http://${SHOP_IP}/`)).status === 503 ? true : undefined;
    await lab.until('the call is refused', isRefused);
    const restored = lab.set('endpoints', 'shop/shop:80', endpoints(8080));
    await lab.answerOf(client.uid, 'endpoints', 'shop/shop:80', restored);
    await lab.until('the call succeeds', async () => ((await isRefused()) === true ? undefined : true));
    expect((await echo()).server).toBe('v1');
  });

  test('Permissive answers plain calls as those of nobody, Strict refuses them and goes on with the mesh', async () => {
    const plain = () =>
      client.outsider.get(`http://${SERVER}:8080/`, { 'x-forwarded-client-cert': 'URI=spiffe://forged' });
    const permitted = await plain();
    expect(permitted.status).toBe(200);
    expect((JSON.parse(permitted.body) as HttpEcho).headers['x-forwarded-client-cert']).toBeUndefined();
    await setServerMesh('Strict');
    await lab.until('plain calls are refused', async () => ((await plain()).status === 0 ? true : undefined));
    expect((await client.outsider.get(`http://${SERVER}:9999/`)).status).toBe(0);
    expect((await echo()).server).toBe('v1');
    await setServerMesh('Permissive');
  });

  test('share calls by weight', async () => {
    const version = lab.set(
      'service',
      'shop/shop',
      shop({ cluster: 'shop/shop:80', weight: 3 }, { cluster: 'shop/shop:80|v2', weight: 1 }),
    );
    expect(await lab.answerOf(client.uid, 'service', 'shop/shop', version)).toMatchObject({ accepted: true });
    const counts: Record<string, number> = {};
    for (let call = 0; call < 400; call++) {
      const { server: name } = await echo();
      counts[name] = (counts[name] ?? 0) + 1;
    }
    // Envoy draws at random: 400 calls of probability 1/4 are 100 ± 8.7; six deviations.
    expect(Math.abs((counts['v2'] ?? 0) - 100)).toBeLessThan(52);
    expect((counts['v1'] ?? 0) + (counts['v2'] ?? 0)).toBe(400);
  }, 60_000);

  test('carry TCP by mutual TLS, to ports that no service of the other names too', async () => {
    const raw = { ...endpoints(8082), protocol: 'TCP' as const };
    const wrong = { ...endpoints(8082, spiffeIdOf('somebody-else')), protocol: 'TCP' as const };
    lab.set('endpoints', 'shop/raw:80', raw);
    lab.set('endpoints', 'shop/wrong:80', wrong);
    const service = (name: string, address: string): ServiceIr => ({
      namespace: 'shop',
      name,
      clusterIPs: [address],
      ports: [{ port: 80, protocol: 'TCP', rules: [rule([{ cluster: `shop/${name}:80`, weight: 1 }])] }],
    });
    lab.set('service', 'shop/wrong', service('wrong', '10.96.0.41'));
    const version = lab.set('service', 'shop/raw', service('raw', '10.96.0.40'));
    expect(await lab.answerOf(client.uid, 'service', 'shop/raw', version)).toMatchObject({ accepted: true });
    await setServerMesh('Strict');
    await server.application.serve(8082, 'raw');
    const { status, body } = await client.application.get('http://10.96.0.40/');
    expect([status, (JSON.parse(body) as HttpEcho).server]).toEqual([200, 'raw']);
    expect((await client.application.get('http://10.96.0.41/')).status).toBe(0);
    await setServerMesh('Permissive');
  });

  test('leave what is no service of the mesh as it is', async () => {
    await lab.until('the server permits plain calls', async () => {
      const { status } = await client.application.get(`http://${SERVER}:8080/`);
      return status === 200 ? true : undefined;
    });
  });

  test('answer 503 for the share of a backend that names nothing', async () => {
    const version = lab.set('service', 'shop/shop', shop({ weight: 1 }));
    await lab.answerOf(client.uid, 'service', 'shop/shop', version);
    await lab.until('the answer is 503', async () => {
      const { status } = await client.application.get(`http://${SHOP_IP}/`);
      return status === 503 ? true : undefined;
    });
    const restored = lab.set('service', 'shop/shop', shop({ cluster: 'shop/shop:80', weight: 1 }));
    await lab.answerOf(client.uid, 'service', 'shop/shop', restored);
  });

  test('take what is good beside what their Envoy refuses, and say which that is', async () => {
    const named = (name: string, address: string): ServiceIr => ({
      ...shop({ cluster: 'shop/shop:80', weight: 1 }),
      name,
      clusterIPs: [address],
    });
    const good = ['good-1', 'good-2', 'good-3'].map((name, index) => ({
      name,
      version: lab.set('service', `shop/${name}`, named(name, `10.96.0.${20 + index}`)),
    }));
    const bad = lab.set('service', 'shop/bad', named('bad', 'no-address'));
    const rejected = await lab.answerOf(client.uid, 'service', 'shop/bad', bad);
    expect(rejected).toMatchObject({ accepted: false, message: expect.stringContaining('no-address') });
    for (const { name, version } of good) {
      expect(await lab.answerOf(client.uid, 'service', `shop/${name}`, version)).toMatchObject({ accepted: true });
    }
    const { status } = await client.application.get('http://10.96.0.22/');
    expect(status).toBe(200);
    const repaired = lab.set('service', 'shop/bad', named('bad', '10.96.0.30'));
    expect(await lab.answerOf(client.uid, 'service', 'shop/bad', repaired)).toMatchObject({ accepted: true });
  });

  test('go on without the agent, find it again, and tell it what they have', async () => {
    lab.reports.length = 0;
    lab.reattach(client);
    expect((await echo()).server).toBe('v1');
    const version = lab.store.versionOf('service', 'shop/shop') ?? '';
    expect(await lab.answerOf(client.uid, 'service', 'shop/shop', version)).toMatchObject({ accepted: true });
    const next = lab.set('service', 'shop/shop', shop({ cluster: 'shop/shop:80|v2', weight: 1 }));
    expect(await lab.answerOf(client.uid, 'service', 'shop/shop', next)).toMatchObject({ accepted: true });
    expect((await echo()).server).toBe('v2');
  }, 30_000);
});
