import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { helm, installWeft, WEFT_NAMESPACE, waitForRollout } from '../../lab/cluster/install.ts';
import {
  applyManifests,
  applyObjects,
  eventually,
  kube,
  namespace,
  pod,
  podsReady,
  runOnNode,
  TEST_CLUSTER,
} from './cluster.ts';

jest.setTimeout(300_000);

const NS = 'leaving';
const BGP = {
  apiVersion: 'weft.dev/v1alpha1',
  kind: 'BGPConfiguration',
  metadata: { name: 'default' },
  spec: {},
};

beforeAll(async () => {
  await applyObjects(namespace(NS), pod(`${NS}/a`, { node: 'node-1' }));
  await podsReady(NS);
  await applyObjects(BGP);
  await eventually('BGP runs', async () =>
    (await kube('get', 'nn', 'node-1', '-o', 'yaml')).includes('type: BGPEstablished'),
  );
});

/** The tests that follow find the cluster as they expect it. */
afterAll(async () => {
  await kube('delete', 'bgpconfiguration', 'default');
  await installWeft(TEST_CLUSTER);
  await applyManifests('pool.yaml');
  await kube('delete', 'namespace', NS);
  // Pods that lost the network get a new sandbox by being made anew.
  await kube('-n', 'kube-system', 'delete', 'pod', '--all', '--force', '--grace-period=0');
  await waitForRollout(TEST_CLUSTER, 'kube-system', 'deployment/coredns');
});

describe('uninstall', () => {
  test('is refused while pods use the network, and says how many; nothing is taken away', async () => {
    await expect(helm(TEST_CLUSTER, ['uninstall', 'weft', '-n', WEFT_NAMESPACE, '--timeout', '60s'])).rejects.toThrow();
    const log = await kube('-n', WEFT_NAMESPACE, 'logs', 'job/weft-uninstall');
    expect(log).toMatch(/refused: \d+ pods hold addresses/);
    expect((await runOnNode(TEST_CLUSTER, 'node-1', ['nft', 'list', 'tables'])).stdout).toContain('inet weft');
  });

  test('forced, leaves nothing of Weft on any node', async () => {
    const force = ['node', '/app/dist/weft.js', 'uninstall', '--force'];
    const report = await kube('-n', WEFT_NAMESPACE, 'exec', 'deploy/weft-operator', '--', ...force);
    expect(report).toMatch(/node-1 +clean/);
    await helm(TEST_CLUSTER, ['uninstall', 'weft', '-n', WEFT_NAMESPACE, '--timeout', '120s']);
    for (const node of TEST_CLUSTER.nodes) expect({ node, left: await leftovers(node) }).toEqual({ node, left: [] });
    expect(await kube('get', 'crd', '-o', 'name')).toContain('ippools.weft.dev');
    await eventually(
      'no pod of Weft runs',
      async () => (await kube('-n', WEFT_NAMESPACE, 'get', 'pods', '-o', 'name')) === '',
    );
  });
});

/** Links, routes, rules, tables and files of Weft's that a node still has. */
async function leftovers(node: string): Promise<string[]> {
  const look = async (...command: string[]) =>
    (await runOnNode(TEST_CLUSTER, node, command, { allowFailure: true })).stdout;
  const lines = [
    ...(await look('ip', '-o', 'link')).split('\n').filter((line) => /weft/.test(line)),
    ...(await look('ip', 'route', 'show', 'table', 'all'))
      .split('\n')
      .filter((line) => /proto (87|bird)|weft/.test(line)),
    ...(await look('ip', 'rule')).split('\n').filter((line) => /weft/.test(line)),
    ...(await look('nft', 'list', 'tables')).split('\n').filter((line) => /weft/.test(line)),
    ...(await look('find', '/etc/cni/net.d', '/opt/cni/bin', '/var/lib/weft', '/run/weft', '-type', 'f')).split('\n'),
    ...(await look('pgrep', '-a', '-x', 'bird')).split('\n'),
    ...(await look('mount'))
      .split('\n')
      .filter((line) => /on \S*weft.* type/.test(line) && !/weft-(lab|t)-|\/(run|var\/lib)\/weft /.test(line)),
  ];
  return lines.filter((line) => line !== '');
}
