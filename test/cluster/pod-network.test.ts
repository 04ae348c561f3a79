import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { apiAddress } from '../../lab/cluster/config.ts';
import {
  applyObjects,
  dial,
  eventually,
  execInPod,
  hold,
  getObject,
  hostReaches,
  kube,
  namespace,
  pod,
  podAddress,
  podsReady,
  reaches,
  runOnNode,
  TEST_CLUSTER,
} from './cluster.ts';

jest.setTimeout(180_000);

const NS = 'net';

beforeAll(async () => {
  await applyObjects(
    namespace(NS),
    pod(`${NS}/a1`, { node: 'node-1', probe: true }),
    pod(`${NS}/b1`, { node: 'node-1' }),
    pod(`${NS}/a2`, { node: 'node-2', probe: true }),
    pod(`${NS}/host1`, { node: 'node-1', hostNetwork: true, image: 'busybox' }),
  );
  await podsReady(NS);
});

afterAll(() => kube('delete', 'namespace', NS));

describe('the pod network', () => {
  test('gives each pod its own address of the pool, as /32 on a routed veth', async () => {
    const addresses = await Promise.all(['a1', 'b1', 'a2'].map((name) => podAddress(`${NS}/${name}`)));
    expect(new Set(addresses).size).toBe(3);
    for (const address of addresses) expect(address).toMatch(/^10\.244\./);
    const { output } = await execInPod(TEST_CLUSTER, `${NS}/a1`, ['ip', 'addr', 'show', 'eth0']);
    expect(output).toContain(`${addresses[0]}/32`);
    expect(output).toContain('mtu 1450');
  });

  test.each([
    ['on the same node', 'b1', 'a1'],
    ['on the same node, the other way', 'a1', 'b1'],
    ['across nodes', 'a1', 'a2'],
    ['across nodes, the other way', 'a2', 'a1'],
  ])('carries traffic between pods %s', async (_, from, to) => {
    expect(await reaches(`${NS}/${from}`, await podAddress(`${NS}/${to}`))).toBe(true);
  });

  test('carries full-size packets across nodes without fragmentation', async () => {
    const to = await podAddress(`${NS}/a2`);
    const { code } = await execInPod(TEST_CLUSTER, `${NS}/a1`, ['ping', '-c', '2', '-W', '2', '-s', '1422', to]);
    expect(code).toBe(0);
  });

  test.each(['node-1', 'node-2'])('%s itself reaches pods of both nodes', async (node) => {
    expect(await hostReaches(node, await podAddress(`${NS}/a1`))).toBe(true);
    expect(await hostReaches(node, await podAddress(`${NS}/a2`))).toBe(true);
  });

  test('a pod reaches its node and the other node, whose answers come back', async () => {
    for (const address of [`${TEST_CLUSTER.subnet}.11`, `${TEST_CLUSTER.subnet}.12`]) {
      const { code } = await execInPod(TEST_CLUSTER, `${NS}/a1`, ['ping', '-c', '1', '-W', '2', address]);
      expect(code).toBe(0);
    }
  });

  test('a hostNetwork pod reaches pods of both nodes', async () => {
    expect(await reaches(`${NS}/host1`, await podAddress(`${NS}/a1`))).toBe(true);
    expect(await reaches(`${NS}/host1`, await podAddress(`${NS}/a2`))).toBe(true);
  });

  test('names of services resolve through the cluster DNS', async () => {
    const { output } = await execInPod(TEST_CLUSTER, `${NS}/a2`, [
      'nslookup',
      'kube-dns.kube-system.svc.cluster.local',
    ]);
    expect(output).toContain('10.96.0.10');
  });

  test('outside of the pool a pod is seen as its node (natOutgoing)', async () => {
    const { code, output } = await execInPod(TEST_CLUSTER, `${NS}/a1`, dial(apiAddress(TEST_CLUSTER), 6443));
    expect({ code, output }).toEqual({ code: 0, output: '' }); // the machine has no route to 10.244.0.0/16
  });

  test('a pod cannot send from an address that is not its own', async () => {
    const target = await podAddress(`${NS}/a2`);
    const victim = await podAddress(`${NS}/b1`);
    const command = `ip addr add ${victim}/32 dev eth0 2>/dev/null; ping -c 1 -W 1 -I ${victim} ${target}`;
    const pid = await pidOf('node-1', `${NS}/a1`);
    const { code } = await runOnNode(TEST_CLUSTER, 'node-1', ['nsenter', '-t', pid, '-n', 'sh', '-c', command], {
      allowFailure: true,
    });
    expect(code).not.toBe(0);
    await runOnNode(TEST_CLUSTER, 'node-1', [
      'nsenter',
      '-t',
      pid,
      '-n',
      'ip',
      'addr',
      'del',
      `${victim}/32`,
      'dev',
      'eth0',
    ]);
  });

  test('a stranger cannot speak VXLAN to a node', async () => {
    const { stdout } = await runOnNode(TEST_CLUSTER, 'node-1', ['nft', 'list', 'table', 'inet', 'weft']);
    expect(stdout).toContain('4789');
  });

  test('without encapsulation packets travel directly; open connections outlive the change, there and back', async () => {
    const target = await podAddress(`${NS}/a2`);
    const holding = execInPod(TEST_CLUSTER, `${NS}/b1`, hold(target, 7000, '20s'));
    const wayTo = async () => (await runOnNode(TEST_CLUSTER, 'node-1', ['ip', 'route', 'get', target])).stdout;
    expect(await wayTo()).toContain('dev vxlan.weft');
    const change = (encapsulation: string) =>
      kube('patch', 'ippool', 'default', '--type=merge', '-p', JSON.stringify({ spec: { encapsulation } }));
    for (const [encapsulation, device] of [
      ['None', 'dev eth0'],
      ['VXLAN', 'dev vxlan.weft'],
      ['VXLANCrossSubnet', 'dev eth0'],
      ['VXLAN', 'dev vxlan.weft'],
    ] as const) {
      await change(encapsulation);
      await eventually(`${encapsulation} is in force`, async () => (await wayTo()).includes(device));
      expect(await reaches(`${NS}/a1`, target)).toBe(true);
    }
    expect(await holding).toMatchObject({ code: 0 });
  });

  test('kubectl get ippools shows capacity and use', async () => {
    await eventually('the pool counts the pods', async () => {
      const { status } = await getObject<{ status?: { capacity?: number; allocated?: number } }>('ippool', 'default');
      return status?.capacity === 64512 && (status.allocated ?? 0) >= 4;
    });
    const table = await kube('get', 'ippools');
    expect(table).toMatch(/CAPACITY/);
    expect(table).toMatch(/64512/);
  });

  test('a deleted pod leaves neither link nor route', async () => {
    await applyObjects(pod(`${NS}/gone`, { node: 'node-1' }));
    await podsReady(NS);
    const address = await podAddress(`${NS}/gone`);
    expect((await runOnNode(TEST_CLUSTER, 'node-1', ['ip', 'route'])).stdout).toContain(`${address} `);
    await kube('-n', NS, 'delete', 'pod', 'gone');
    await eventually('its route is gone', async () => {
      const { stdout } = await runOnNode(TEST_CLUSTER, 'node-1', ['ip', 'route']);
      return !stdout.includes(`${address} `);
    });
  });
});

/** The pid, as its node sees it, of the first container of a pod. */
async function pidOf(node: string, name: string): Promise<string> {
  const [where = '', shortName = ''] = name.split('/');
  const id = await kube(
    '-n',
    where,
    'get',
    'pod',
    shortName,
    '-o',
    'jsonpath={.status.containerStatuses[0].containerID}',
  );
  const { stdout } = await runOnNode(TEST_CLUSTER, node, ['ctr', '-n', 'k8s.io', 'tasks', 'list']);
  const line = stdout.split('\n').find((text) => text.startsWith(id.replace('containerd://', '')));
  return line?.split(/\s+/)[1] ?? '';
}
