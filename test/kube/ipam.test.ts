import type { DeniedFlow } from '../../src/model/policy/denied-flow.ts';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { kubeconfigOf } from '../../lab/cluster/config.ts';
import { ROOT } from '../../lab/setup/paths.ts';
import { run } from '../../lab/setup/shell.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { ProxyStates } from '../../src/controllers/mesh/proxies.ts';
import { runIpam } from '../../src/controllers/ipam/run.ts';
import { collectionPath, type Kind, KINDS, objectPath } from '../../src/kube/kinds.ts';
import { Reflector } from '../../src/kube/reflector.ts';
import { Store } from '../../src/kube/store.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { DeadLease, NodeInspection } from '../../src/model/ipam/inspection.ts';
import { blockName } from '../../src/model/node/names.ts';
import { silentLog } from '../kube-room/fake-clock.ts';
import { inspection, lease } from '../model/ipam/address-world.ts';
import { connect, create, KUBE_CLUSTER, kube, makeNamespace, waitUntil } from './cluster.ts';

jest.setTimeout(60_000);

const NAMESPACE = 'ipam';
const api = connect();
const stop = new AbortController();
const running: Promise<void>[] = [];
/** What agents would say. */
const inspections = new Map<string, NodeInspection>();
const denied = new Map<string, readonly DeniedFlow[]>();
const repairs: [string, readonly DeadLease[]][] = [];
/** What nodes are told of, and what proxies make of it. */
const TOLD = [{ kind: 'endpoints', key: 'shop/web:80' }];
const proxies = new ProxyStates();
const uids = { node: '', pool: '', pod: '' };

function follow<T extends KubeObject>(kind: Kind<T>): Store<T> {
  const store = new Store<T>();
  const common = { api, clock: systemClock, random: () => 0.5, log: silentLog };
  running.push(new Reflector({ ...common, kind, store }).run(stop.signal));
  return store;
}

/** The command as people run it. */
async function weft(...args: string[]): Promise<{ readonly text: string; readonly code: number }> {
  return command('ipam', ...args);
}

async function command(...args: string[]): Promise<{ readonly text: string; readonly code: number }> {
  const command = [path.join(ROOT, 'src/cmd/weft.ts'), ...args, '-n', NAMESPACE];
  const env = { ...process.env, KUBECONFIG: kubeconfigOf(KUBE_CLUSTER) };
  const { code, stdout, stderr } = await run(process.execPath, command, { allowFailure: true, env });
  return { text: stdout + stderr, code };
}

beforeAll(async () => {
  await makeNamespace(api, NAMESPACE);
  await waitUntil('pods may be made there', async () =>
    (await kube('-n', NAMESPACE, 'get', 'serviceaccounts', '-o', 'name')).includes('default'),
  );
  const stores = {
    pools: follow(KINDS.ipPool),
    blocks: follow(KINDS.ipBlock),
    nodes: follow(KINDS.node),
    pods: follow(KINDS.pod),
  };
  running.push(
    runIpam(
      {
        ...{ api, namespace: NAMESPACE, clock: systemClock, log: silentLog, ...stores },
        inspect: async (node) => inspections.get(node) ?? Promise.reject(new Error(`node ${node} is not connected`)),
        repair: async (node, leases) => {
          repairs.push([node, leases]);
          inspections.set(node, inspection(['10.90.0.0/26']));
          return { done: leases.map(({ podUid }) => `released that of ${podUid}`), refused: [] };
        },
        deniedFlows: async (node) => denied.get(node) ?? Promise.reject(new Error(`node ${node} is not connected`)),
        recount: () => undefined,
        table: { resourcesOf: () => TOLD, version: () => 'new' },
        ...{ proxies, namespaces: follow(KINDS.namespace) },
        isConnected: () => true,
        proxyView: async (node, { podUid, part, filter }) => {
          if (part === 'stats') throw new Error('the proxy does not answer');
          return gzipSync(JSON.stringify({ node, podUid, part, filter }));
        },
        quarantinedMs: () => new Map(),
      },
      stop.signal,
    ),
  );
});

beforeEach(async () => {
  repairs.length = 0;
  uids.node = (await create(api, KINDS.node, { metadata: { name: 'looked-at' } })).metadata.uid ?? '';
  const poolOf = { apiVersion: KINDS.ipPool.apiVersion, kind: 'IPPool', metadata: { name: 'looked-at' } };
  uids.pool = (await create(api, KINDS.ipPool, { ...poolOf, spec: { cidr: '10.90.0.0/24' } })).metadata.uid ?? '';
  await makeBlock('10.90.0.0/26', uids.node);
  const spec = { nodeName: 'looked-at', containers: [{ name: 'main', image: 'none' }] };
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', namespace: NAMESPACE }, spec };
  uids.pod = (await create(api, KINDS.pod, pod)).metadata.uid ?? '';
  inspections.set('looked-at', inspection(['10.90.0.0/26'], { attachments: [ownLease()] }));
});

afterEach(async () => {
  const pod = objectPath(KINDS.pod, { namespace: NAMESPACE, name: 'web' });
  await api.request('DELETE', pod, { body: { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 0 } });
  for (const kind of [KINDS.ipBlock, KINDS.ipPool, KINDS.node]) {
    await api.request('DELETE', collectionPath(kind as Kind<KubeObject>));
  }
  await waitUntil('nothing is left', async () => (await kube('get', 'ipp,ipb,nodes', '-o', 'name')) === '');
});

afterAll(async () => {
  stop.abort();
  await Promise.all(running);
  await kube('delete', 'namespace', NAMESPACE, '--wait=false');
  await api.close();
});

function ownLease() {
  return lease('web', ['10.90.0.7'], { podUid: uids.pod });
}

function makeBlock(cidr: string, nodeUid: string) {
  const spec = { cidr, poolName: 'looked-at', poolUid: uids.pool, nodeName: 'looked-at', nodeUid };
  const { apiVersion, kind } = KINDS.ipBlock;
  return create(api, KINDS.ipBlock, { apiVersion, kind, metadata: { name: blockName(cidr) }, spec });
}

test('show tells of pools and blocks, and of one address who has it', async () => {
  const [all, one] = await Promise.all([weft('show'), weft('show', '10.90.0.7', '-o', 'json')]);
  expect(all).toMatchObject({
    code: 0,
    text: expect.stringMatching(/looked-at +10\.90\.0\.0\/26 +looked-at +1 +0 +62/),
  });
  const { address } = JSON.parse(one.text) as { address: object };
  expect(address).toMatchObject({
    ...{ state: 'held', node: 'looked-at', pool: 'looked-at' },
    holders: [expect.stringContaining(`pod ${NAMESPACE}/web`)],
  });
});

test('flows tells what nodes denied, with the pods that have the addresses, and which node was not asked', async () => {
  await create(api, KINDS.node, { metadata: { name: 'away' } });
  const flow: DeniedFlow = {
    ...{ verdict: 'deny', direction: 'ingress', policy: 'NetworkPolicy shop/db', protocol: 'TCP', port: 5432 },
    ...{ source: '10.90.0.7', destination: '203.0.113.9', packets: 3 },
    ...{ first: '2026-01-01T00:00:00.000Z', last: '2026-01-01T00:00:05.000Z' },
  };
  denied.set('looked-at', [flow]);
  await api.request('PATCH', objectPath(KINDS.pod, { namespace: NAMESPACE, name: 'web' }, 'status'), {
    contentType: 'application/merge-patch+json',
    body: { status: { phase: 'Running', podIP: '10.90.0.7', podIPs: [{ ip: '10.90.0.7' }] } },
  });
  await waitUntil('the address is known', async () => {
    const { text } = await command('flows', '--pod', `${NAMESPACE}/web`);
    const row = new RegExp(
      `^2026-01-01 00:00:05 +${NAMESPACE}/web +203.0.113.9 +TCP/5432 +3 +dropped +NetworkPolicy shop/db \\(to\\) +looked-at$`,
      'm',
    );
    return row.test(text) && text.includes('Not asked: away: node away is not connected');
  });
  const one = await command('flows', '--node', 'looked-at', '-o', 'json');
  expect(JSON.parse(one.text)).toMatchObject({ flows: [{ ...flow, node: 'looked-at' }], problems: [] });
  expect(await command('flows', '--node', 'nowhere')).toMatchObject({
    code: 1,
    text: expect.stringContaining("there is no node 'nowhere'"),
  });
});

test('proxy status tells what proxies lag behind in and refuse, and proxy config what one has', async () => {
  const path = objectPath(KINDS.pod, { namespace: NAMESPACE, name: 'web' });
  const labels = { 'weft.dev/proxy': 'injected' };
  const patch = { contentType: 'application/merge-patch+json' } as const;
  await api.request('PATCH', path, { ...patch, body: { metadata: { labels } } });
  await api.request('PATCH', objectPath(KINDS.pod, { namespace: NAMESPACE, name: 'web' }, 'status'), {
    ...{ ...patch, body: { status: { phase: 'Running' } } },
  });
  const say = (kind: string, key: string, accepted: boolean, message = '') => {
    const resources = [{ kind, key, version: 'new', accepted, message }];
    proxies.report({ podUid: uids.pod, gone: false, resources });
  };
  say('pod', uids.pod, true);
  const row = (state: string) => new RegExp(`^${NAMESPACE}/web +looked-at +${state}$`, 'm');
  await waitUntil('the proxy is seen', async () =>
    row('waits for 1 +1 of 2').test((await command('proxy', 'status')).text),
  );
  say('endpoints', 'shop/web:80', false, 'too large');
  const refused = await command('proxy', 'status', `${NAMESPACE}/web`);
  expect(refused).toMatchObject({ code: 1, text: expect.stringMatching(row('refuses 1 +1 of 2')) });
  expect(refused.text).toContain(`${NAMESPACE}/web refuses endpoints shop/web:80: too large`);
  const older = { namespace: 'default', name: 'older', labels: { 'weft.dev/inject': 'enabled' } };
  await create(api, KINDS.pod, { metadata: older, spec: { containers: [{ name: 'main', image: 'none' }] } });
  await waitUntil('a pod without a proxy is found', async () =>
    (await command('proxy', 'status')).text.includes('default/older should have a proxy and has none'),
  );
  await kube('-n', 'default', 'delete', 'pod', 'older', '--force', '--grace-period=0');
  say('endpoints', 'shop/web:80', true);
  expect(await command('proxy', 'status')).toMatchObject({
    code: 0,
    text: expect.stringMatching(row('in step +2 of 2')),
  });

  const view = await command('proxy', 'config', `${NAMESPACE}/web`, 'routes', '--filter', 'shop/');
  expect(JSON.parse(view.text)).toEqual({ node: 'looked-at', podUid: uids.pod, part: 'routes', filter: 'shop/' });
  const none = await Promise.all([
    command('proxy', 'config', `${NAMESPACE}/web`, 'stats'),
    command('proxy', 'config', `${NAMESPACE}/web`, 'secrets'),
    command('proxy', 'config', `${NAMESPACE}/none`),
  ]);
  expect(none.map(({ code }) => code)).toEqual([1, 1, 1]);
  expect(none[0]?.text).toContain('the proxy does not answer');
  expect(none[1]?.text).toContain("'secrets' is no part of a proxy; there are listeners, routes");
  expect(none[2]?.text).toContain(`there is no running pod '${NAMESPACE}/none' with a proxy`);
});

test('check finds nothing where API and nodes agree', async () => {
  expect(await weft('check')).toEqual({ code: 0, text: 'no problems: API objects, leases and kernels agree\n' });
});

test('check finds a leak, a block in quarantine and a node that is away; --fix asks the node for the leak alone', async () => {
  await create(api, KINDS.node, { metadata: { name: 'away' } });
  await makeBlock('10.90.0.64/26', 'uid-of-before');
  const leaked = lease('gone', ['10.90.0.9'], { isAlive: false });
  inspections.set('looked-at', inspection(['10.90.0.0/26'], { attachments: [ownLease(), leaked] }));
  const found = await weft('check');
  expect(found.code).toBe(1);
  expect(found.text).toMatch(
    /^problem +LeakedLease +looked-at +10\.90\.0\.9 +held by pod uid uid-gone, which is gone/m,
  );
  expect(found.text).toMatch(/^problem +NodeNotAsked +away .*node away is not connected/m);
  expect(found.text).toMatch(/^note +Quarantined +looked-at +10\.90\.0\.64\/26/m);
  expect(repairs).toEqual([]);

  const fixed = await weft('check', '--fix');
  const { containerId, ifname, podUid } = leaked;
  expect(repairs).toEqual([['looked-at', [{ containerId, ifname, podUid }]]]);
  expect(fixed.text).toContain('Put right:\n  looked-at: released that of uid-gone');
  expect(fixed.text).not.toContain('LeakedLease');
  expect(fixed.code).toBe(1);
});

test('people who ask at once all have their answer, and leave nothing behind', async () => {
  const asked = await Promise.all(['10.90.0.1', '10.90.0.2', '10.90.0.7', 'ten'].map((one) => weft('show', one)));
  expect(asked.map(({ text }) => text.split('\n')[0])).toEqual([
    'address   10.90.0.1',
    'address   10.90.0.2',
    'address   10.90.0.7',
    "refused: 'ten' must be an IP address, such as 10.244.7.7",
  ]);
  const left = (name: string, field: string) =>
    kube('-n', NAMESPACE, 'get', 'configmap', name, '-o', `jsonpath={.data.${field}}`);
  expect([await left('weft-ipam', 'questions'), await left('weft-ipam-answers', 'answers')]).toEqual(['[]', '[]']);
});
