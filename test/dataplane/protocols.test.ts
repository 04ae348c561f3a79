import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { EndpointSlice, Pod, Service } from '../../src/api/kubernetes.ts';
import { compileMesh } from '../../src/model/mesh/compile-mesh.ts';
import { indexMesh } from '../../src/model/mesh/mesh-index.ts';
import { translatePodMesh } from '../../src/model/mesh/pod-mesh.ts';
import { SelfSigned } from '../support/self-signed.ts';
import { MeshLab, type MeshPod, PROXY_UID, statOf } from './mesh-lab.ts';

const run = promisify(execFile);
const [CLIENT, SERVER, ADDRESS] = ['10.9.0.1', '10.9.0.2', '10.96.0.10'] as const;
const GREETING = '220 here I am\r\n';
const NAME = 'db.example.com';
/** Port → what the Service says of it, and where the application listens. */
const PORTS = [
  { name: 'http-web', port: 80, targetPort: 8080 },
  // Nothing is said of these two: they are whatever their first bytes are.
  { name: 'mail', port: 25, targetPort: 2525 },
  { name: 'database', port: 443, targetPort: 8443 },
];
const SERVICE: Service = {
  metadata: { name: 'all', namespace: 'shop' },
  spec: { clusterIP: ADDRESS, selector: { app: 'server' }, ports: PORTS },
};
const SLICE: EndpointSlice = {
  metadata: { name: 'all', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'all' } },
  addressType: 'IPv4',
  ports: PORTS.map(({ name, targetPort }) => ({ name, protocol: 'TCP', port: targetPort })),
  endpoints: [{ addresses: [SERVER], targetRef: { kind: 'Pod', name: 'server', namespace: 'shop' } }],
};
const POD: Pod = {
  metadata: { name: 'server', namespace: 'shop', uid: 'u', labels: { app: 'server', 'weft.dev/proxy': 'injected' } },
  spec: { serviceAccountName: 'server', containers: [{ name: 'server' }] },
  status: { phase: 'Running' },
};

let lab: MeshLab;
let client: MeshPod;
let server: MeshPod;
let own: SelfSigned;
let database: ReturnType<typeof spawn>;

beforeAll(async () => {
  lab = await MeshLab.start();
  const input = {
    ...{ services: [SERVICE], endpointSlices: [SLICE], pods: [POD], meshServices: [], trafficSplits: [] },
    ...{ httpRoutes: [], referenceGrants: [], trustDomain: 'cluster.local' },
  };
  const { services, endpoints } = compileMesh(input);
  for (const [key, body] of endpoints) lab.set('endpoints', key, body);
  for (const [key, body] of services) lab.set('service', key, body);
  const [a, b] = lab.cable([[CLIENT], [SERVER]]);
  client = await lab.addPod('client', a, [CLIENT], { tlsMode: 'Permissive', inbound: [], probePorts: [] });
  const mesh = translatePodMesh(POD, { index: indexMesh(input), services: input.services, proxyUid: PROXY_UID });
  server = await lab.addPod('server', b, [SERVER], mesh ?? { tlsMode: 'Permissive', inbound: [], probePorts: [] });
  await server.application.serve(8080, 'web');
  await server.application.greet(2525, GREETING);
  own = new SelfSigned(NAME, 'database');
  const files = ['-cert', own.certificateFile, '-key', own.keyFile];
  database = spawn('nsenter', [`--net=${b}`, 'openssl', 's_server', '-accept', '8443', '-www', ...files], {
    stdio: 'ignore',
  });
}, 60_000);
afterAll(async () => {
  if (database.exitCode === null && database.kill()) await once(database, 'exit');
  own.delete();
  await lab.close();
}, 30_000);

/** Whether the caller's proxy has sent to that port by mutual TLS until now. */
const handshakes = (port: number) => statOf(client, `cluster.shop/all_${port}.ssl.handshake`);

test('a server that speaks first is heard, by mutual TLS', async () => {
  expect(await client.application.dial(ADDRESS, 25)).toBe(GREETING);
  expect(await handshakes(25)).toBeGreaterThan(0);
});

test('and by a caller outside of the mesh, who waits for it', async () => {
  expect(await client.outsider.dial(SERVER, 2525)).toBe(GREETING);
});

test('a WebSocket is opened through both proxies', async () => {
  const lines = ['GET /chat HTTP/1.1', `host: ${ADDRESS}`, 'connection: Upgrade', 'upgrade: websocket'];
  const keys = ['sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==', 'sec-websocket-version: 13'];
  const said = `${[...lines, ...keys].join('\r\n')}\r\n\r\n`;
  expect(await client.application.dial(ADDRESS, 80, said)).toMatch(/^HTTP\/1\.1 101 /);
  expect(await handshakes(80)).toBeGreaterThan(0);
});

test("the application's own TLS passes through as it is, within the mesh's", async () => {
  const as = ['setpriv', '--reuid=1000', '--clear-groups'];
  const ask = ['curl', '-sk', '--max-time', '5', '--resolve', `${NAME}:443:${ADDRESS}`, '-v', '--stderr', '-'];
  const { stdout } = await run('nsenter', [`--net=${client.netns}`, ...as, ...ask, `https://${NAME}/`]);
  expect(stdout).toContain('subject: O=database');
  expect(await handshakes(443)).toBeGreaterThan(0);
});
