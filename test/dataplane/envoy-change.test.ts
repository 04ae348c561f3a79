import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { EndpointsIr, ServiceIr } from '../../src/model/node/ir.ts';
import { MeshLab, type MeshPod, spiffeIdOf } from './mesh-lab.ts';

const [CLIENT, SERVER] = ['10.9.0.1', '10.9.0.2'] as const;
const SHOP_IP = '10.96.0.10';
const KEY = 'shop/shop:80';

const endpoints = (loadBalancing: EndpointsIr['loadBalancing']): EndpointsIr => ({
  protocol: 'HTTP',
  loadBalancing,
  connectTimeoutMs: 1000,
  endpoints: [{ address: SERVER, port: 8080, spiffeId: spiffeIdOf('server') }],
});
const shop: ServiceIr = {
  namespace: 'shop',
  name: 'shop',
  clusterIPs: [SHOP_IP],
  ports: [
    { port: 80, protocol: 'HTTP', rules: [{ origin: 'x', matches: [], backends: [{ cluster: KEY, weight: 1 }] }] },
  ],
};

let lab: MeshLab;
let client: MeshPod;
let server: MeshPod;
const stat = async (filter: string) =>
  (await client.outsider.get(`http://127.0.0.1:15000/stats?filter=${filter}`)).body;

beforeAll(async () => {
  lab = await MeshLab.start();
  const [a, b] = lab.cable([CLIENT, SERVER]);
  lab.set('endpoints', KEY, endpoints('RoundRobin'));
  lab.set('service', 'shop/shop', shop);
  client = await lab.addPod('client', a, CLIENT, { tlsMode: 'Permissive', inbound: [], probePorts: [] });
  server = await lab.addPod('server', b, SERVER, { tlsMode: 'Permissive', inbound: [], probePorts: [] });
  await server.application.serve(8080, 'v1');
}, 60_000);
afterAll(() => lab.close(), 30_000);

describe('exp', () => {
  test('loop', async () => {
    for (const url of [
      'http://127.0.0.1:15001/',
      'http://127.0.0.1:15006/',
      `http://${CLIENT}:15001/`,
      `http://${CLIENT}:15006/`,
      `http://${SERVER}:15006/`,
      'http://127.0.0.1:15000/ready',
      'http://127.0.0.1:15021/ready',
    ]) {
      const t0 = performance.now();
      const r = await client.application.get(url);
      console.log(
        url,
        Math.round(performance.now() - t0),
        r.status,
        r.body.slice(0, 100),
        (await stat('downstream_cx_(total|active)'))
          .split('\n')
          .filter((l) => /listener.*150(01|06)|passthrough|inbound/.test(l))
          .join('\n'),
      );
    }
    await new Promise((x) => setTimeout(x, 1000));
    console.log(await stat('downstream_cx_(total|active)'));
  }, 60_000);
});
