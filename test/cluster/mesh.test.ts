import path from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { installWeft, waitForRollout, WEFT_NAMESPACE } from '../../lab/cluster/install.ts';
import type { NetworkPolicy } from '../../src/api/generated/networkpolicy.ts';
import type { TrafficSplit } from '../../src/api/generated/trafficsplit.ts';
import { ROOT } from '../../lab/setup/paths.ts';
import { applyObjects, eventually, execInPod, getObject, httpGet, kube, TEST_CLUSTER, weft } from './cluster.ts';

jest.setTimeout(300_000);

const EXAMPLES = path.join(ROOT, 'examples');
const NS = 'shop';

interface Answer {
  readonly version: string;
  readonly clientCertificate: string;
}

beforeAll(async () => {
  for (const file of ['shop.yaml', 'mesh.yaml']) await kube('apply', '-f', path.join(EXAMPLES, file));
  for (const name of ['web-v1', 'web-v2', 'client']) await waitForRollout(TEST_CLUSTER, NS, `deployment/${name}`);
  await waitForRollout(TEST_CLUSTER, 'plain', 'deployment/client');
  await programmed('meshservice', 'web');
  await programmed('tsplit', 'web');
});

afterAll(async () => {
  await installWeft(TEST_CLUSTER);
  await kube('delete', 'namespace', NS, 'plain');
});

async function clientOf(namespace: string): Promise<string> {
  const name = await kube(
    '-n',
    namespace,
    'get',
    'pod',
    '-l',
    'app=client',
    '-o',
    'jsonpath={.items[0].metadata.name}',
  );
  return `${namespace}/${name}`;
}

async function call(namespace: string, url = 'http://web.shop/'): Promise<Answer | undefined> {
  const { code, stdout } = await execInPod(TEST_CLUSTER, await clientOf(namespace), httpGet(url), 'client');
  return code === 0 ? (JSON.parse(stdout) as Answer) : undefined;
}

/** What `weft explain` says of the same call. */
async function explained(namespace: string): Promise<object> {
  return weft('explain', await clientOf(namespace), `${NS}/web:80`, '--http', 'GET /', '-o', 'json');
}

/** How many of `count` calls each version answered; `error` those without a 200. */
async function load(count: number, ...more: string[]): Promise<Record<string, number>> {
  const command = ['/bin/echo-app', 'load', '-url', 'http://web.shop/', '-n', String(count), ...more];
  const { output } = await execInPod(TEST_CLUSTER, await clientOf(NS), command, 'client');
  const counts = output.split('\n').find((line) => line.startsWith('{')) ?? output;
  return JSON.parse(counts) as Record<string, number>;
}

async function programmed(kind: string, name: string): Promise<void> {
  await eventually(`${kind} ${name} is programmed`, async () => {
    const object = await getObject<{
      metadata: { generation: number };
      status?: { conditions?: { type: string; status: string; observedGeneration: number }[] };
    }>('-n', NS, kind, name);
    const condition = object.status?.conditions?.find(({ type }) => type === 'Programmed');
    return condition?.status === 'True' && condition.observedGeneration === object.metadata.generation;
  });
}

async function setWeights(v1: number, v2: number): Promise<void> {
  const backends = [
    { subset: 'v1', weight: v1 },
    { subset: 'v2', weight: v2 },
  ];
  const patch = JSON.stringify([{ op: 'replace', path: '/spec/rules/1/backends', value: backends }]);
  await kube('-n', NS, 'patch', 'tsplit', 'web', '--type=json', '-p', patch);
}

async function setTlsMode(mode: 'Strict' | 'Permissive'): Promise<void> {
  await kube(
    '-n',
    NS,
    'patch',
    'meshservice',
    'web',
    '--type=merge',
    '-p',
    JSON.stringify({ spec: { tls: { mode } } }),
  );
}

describe('injection', () => {
  test('puts the proxy first, as a native sidecar without privilege, and the pod runs with its probes', async () => {
    const pods = await getObject<{
      items: { spec: { initContainers: { name: string; restartPolicy: string; securityContext: object }[] } }[];
    }>('-n', NS, 'pods', '-l', 'app=web');
    for (const { spec } of pods.items) {
      expect(spec.initContainers).toHaveLength(1);
      expect(spec.initContainers[0]).toMatchObject({
        name: 'weft-proxy',
        restartPolicy: 'Always',
        securityContext: { capabilities: { drop: ['ALL'] }, allowPrivilegeEscalation: false, runAsNonRoot: true },
      });
    }
  });
});

describe('a call in the mesh', () => {
  test('is judged by policies about requests, whoever calls, and their status waits for the proxies', async () => {
    await applyObjects({
      apiVersion: 'weft.dev/v1alpha1',
      kind: 'NetworkPolicy',
      metadata: { name: 'readers', namespace: NS },
      spec: {
        podSelector: { matchLabels: { app: 'web' } },
        ingress: [{ action: 'Allow', http: [{ methods: ['GET'], paths: [{ prefix: '/open' }] }] }],
      },
    });
    await programmed('wnp', 'readers');
    const { status } = await getObject<NetworkPolicy>('-n', NS, 'wnp', 'readers');
    expect(status?.conditions?.find(({ type }) => type === 'RequestsJudged')).toMatchObject({ status: 'True' });
    for (const namespace of [NS, 'plain']) {
      expect(await call(namespace, 'http://web.shop/open/door')).toBeDefined();
      expect(await call(namespace)).toBeUndefined();
    }
    await kube('-n', NS, 'delete', 'wnp', 'readers');
    await eventually('all requests pass', async () => (await call('plain')) !== undefined);
  });

  test('is mutual TLS: the server sees the identity of its caller', async () => {
    const answer = await call(NS);
    expect(answer?.clientCertificate).toContain('URI=spiffe://cluster.local/ns/shop/sa/client');
    expect(answer?.clientCertificate).toContain('By=spiffe://cluster.local/ns/shop/sa/web');
  });

  test('reaches what is not in the cluster by a name of its own, and says of a name that nobody answers for that it is not found', async () => {
    const address = await kube('-n', NS, 'get', 'pod', '-l', 'version=v1', '-o', 'jsonpath={.items[0].status.podIP}');
    const service = (name: string, spec: object) => {
      const metadata = { name, namespace: NS };
      return { apiVersion: 'weft.dev/v1alpha1', kind: 'MeshService', metadata, spec };
    };
    const ports = [{ port: 80, targetPort: 8080, protocol: 'HTTP' }];
    await applyObjects(
      service('catalog', { source: { static: { endpoints: [{ address }] } }, hosts: ['catalog.example.test'], ports }),
      service('lost', { source: { dns: { name: 'nobody.invalid' } }, hosts: ['lost.example.test'], ports }),
    );
    await programmed('meshservice', 'catalog');
    await eventually('the name leads there', async () => {
      const answer = await call(NS, 'http://catalog.example.test/');
      return answer?.version === 'v1';
    });
    await eventually('the other is told to be lost', async () => {
      const { status } = await getObject<{ status?: { conditions?: { type: string; reason: string }[] } }>(
        ...['-n', NS, 'meshservice', 'lost'],
      );
      return status?.conditions?.some(({ reason }) => reason === 'SourceUnreachable') === true;
    });
    await kube('-n', NS, 'delete', 'meshservice', 'catalog', 'lost');
  });

  test('Permissive also lets in callers without a proxy; Strict refuses them, and probes keep working', async () => {
    expect((await call('plain'))?.clientCertificate).toBe('');
    await setTlsMode('Strict');
    await programmed('meshservice', 'web');
    await eventually('plain calls are refused', async () => (await call('plain')) === undefined);
    expect(await explained('plain')).toMatchObject({ verdict: 'deny', result: expect.stringContaining('Strict') });
    expect(await call(NS)).toBeDefined();
    await new Promise((resolve) => setTimeout(resolve, 5_000)); // longer than the readiness probe takes to fail
    await waitForRollout(TEST_CLUSTER, NS, 'deployment/web-v1', 5);
    await setTlsMode('Permissive');
    await eventually('plain calls are answered again', async () => (await call('plain')) !== undefined);
  });
});

describe('a TrafficSplit', () => {
  test('sends each subset its share: within 4 standard deviations over 10,000 calls', async () => {
    await setWeights(90, 10);
    await programmed('tsplit', 'web');
    const { v1 = 0, v2 = 0, error = 0 } = await load(10_000, '-c', '8');
    expect(error).toBe(0);
    expect(v1 + v2).toBe(10_000);
    expect(Math.abs(v2 - 1000)).toBeLessThanOrEqual(4 * Math.sqrt(10_000 * 0.1 * 0.9));
    const endpoint = { calledBy: 'mutual TLS', identity: '/ns/shop/sa/web' };
    expect(await explained(NS)).toMatchObject({
      verdict: 'allow',
      caller: { identity: '/ns/shop/sa/client' },
      rules: [{ outcome: 'no match' }, { origin: 'TrafficSplit shop/web', path: 'spec.rules[1]', outcome: 'decides' }],
      routes: [
        {
          backends: [
            { percent: 90, endpoints: [endpoint, endpoint] },
            { percent: 10, endpoints: [endpoint, endpoint] },
          ],
        },
      ],
      conditions: [],
    });
  });

  test('says how calls were divided, as the proxies have counted them', async () => {
    // All calls of the last two minutes were by these weights.
    await eventually(
      'the status has the shares',
      async () => {
        const { status } = await getObject<TrafficSplit>('-n', NS, 'tsplit', 'web');
        const share = status?.backends?.find(({ subset }) => subset === 'v1')?.percent ?? 0;
        return share >= 87 && share <= 93;
      },
      60_000,
    );
  });

  test('loses no request while its weights change, and is programmed only when all proxies have them', async () => {
    const running = load(0, '-for', '8s', '-pause', '2ms');
    for (const weights of [0, 100, 50, 30]) {
      await setWeights(100 - weights, weights);
      await programmed('tsplit', 'web');
    }
    const counts = await running;
    expect(counts['error'] ?? 0).toBe(0);
    expect(counts['v2'] ?? 0).toBeGreaterThan(0);
    await setWeights(0, 100);
    await programmed('tsplit', 'web');
    expect(await load(200)).toEqual({ v2: 200 });
  });

  test('that names what is not there says so, and traffic goes on', async () => {
    await setWeights(100, 0);
    const patch = JSON.stringify([
      { op: 'add', path: '/spec/rules/1/backends/-', value: { service: 'nowhere', weight: 0 } },
    ]);
    await kube('-n', NS, 'patch', 'tsplit', 'web', '--type=json', '-p', patch);
    await eventually('ResolvedRefs is False', async () => {
      const { status } = await getObject<{
        status: { conditions: { type: string; status: string; message: string }[] };
      }>(...['-n', NS, 'tsplit', 'web']);
      const condition = status.conditions.find(({ type }) => type === 'ResolvedRefs');
      return condition?.status === 'False' && condition.message.includes('spec.rules[1].backends[2].service');
    });
    expect(await load(100)).toEqual({ v1: 100 });
    await setWeights(90, 10);
  });
});

describe('without operators', () => {
  test('the mesh goes on, also over a restart of the agents', async () => {
    await kube('-n', WEFT_NAMESPACE, 'scale', 'deployment/weft-operator', '--replicas=0');
    await kube('-n', WEFT_NAMESPACE, 'wait', 'pod', '-l', 'app=weft-operator', '--for=delete', '--timeout=60s');
    const running = load(0, '-for', '15s', '-pause', '5ms');
    await kube('-n', WEFT_NAMESPACE, 'delete', 'pod', '-l', 'app=weft-agent', '--force', '--grace-period=0');
    await waitForRollout(TEST_CLUSTER, WEFT_NAMESPACE, 'daemonset/weft-agent');
    const counts = await running;
    expect(counts['error'] ?? 0).toBe(0);
    expect(counts['v1'] ?? 0).toBeGreaterThan(100);
    await kube('-n', WEFT_NAMESPACE, 'scale', 'deployment/weft-operator', '--replicas=2');
    await waitForRollout(TEST_CLUSTER, WEFT_NAMESPACE, 'deployment/weft-operator');
    await setWeights(0, 100);
    await programmed('tsplit', 'web');
    expect(await load(100)).toEqual({ v2: 100 });
  });
});

describe('a pod that cannot have the proxy', () => {
  test('is refused with the field to change', async () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'same-uid', namespace: NS },
      spec: { containers: [{ name: 'main', image: 'x', securityContext: { runAsUser: 1337 } }] },
    };
    await expect(applyObjects(pod)).rejects.toThrow(/spec\.containers\[0\]\.securityContext\.runAsUser/);
  });
});
