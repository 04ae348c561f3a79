import { execFile } from 'node:child_process';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ChainIr, PodIr, RuleIr } from '../../src/model/node/ir.ts';
import { MeshLab, type MeshPod, PROXY_UID, statOf } from './mesh-lab.ts';

/** Both in the client's namespace. */
const [FRIEND, STRANGER] = ['10.9.0.1', '10.9.0.3'] as const;
const SERVER = '10.9.0.2';
const MESH = { tlsMode: 'Permissive', inbound: [], probePorts: [] } as const;

let lab: MeshLab;
let client: MeshPod;
let server: MeshPod;
let pod: PodIr;

const rule = (action: 'allow' | 'deny', more: Partial<RuleIr>): RuleIr => ({
  ...{ action, peers: 'any', origin: 'NetworkPolicy shop/web' },
  ports: [{ protocol: 'TCP', from: 0, to: 65_535 }],
  ...more,
});
const WEB: ChainIr = {
  rules: [
    rule('deny', { http: [{ paths: [{ type: 'Prefix', value: '/admin' }] }] }),
    rule('allow', { peers: ['friends'], http: [{ methods: ['GET'], paths: [{ type: 'Prefix', value: '/public' }] }] }),
    rule('allow', { http: [{ methods: ['POST'], headers: [{ name: 'x-team', value: 'blue' }, { name: 'x-any' }] }] }),
    rule('allow', { http: [{ paths: [{ type: 'Exact', value: '/health' }] }] }),
  ],
  otherwise: 'deny',
};

beforeAll(async () => {
  lab = await MeshLab.start();
  const [a, b] = lab.cable([[FRIEND, STRANGER], [SERVER]]);
  client = await lab.addPod('client', a, [FRIEND], MESH);
  server = await lab.addPod('server', b, [SERVER], {
    ...MESH,
    inbound: [{ port: 8080, protocol: 'HTTP', tlsMode: 'Permissive' }],
  });
  await server.application.serve(8080, 'web');
  const known = lab.store.get('pod', server.uid);
  if (known === undefined) throw new Error('the server is not known');
  pod = { ...known, ingressChain: 'web' };
}, 60_000);
afterAll(() => lab.close(), 30_000);

/** Until the server's proxy has taken the pod as it is now. */
async function accepted(version: string): Promise<void> {
  expect(await lab.answerOf(server.uid, 'pod', server.uid, version)).toMatchObject({ accepted: true });
}

/** The status of a request of a client that changes nothing of it; 0: the connection was cut. As the proxy's user it has none. */
function ask(from: string, wish: string, scheme = 'http'): Promise<number> {
  const [method = '', target = '', ...headers] = wish.split(' ');
  const args = ['curl', '-sk', '-o', '/dev/null', '-w', '%{http_code}', '--path-as-is', '--max-time', '5'];
  const as = ['netns', 'exec', path.basename(client.netns), 'setpriv', `--reuid=${PROXY_UID}`, '--clear-groups'];
  const more = headers.flatMap((header) => ['-H', header.replace('=', ': ')]);
  const url = `${scheme}://${SERVER}:8080${target}`;
  return new Promise((resolve) => {
    execFile('ip', [...as, ...args, '--interface', from, '-X', method, ...more, url], (_, stdout) =>
      resolve(Number(stdout)),
    );
  });
}

const stat = (name: string) => statOf(server, name);

/** Ports that the kernel may let callers in on for the sake of rules about requests. */
function judgedPorts(): readonly number[] {
  const { uid: podUid, netns, addresses } = server;
  return lab.proxies.judgedPorts({
    ...{ podUid, netns, addresses },
    ...{ hostInterface: '', containerId: 'server', ifname: 'eth0' },
  });
}

test('without a policy every request passes', async () => {
  expect(await ask(STRANGER, 'DELETE /admin')).toBe(200);
});

describe('a policy about requests', () => {
  beforeAll(async () => {
    lab.set('addressSet', 'friends', { type: 'ip', members: [FRIEND] });
    lab.set('chain', 'web', WEB);
    const told: (readonly number[])[] = [];
    const stop = lab.proxies.judges(() => told.push(judgedPorts()));
    const version = lab.set('pod', server.uid, pod);
    expect(judgedPorts()).toEqual([]);
    await accepted(version);
    await lab.until('the proxy judges', () => (judgedPorts().length === 0 ? undefined : true));
    expect(told).toEqual([[8080]]);
    stop();
  });

  test.each([
    [FRIEND, 'GET /public', 200],
    [FRIEND, 'GET /public/a/b?c=//d', 200],
    [STRANGER, 'GET /public', 403],
    [FRIEND, 'PUT /public', 403],
    [FRIEND, 'GET /publicly', 403],
    [FRIEND, 'GET /', 403],
    [STRANGER, 'POST /orders x-team=blue x-any=1', 200],
    [STRANGER, 'POST /orders x-team=blue', 403],
    [STRANGER, 'POST /orders x-team=red x-any=1', 403],
    [STRANGER, 'POST /admin/users x-team=blue x-any=1', 403],
    [STRANGER, 'GET /health', 200],
    [STRANGER, 'GET /health/deep', 403],
  ])('answers %s %s with %i', async (from, wish, status) => {
    expect(await ask(from, wish)).toBe(status);
  });

  test.each([
    'GET /public/../secret',
    'GET /public/%2e%2e/secret',
    'GET /public/..%2fsecret',
    'GET /public%2f..%2fsecret',
    'GET /public/..;/secret',
    'GET /public/%5c../secret',
    'GET //public',
    'GET /PUBLIC',
    'GET /public%00',
    'GET /secret#/public',
    'GET /secret?/public',
    'POST /ADMIN x-team=blue x-any=1',
    'POST //admin x-team=blue x-any=1',
    'POST /x/../admin x-team=blue x-any=1',
    'POST /%61dmin x-team=blue x-any=1',
    'POST /admin;a=b x-team=blue x-any=1',
    'POST /x%2f..%2fadmin x-team=blue x-any=1',
  ])('is not got around by %s', async (wish) => {
    expect([400, 403]).toContain(await ask(FRIEND, wish));
  });

  test('is not got around by TLS that the proxy cannot read', async () => {
    expect(await ask(FRIEND, 'GET /public', 'https')).toBe(0);
  });

  test('follows pods that come and go, and cuts no connection for it', async () => {
    const modified = () => stat('listener_manager.listener_modified');
    const before = await modified();
    lab.set('addressSet', 'friends', { type: 'ip', members: [STRANGER] });
    const swapped = async () => ((await ask(STRANGER, 'GET /public')) === 200 ? true : undefined);
    await lab.until('the stranger is a friend', swapped);
    expect(await ask(FRIEND, 'GET /public')).toBe(403);
    expect(await modified()).toBe(before);
    expect(judgedPorts()).toEqual([8080]);
  });

  test('leaves calls of its own node, and of the pod itself, alone', async () => {
    const node = lab.store.get('node', 'self');
    if (node === undefined) throw new Error('the node is not known');
    lab.set('node', 'self', { ...node, addresses: [STRANGER] });
    const trusted = async () => ((await ask(STRANGER, 'DELETE /admin')) === 200 ? true : undefined);
    await lab.until('the node is known', trusted);
    expect(await ask(FRIEND, 'DELETE /admin')).toBe(403);
    lab.set('node', 'self', node);
  });

  test('goes with the policy', async () => {
    const { ingressChain: _, ...free } = pod;
    await accepted(lab.set('pod', server.uid, free));
    expect(judgedPorts()).toEqual([]);
    expect(await ask(FRIEND, 'DELETE /admin')).toBe(200);
  });
});
