import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { EndpointsIr, ServiceIr, TlsMode } from '../../src/model/node/ir.ts';
import type { HttpEcho } from './http-host.ts';
import { hostOf, MeshLab, type MeshPod, spiffeIdOf } from './mesh-lab.ts';

const [CLIENT, CLIENT6] = ['10.9.0.1', 'fd00:9::1'] as const;
const [SERVER, SERVER6] = ['10.9.0.2', 'fd00:9::2'] as const;
const [SHOP_IP, SHOP_IP6] = ['10.96.0.10', 'fd00:96::10'] as const;
const MESH = { tlsMode: 'Permissive', inbound: [], probePorts: [] } as const;

const serverMesh = (tlsMode: TlsMode) => ({
  tlsMode,
  inbound: [{ port: 8080, protocol: 'HTTP' as const, tlsMode }],
  probePorts: [8081],
});

const endpoints = (address: string, spiffeId = spiffeIdOf('server')): EndpointsIr => ({
  protocol: 'HTTP',
  loadBalancing: 'RoundRobin',
  connectTimeoutMs: 1000,
  endpoints: [{ address, port: 8080, spiffeId }],
});

const SHOP: ServiceIr = {
  namespace: 'shop',
  name: 'shop',
  clusterIPs: [SHOP_IP, SHOP_IP6],
  ports: [
    {
      port: 80,
      protocol: 'HTTP',
      rules: [{ origin: 'Service shop/shop', matches: [], backends: [{ cluster: 'shop/shop:80', weight: 1 }] }],
    },
  ],
};

describe.each([
  { families: 'both families', client: [CLIENT, CLIENT6], server: [SERVER, SERVER6] },
  { families: 'IPv6 alone', client: [CLIENT6], server: [SERVER6] },
])('two pods of $families with a proxy each', ({ client: clientAddresses, server: serverAddresses }) => {
  let lab: MeshLab;
  let client: MeshPod;
  let server: MeshPod;
  const dialled = clientAddresses.length === 1 ? [SHOP_IP6] : [SHOP_IP, SHOP_IP6];

  beforeAll(async () => {
    lab = await MeshLab.start();
    const [a, b] = lab.cable([clientAddresses, serverAddresses]);
    lab.set('endpoints', 'shop/shop:80', endpoints(SERVER6));
    lab.set('service', 'shop/shop', SHOP);
    client = await lab.addPod('client', a, clientAddresses, MESH);
    server = await lab.addPod('server', b, serverAddresses, serverMesh('Permissive'));
    await server.application.serve(8080, 'v1');
  }, 60_000);
  afterAll(() => lab.close(), 30_000);

  async function setServerMesh(tlsMode: TlsMode): Promise<void> {
    const pod = lab.store.get('pod', server.uid);
    if (pod?.mesh === undefined) throw new Error('the server has no mesh');
    const version = lab.set('pod', server.uid, { ...pod, mesh: { ...pod.mesh, ...serverMesh(tlsMode) } });
    expect(await lab.answerOf(server.uid, 'pod', server.uid, version)).toMatchObject({ accepted: true });
  }

  async function setEndpoints(body: EndpointsIr): Promise<void> {
    const version = lab.set('endpoints', 'shop/shop:80', body);
    expect(await lab.answerOf(client.uid, 'endpoints', 'shop/shop:80', version)).toMatchObject({ accepted: true });
  }

  const call = (address: string) => client.application.get(`http://${hostOf(address)}/`);
  const plain = (address: string) => client.outsider.get(`http://${hostOf(address)}:8080/`);

  test.each(dialled)('call by mutual TLS over IPv6, whom they dial at %s', async (address) => {
    const { status, body } = await call(address);
    expect([status, client.log]).toEqual([200, expect.anything()]);
    const { server: name, headers } = JSON.parse(body) as HttpEcho;
    expect(name).toBe('v1');
    expect(headers['x-forwarded-client-cert']).toContain(`URI=${spiffeIdOf('client')}`);
  });

  test('do not call one at an address of IPv6 who proves another identity than the expected one', async () => {
    await setEndpoints(endpoints(SERVER6, spiffeIdOf('somebody-else')));
    await lab.until('the call is refused', async () => ((await call(SHOP_IP6)).status === 503 ? true : undefined));
    await setEndpoints(endpoints(SERVER6));
    await lab.until('the call succeeds', async () => ((await call(SHOP_IP6)).status === 200 ? true : undefined));
  });

  test('Permissive answers plain calls of all families, Strict refuses them and goes on with the mesh', async () => {
    for (const address of serverAddresses) expect((await plain(address)).status).toBe(200);
    await setServerMesh('Strict');
    for (const address of serverAddresses)
      await lab.until(`${address} refuses plain calls`, async () =>
        (await plain(address)).status === 0 ? true : undefined,
      );
    expect((await client.outsider.get(`http://${hostOf(SERVER6)}:9999/`)).status).toBe(0);
    expect((await call(SHOP_IP6)).status).toBe(200);
    await setServerMesh('Permissive');
    await lab.until('plain calls are answered', async () => ((await plain(SERVER6)).status === 200 ? true : undefined));
  });

  test('leave what is no service of the mesh as it is', async () => {
    await lab.until('the server permits plain calls', async () =>
      (await client.application.get(`http://${hostOf(SERVER6)}:8080/`)).status === 200 ? true : undefined,
    );
  });

  test.each([
    ['::1', 15_001],
    ['::1', 15_006],
    [CLIENT6, 15_001],
    [CLIENT6, 15_006],
  ])('turn away an application that dials its own proxy at %s port %i', async (address, port) => {
    expect((await client.application.get(`http://${hostOf(address)}:${port}/`)).status).toBe(0);
    expect(client.envoy.exitCode).toBeNull();
    expect((await call(SHOP_IP6)).status).toBe(200);
  });

  test('are ready at each address that they have', async () => {
    for (const address of serverAddresses)
      expect((await client.outsider.get(`http://${hostOf(address)}:15021/ready`)).status).toBe(200);
  });
});
