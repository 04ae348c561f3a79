import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Gateway } from '../../src/api/gateway.ts';
import type { EndpointSlice, HTTPRoute, Pod, Service } from '../../src/api/kubernetes.ts';
import { meansGateway } from '../../src/model/mesh/gateway/attachment.ts';
import { translateGateway } from '../../src/model/mesh/gateway/translate-gateway.ts';
import { compileMesh } from '../../src/model/mesh/compile-mesh.ts';
import { indexMesh, type MeshInput } from '../../src/model/mesh/mesh-index.ts';
import { SelfSigned } from '../support/self-signed.ts';
import type { HttpEcho } from './http-host.ts';
import { MeshLab, type MeshPod, spiffeIdOf } from './mesh-lab.ts';

const [INSIDE, EDGE] = ['10.9.0.1', '10.9.0.2'] as const;
const [INSIDE6, EDGE6] = ['fd00:9::1', 'fd00:9::2'] as const;
const HTTP = { port: 8080, protocol: 'HTTP', tlsMode: 'Strict' } as const;
const TLS_PORT = 8443;
const MESH = { tlsMode: 'Permissive', inbound: [], probePorts: [] } as const;
const SHOP = 'shop.example.com';
const run = promisify(execFile);

const EDGE_GATEWAY: Gateway = {
  metadata: { name: 'edge', namespace: 'shop', uid: 'g' },
  spec: {
    gatewayClassName: 'weft',
    listeners: [
      { name: 'http', port: 80, protocol: 'HTTP' },
      { name: 'shop', port: 443, protocol: 'HTTPS', hostname: SHOP, tls: { certificateRefs: [{ name: 'shop' }] } },
      {
        name: 'more',
        port: 443,
        protocol: 'HTTPS',
        hostname: '*.example.org',
        tls: { certificateRefs: [{ name: 'more' }] },
      },
      { name: 'raw', port: 443, protocol: 'TLS', tls: { mode: 'Passthrough' } },
    ],
  },
};

function route(name: string, spec: Omit<HTTPRoute['spec'], 'parentRefs'>, sectionName: string, kind = 'HTTPRoute') {
  return {
    kind,
    metadata: { name, namespace: 'shop' },
    spec: { parentRefs: [{ name: 'edge', sectionName }], ...spec },
  };
}

const to = (name: string, port = 80) => [{ name, port }];
const exact = (value: string) => [{ path: { type: 'Exact' as const, value } }];
const ROUTES: readonly HTTPRoute[] = [
  route('plain', { rules: [{ backendRefs: to('web') }] }, 'http'),
  route(
    'named',
    { hostnames: ['named.example.com'], rules: [{ matches: exact('/only'), backendRefs: to('web') }] },
    'http',
  ),
  route('shop', { hostnames: [SHOP], rules: [{ backendRefs: to('web') }] }, 'shop'),
  route(
    'more',
    {
      rules: [
        { matches: exact('/go'), filters: [{ type: 'RequestRedirect', requestRedirect: { hostname: SHOP } }] },
        { backendRefs: to('nobody') },
      ],
    },
    'more',
  ),
  route('db', { hostnames: ['db.example.com'], rules: [{ backendRefs: to('db', 443) }] }, 'raw', 'TLSRoute'),
];

const service = (name: string, port: number, targetPort: number, appProtocol: string): Service => ({
  metadata: { name, namespace: 'shop' },
  spec: {
    clusterIP: '10.96.0.10',
    selector: { app: 'inside' },
    ports: [{ name: 'main', port, targetPort, appProtocol }],
  },
});
const slice = (of: string, port: number): EndpointSlice => ({
  metadata: { name: of, namespace: 'shop', labels: { 'kubernetes.io/service-name': of } },
  addressType: 'IPv4',
  ports: [{ name: 'main', protocol: 'TCP', port }],
  endpoints: [{ addresses: [INSIDE], targetRef: { kind: 'Pod', name: 'inside', namespace: 'shop' } }],
});
const POD: Pod = {
  metadata: {
    name: 'inside',
    namespace: 'shop',
    uid: 'uid-inside',
    labels: { app: 'inside', 'weft.dev/proxy': 'injected' },
  },
  spec: { serviceAccountName: 'inside', containers: [{ name: 'inside' }] },
  status: { phase: 'Running' },
};
const INPUT: MeshInput = {
  services: [service('web', 80, 8080, 'http'), service('db', 443, TLS_PORT, 'tcp'), service('nobody', 80, 9, 'http')],
  endpointSlices: [slice('web', 8080), slice('db', TLS_PORT)],
  ...{
    pods: [POD],
    meshServices: [],
    trafficSplits: [],
    httpRoutes: [],
    referenceGrants: [],
    trustDomain: 'cluster.local',
  },
};

let lab: MeshLab;
/** What answers; callers are there too, past its proxy. */
let inside: MeshPod;
let edge: MeshPod;
const certificates: Record<string, SelfSigned> = {};
let database: ReturnType<typeof spawn>;

function present(name: string, host: string, organisation: string): string {
  certificates[organisation] = new SelfSigned(host, organisation);
  const { certificate, key } = certificates[organisation];
  return lab.set('gatewayCertificate', `shop/${name}`, { chainPem: certificate, keyPem: key });
}

beforeAll(async () => {
  lab = await MeshLab.start();
  const [a, b] = lab.cable([
    [INSIDE, INSIDE6],
    [EDGE, EDGE6],
  ]);
  const { services, endpoints } = compileMesh(INPUT);
  for (const [key, body] of endpoints) lab.set('endpoints', key, body);
  for (const [key, body] of services) lab.set('service', key, body);
  const names = ({ spec }: HTTPRoute, one: HTTPRoute, key: string) =>
    (spec.parentRefs ?? []).some((ref) => meansGateway(one, ref, key));
  const index = {
    ...indexMesh(INPUT),
    gatewayClass: () => undefined,
    namespace: () => undefined,
    routesOfGateway: (key: string) => ROUTES.filter((one) => names(one, one, key)),
    certificate: () => ({ chainPem: '', keyPem: '' }),
  };
  present('shop', SHOP, 'shop');
  present('more', '*.example.org', 'more');
  lab.set('gateway', 'shop/edge', translateGateway(EDGE_GATEWAY, index));
  inside = await lab.addPod('inside', a, [INSIDE], {
    ...MESH,
    inbound: [HTTP, { ...HTTP, port: TLS_PORT, protocol: 'TCP' }],
  });
  await inside.application.serve(8080, 'web');
  // As the pod's sysctls have it.
  await run('nsenter', [`--net=${b}`, 'sh', '-c', 'echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start']);
  edge = await lab.addPod('edge', b, [EDGE, EDGE6], { ...MESH, gateway: 'shop/edge' });
  const own = new SelfSigned('db.example.com', 'database');
  certificates['database'] = own;
  const files = ['-cert', own.certificateFile, '-key', own.keyFile];
  database = spawn('nsenter', [`--net=${a}`, 'openssl', 's_server', '-accept', String(TLS_PORT), '-www', ...files], {
    stdio: 'ignore',
  });
}, 60_000);
afterAll(async () => {
  if (database.exitCode === null && database.kill()) await once(database, 'exit');
  await lab.close();
  for (const each of Object.values(certificates)) each.delete();
}, 30_000);

/** What curl prints, even when it fails. */
async function curl(url: string, ...more: readonly string[]): Promise<string> {
  const resolve = ['80', '443'].flatMap((port) => ['--resolve', `*:${port}:${EDGE}`]);
  // As the proxy's user: past the redirect of the namespace that it is in.
  const as = ['setpriv', '--reuid=1337', '--clear-groups'];
  const command = [`--net=${inside.netns}`, ...as, 'curl', '-sk', '--max-time', '5', ...resolve, ...more, url];
  return (await run('nsenter', command).catch((failed: { stdout: string }) => failed)).stdout;
}

const status = (url: string, ...more: readonly string[]) => curl(url, '-o', '/dev/null', '-w', '%{http_code}', ...more);

async function presented(url: string): Promise<string | undefined> {
  return (await curl(url, '-o', '/dev/null', '-v', '--stderr', '-')).match(/subject: O=(\w+)/)?.[1];
}

async function echo(url: string, ...more: readonly string[]): Promise<HttpEcho> {
  const body = await curl(url, ...more);
  if (!body.startsWith('{')) throw new Error(`${url}: ${body}\n${edge.log}`);
  return JSON.parse(body) as HttpEcho;
}

test('calls go by host and path; what no route is for gets 404, what has no endpoint 503', async () => {
  await lab.until('the edge is open', async () =>
    (await status('http://any.example.com/')) === '200' ? true : undefined,
  );
  expect(await status('http://named.example.com/only')).toBe('200');
  // The routes of less exact hosts come behind.
  expect(await status('http://named.example.com/else')).toBe('200');
  expect(await status(`https://${SHOP}/`)).toBe('200');
  expect(await status('https://a.example.org/')).toBe('503');
  expect(await status(`https://${SHOP}/`, '-H', 'Host: other.example.com')).toBe('404');
  expect(await status(`http://[${EDGE6}]/`)).toBe('200');
});

test('each name has its certificate, and what passes through has that of the backend', async () => {
  expect(await presented(`https://${SHOP}/`)).toBe('shop');
  expect(await presented('https://b.example.org/')).toBe('more');
  expect(await presented('https://db.example.com/')).toBe('database');
  expect(await curl('https://db.example.com/')).toContain('Secure Renegotiation');
  // A name that no listener and no route has.
  expect(await status('https://stranger.example.net/')).toBe('000');
});

test('backends know the Gateway by its identity, and the caller by his address, whatever he says', async () => {
  const { headers } = await echo(
    `https://${SHOP}/`,
    ...[
      '-H',
      'X-Forwarded-Client-Cert: URI=spiffe://cluster.local/ns/shop/sa/admin',
      '-H',
      'X-Envoy-Original-Path: /x',
    ],
    ...['-H', 'X-Forwarded-Proto: http'],
  );
  expect(headers['x-forwarded-client-cert']).toContain(`URI=${spiffeIdOf('edge')}`);
  expect(headers['x-forwarded-client-cert']).not.toContain('admin');
  expect([headers['x-forwarded-for'], headers['x-forwarded-proto']]).toEqual([INSIDE, 'https']);
  expect(headers).not.toHaveProperty('x-envoy-original-path');
});

test('a redirect keeps the scheme and drops the port', async () => {
  expect(await curl('https://c.example.org/go?x=1', '-o', '/dev/null', '-w', '%{http_code} %{redirect_url}')).toBe(
    `302 https://${SHOP}/go?x=1`,
  );
});

test('HTTP/2 is spoken with callers that offer it', async () => {
  expect(await curl(`https://${SHOP}/`, '-o', '/dev/null', '-w', '%{http_version}')).toBe('2');
});

test('a renewed certificate is for new connections, and open ones go on', async () => {
  const url = `https://${SHOP}/`;
  const slow = echo(url, '-H', 'x-answer-after-ms: 1500');
  present('shop', SHOP, 'renewed');
  await lab.until('the new one is presented', async () => ((await presented(url)) === 'renewed' ? true : undefined));
  expect((await slow).server).toBe('web');
});
