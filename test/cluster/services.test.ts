import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { nodeAddress } from '../../lab/cluster/config.ts';
import { startKubeProxy, stopKubeProxy } from '../../lab/cluster/node.ts';
import { run } from '../../lab/setup/shell.ts';
import type { NodeNetwork } from '../../src/api/generated/nodenetwork.ts';
import type { Service } from '../../src/api/kubernetes.ts';
import {
  applyObjects,
  dial,
  eventually,
  execInPod,
  getObject,
  hostReaches,
  httpGet,
  kube,
  namespace,
  pod,
  podsReady,
  reaches,
  runOnNode,
  TEST_CLUSTER,
} from './cluster.ts';

jest.setTimeout(180_000);

const NS = 'svc';
const NODES = ['node-1', 'node-2'] as const;
const NODE_PORT = 30_080;

function service(name: string, spec: object): object {
  const ports = [{ name: 'http', port: 8080 }];
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: NS }, spec: { ports, ...spec } };
}

async function clusterIp(name: string): Promise<string> {
  return (await getObject<Service>('-n', NS, 'service', name)).spec.clusterIP ?? '';
}

/** One try of 2 s from the machine that the nodes are on: a caller from outside the cluster. */
async function outsideReaches(address: string, port: number): Promise<boolean> {
  const { code } = await run('curl', ['-s', '-m', '2', '-o', '/dev/null', `http://${address}:${port}/`], {
    allowFailure: true,
  });
  return code === 0;
}

async function routing(node: string): Promise<string> {
  const { status } = await getObject<NodeNetwork>('nn', node);
  return status?.conditions?.find(({ type }) => type === 'ServicesRouted')?.reason ?? '';
}

beforeAll(async () => {
  await applyObjects(
    namespace(NS),
    pod(`${NS}/one`, { node: 'node-1', labels: { app: 'cart' }, probe: true }),
    pod(`${NS}/client1`, { node: 'node-1' }),
    pod(`${NS}/client2`, { node: 'node-2' }),
    service('cart', { selector: { app: 'cart' } }),
    service('open', { selector: { app: 'cart' }, type: 'NodePort', ports: [{ port: 8080, nodePort: NODE_PORT }] }),
    service('near', {
      selector: { app: 'cart' },
      type: 'NodePort',
      externalTrafficPolicy: 'Local',
      ports: [{ port: 8080, nodePort: NODE_PORT + 1 }],
    }),
    service('nobody', { selector: { app: 'nobody' } }),
  );
  await podsReady(NS);
});

afterAll(() => kube('delete', 'namespace', NS));

test('no kube-proxy runs, and each node says that Weft routes Services', async () => {
  for (const node of NODES) {
    await eventually(`${node} says so`, async () => (await routing(node)) === 'ByWeft');
    const { stdout } = await runOnNode(TEST_CLUSTER, node, ['nft', 'list', 'tables']);
    expect(stdout).toContain('table inet weft_services');
    expect(stdout).not.toContain('kube-proxy');
  }
});

describe('a Service', () => {
  test.each([
    ['on the same node', 'client1'],
    ['on another node', 'client2'],
    ['that is its only endpoint', 'one'],
  ])('is reached from a pod %s, by its address and by its name', async (_, client) => {
    const address = await clusterIp('cart');
    await eventually('by address', () => reaches(`${NS}/${client}`, address));
    const byName = await execInPod(
      TEST_CLUSTER,
      `${NS}/${client}`,
      httpGet(`http://cart.${NS}.svc.cluster.local:8080/`),
    );
    expect(byName.code).toBe(0);
  });

  test.each(NODES)('is reached from %s itself', async (node) => {
    expect(await hostReaches(node, await clusterIp('cart'))).toBe(true);
  });

  test('of type NodePort is reached at each node from outside', async () => {
    for (const node of NODES) {
      const address = nodeAddress(TEST_CLUSTER, node);
      await eventually(`port ${NODE_PORT} of ${node}`, () => outsideReaches(address, NODE_PORT));
    }
  });

  test('with externalTrafficPolicy Local only at the node that has an endpoint', async () => {
    await eventually('node-1 answers', () => outsideReaches(nodeAddress(TEST_CLUSTER, 'node-1'), NODE_PORT + 1));
    expect(await outsideReaches(nodeAddress(TEST_CLUSTER, 'node-2'), NODE_PORT + 1)).toBe(false);
  });

  test('without endpoints is refused at once', async () => {
    const { code, output } = await execInPod(TEST_CLUSTER, `${NS}/client2`, dial(await clusterIp('nobody'), 8080));
    expect(code).not.toBe(0);
    expect(output).toMatch(/refused/);
  });

  test('follows its endpoints', async () => {
    await applyObjects(pod(`${NS}/two`, { node: 'node-2', labels: { app: 'cart' }, probe: true }));
    await podsReady(NS);
    await kube('-n', NS, 'delete', 'pod', 'one', '--wait=true');
    const address = await clusterIp('cart');
    for (const client of ['client1', 'client2']) {
      await eventually(`${client} reaches the new one`, () => reaches(`${NS}/${client}`, address));
    }
    await kube('-n', NS, 'delete', 'pod', 'two', '--wait=true');
    await eventually('nobody is left', async () => {
      const { output } = await execInPod(TEST_CLUSTER, `${NS}/client1`, dial(address, 8080));
      return /refused/.test(output);
    });
  });
});

test('a hostPort leads to its pod from outside and from the node, until the pod is gone', async () => {
  const [address, port] = [nodeAddress(TEST_CLUSTER, 'node-2'), 31_380];
  const { spec, ...rest } = pod(`${NS}/edge`, { node: 'node-2', probe: true }) as { spec: { containers: object[] } };
  const containers = spec.containers.map((of) => ({ ...of, ports: [{ containerPort: 8080, hostPort: port }] }));
  await applyObjects({ ...rest, spec: { ...spec, containers } });
  await podsReady(NS);
  await eventually('it answers outside', () => outsideReaches(address, port));
  expect(await hostReaches('node-2', '127.0.0.1', port)).toBe(true);
  await kube('-n', NS, 'delete', 'pod', 'edge', '--wait=true');
  await eventually('nobody answers', async () => !(await outsideReaches(address, port)));
});

test('a service table that somebody deletes is back within seconds', async () => {
  await runOnNode(TEST_CLUSTER, 'node-2', ['nft', 'delete', 'table', 'inet', 'weft_services']);
  const api = (await getObject<Service>('service', 'kubernetes')).spec.clusterIP ?? '';
  await eventually('the API server is reached', async () => {
    const { code } = await execInPod(TEST_CLUSTER, `${NS}/client2`, dial(api, 443));
    return code === 0;
  });
});

test('kube-proxy beside Weft is told of, and no harm', async () => {
  startKubeProxy(TEST_CLUSTER, 'node-2');
  try {
    await eventually('node-2 says so', async () => (await routing('node-2')) === 'Contested');
    const api = (await getObject<Service>('service', 'kubernetes')).spec.clusterIP ?? '';
    expect((await execInPod(TEST_CLUSTER, `${NS}/client2`, dial(api, 443))).code).toBe(0);
  } finally {
    await stopKubeProxy(TEST_CLUSTER, 'node-2');
  }
  await eventually('node-2 is its own again', async () => (await routing('node-2')) === 'ByWeft');
});
