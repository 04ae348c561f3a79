import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { resolveBy } from '../../src/agent/dns/resolve.ts';
import type { MeshService } from '../../src/api/generated/meshservice.ts';
import { compileMesh } from '../../src/model/mesh/compile-mesh.ts';
import { DnsLab } from './dns-lab.ts';
import type { HttpEcho } from './http-host.ts';
import { MeshLab, type MeshPod } from './mesh-lab.ts';

const CLIENT = ['10.9.0.1', 'fd00:9::1'] as const;
const SERVER = ['10.9.0.2', 'fd00:9::2'] as const;
const OTHER = '10.9.0.3';
const MESH = { tlsMode: 'Permissive', inbound: [], probePorts: [] } as const;
/** On the machine's own loopback, where the agent of this lab runs. */
const NAME_SERVER = { address: '127.0.0.1', port: 15_353 };
const NAME = 'api.example.test';

const zone = (serial: number, records: string) => `@ 1 IN SOA dns. nobody. ${serial} 1 1 1 1\n${records}\n`;
const SERVICE: MeshService = {
  apiVersion: 'weft.dev/v1alpha1',
  kind: 'MeshService',
  metadata: { name: 'api', namespace: 'shop' },
  spec: {
    source: { dns: { name: NAME } },
    ports: [{ port: 80, targetPort: 8080, protocol: 'HTTP' }],
    hosts: ['api.shop.test'],
    loadBalancing: { policy: 'RoundRobin' },
  },
};

let lab: MeshLab;
let client: MeshPod;
let dns: DnsLab | undefined;

beforeAll(async () => {
  lab = await MeshLab.start();
  lab.resolve = resolveBy([`${NAME_SERVER.address}:${NAME_SERVER.port}`]);
  const [from, to] = lab.cable([CLIENT, [...SERVER, OTHER]]);
  dns = await startDns(zone(1, `${NAME}. 1 IN A ${SERVER[0]}`));
  client = await lab.addPod('client', from, CLIENT, MESH);
  const server = await lab.addPod('server', to, SERVER, MESH);
  await server.application.serve(8080, 'server');
  const { services, endpoints } = compileMesh({
    ...{ services: [], endpointSlices: [], pods: [], trafficSplits: [], httpRoutes: [], referenceGrants: [] },
    meshServices: [SERVICE],
    trustDomain: 'cluster.local',
  });
  for (const [key, body] of endpoints) lab.set('endpoints', key, body);
  for (const [key, body] of services) lab.set('service', key, body);
}, 60_000);
afterAll(async () => {
  await dns?.stop();
  await lab.close();
}, 30_000);

function startDns(text: string): Promise<DnsLab> {
  return DnsLab.start(undefined, [NAME_SERVER.address], { '.': text }, NAME_SERVER.port);
}

/** The address at which the call arrived; by the virtual address, as the name in `hosts` has its own test. */
async function called(): Promise<string | number> {
  const [address = ''] = lab.store.get('service', 'shop/api.mesh')?.clusterIPs ?? [];
  const { status, body } = await client.application.get(`http://${address}/`);
  return status === 200 ? (JSON.parse(body) as HttpEcho).address : status;
}

test('calls go where the name leads, follow its records, and stay where they are while its server is away', async () => {
  await lab.until('the name is found', async () => ((await called()) === SERVER[0] ? true : undefined));
  dns?.write('.', zone(2, `${NAME}. 1 IN A ${OTHER}`));
  await lab.until('the new record is followed', async () => ((await called()) === OTHER ? true : undefined));
  await dns?.stop();
  dns = undefined;
  const lost = await lab.until('the loss is told', () =>
    lab.names.reports().find(({ problem }) => problem !== undefined),
  );
  expect(lost).toMatchObject({ name: NAME, addresses: 1 });
  expect(await called()).toBe(OTHER);
  dns = await startDns(zone(3, `${NAME}. 1 IN A ${SERVER[0]}`));
  await lab.until('it is found again', async () => ((await called()) === SERVER[0] ? true : undefined));
  expect(lab.names.reports()).toEqual([{ name: NAME, addresses: 1 }]);
  // A name that is gone keeps its last address too: outages look like this, and calls that fail help nobody.
  dns.write('.', zone(4, ''));
  await lab.until('it is told that there is no such name', () =>
    lab.names.reports().find(({ problem }) => problem?.message.includes('ENOTFOUND') === true),
  );
  expect(await called()).toBe(SERVER[0]);
}, 60_000);
