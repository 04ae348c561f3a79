import { rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { startApiServer } from '../../lab/cluster/control-plane.ts';
import { stateOf } from '../../lab/cluster/config.ts';
import { waitForRollout, WEFT_NAMESPACE } from '../../lab/cluster/install.ts';
import { killNode, nodeFolder, startNode } from '../../lab/cluster/node.ts';
import { stopProcess } from '../../lab/cluster/process.ts';
import {
  applyObjects,
  eventually,
  execInPod,
  getObject,
  kube,
  namespace,
  pod,
  podAddress,
  podsReady,
  reaches,
  runOnNode,
  TEST_CLUSTER,
} from './cluster.ts';

jest.setTimeout(300_000);

const NS = 'failing';

beforeAll(async () => {
  await applyObjects(
    namespace(NS),
    pod(`${NS}/a1`, { node: 'node-1', labels: { role: 'open' } }),
    pod(`${NS}/a2`, { node: 'node-2', labels: { role: 'open' } }),
    pod(`${NS}/guarded`, { node: 'node-2', labels: { role: 'guarded' } }),
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'closed', namespace: NS },
      spec: { podSelector: { matchLabels: { role: 'guarded' } }, ingress: [] },
    },
  );
  await podsReady(NS);
  await eventually('the policy holds', async () => !(await talks('a1', 'guarded')));
});

afterEach(async () => {
  await scaleOperators(2);
});

afterAll(() => kube('delete', 'namespace', NS));

async function talks(from: string, to: string): Promise<boolean> {
  return reaches(`${NS}/${from}`, await podAddress(`${NS}/${to}`));
}

async function scaleOperators(replicas: number): Promise<void> {
  await kube('-n', WEFT_NAMESPACE, 'scale', 'deployment/weft-operator', `--replicas=${replicas}`);
  if (replicas > 0) await waitForRollout(TEST_CLUSTER, WEFT_NAMESPACE, 'deployment/weft-operator');
  else await kube('-n', WEFT_NAMESPACE, 'wait', 'pod', '-l', 'app=weft-operator', '--for=delete', '--timeout=60s');
}

async function restartAgents(): Promise<void> {
  await kube('-n', WEFT_NAMESPACE, 'delete', 'pod', '-l', 'app=weft-agent', '--force', '--grace-period=0');
  await waitForRollout(TEST_CLUSTER, WEFT_NAMESPACE, 'daemonset/weft-agent');
}

async function isRunning(name: string): Promise<boolean> {
  const { status } = await getObject<{ status: { phase: string; podIP?: string } }>('-n', NS, 'pod', name);
  return status.phase === 'Running' && status.podIP !== undefined;
}

describe('with one operator killed', () => {
  test('nobody notices: the other one puts changes into force', async () => {
    const [first] = (await kube('-n', WEFT_NAMESPACE, 'get', 'pods', '-l', 'app=weft-operator', '-o', 'name')).split(
      '\n',
    );
    await kube('-n', WEFT_NAMESPACE, 'delete', first ?? '', '--force', '--grace-period=0', '--wait=false');
    await kube('-n', NS, 'label', 'pod', 'a2', 'role=guarded', '--overwrite');
    await eventually('a2 is guarded now', async () => !(await talks('a1', 'a2')));
    await kube('-n', NS, 'label', 'pod', 'a2', 'role=open', '--overwrite');
    await eventually('a2 is open again', () => talks('a1', 'a2'));
  });
});

describe('with both operators killed', () => {
  test('traffic flows and policy holds, also after the agents restart', async () => {
    await scaleOperators(0);
    expect(await talks('a1', 'a2')).toBe(true);
    expect(await talks('a1', 'guarded')).toBe(false);
    await restartAgents();
    expect(await talks('a1', 'a2')).toBe(true);
    expect(await talks('a1', 'guarded')).toBe(false);
  });

  test('a new pod waits inside ADD and runs as soon as a replica serves again; a killed agent leaks nothing', async () => {
    await scaleOperators(0);
    await applyObjects(pod(`${NS}/late`, { node: 'node-1' }));
    // The ADD is under way when its shim waits for an answer.
    await eventually('the ADD waits', async () => {
      const { stdout } = await runOnNode(TEST_CLUSTER, 'node-1', ['pgrep', '-x', 'weft'], { allowFailure: true });
      return stdout.trim() !== '';
    });
    expect(await isRunning('late')).toBe(false);
    await restartAgents(); // kills the agent in the middle of that ADD
    await scaleOperators(2);
    await eventually('the pod runs', () => isRunning('late'), 60_000);
    expect(await talks('a1', 'late')).toBe(true);
    await kube('-n', NS, 'delete', 'pod', 'late');
    await eventually('as many addresses as pods', async () => {
      const pods = await getObject<{ items: { spec: { hostNetwork?: boolean }; status: { podIP?: string } }[] }>(
        'pods',
        '-A',
      );
      const holding = pods.items.filter(({ spec, status }) => spec.hostNetwork !== true && status.podIP !== undefined);
      const { status } = await getObject<{ status: { allocated: number } }>('ippool', 'default');
      return status.allocated === holding.length;
    });
  });
});

describe('when a node loses its journal of addresses', () => {
  test('running pods keep theirs, with their policy, and a new pod gets another', async () => {
    const journal = path.join(nodeFolder(TEST_CLUSTER, 'node-2'), 'fs/var/lib/weft/leases.journal');
    rmSync(journal);
    await restartAgents();
    await eventually('traffic flows again', () => talks('a1', 'a2'));
    expect(await talks('a1', 'guarded')).toBe(false);
    await applyObjects(pod(`${NS}/next`, { node: 'node-2' }));
    await eventually('the new pod runs', () => isRunning('next'), 60_000);
    const addresses = await Promise.all(['a1', 'a2', 'guarded', 'next'].map((name) => podAddress(`${NS}/${name}`)));
    expect(new Set(addresses).size).toBe(4);
    await kube('-n', NS, 'delete', 'pod', 'next');
  });
});

describe('with the API server away', () => {
  test('traffic flows, policy holds and a container comes back', async () => {
    await stopProcess(stateOf(TEST_CLUSTER), 'kube-apiserver', 'SIGKILL');
    const address = await addressInKernel();
    try {
      const { code } = await runOnNode(TEST_CLUSTER, 'node-1', [
        'timeout',
        '2',
        'bash',
        '-c',
        `: </dev/tcp/${address}/8080`,
      ]);
      expect(code).toBe(0);
    } finally {
      startApiServer(TEST_CLUSTER);
      await eventually('the API is back', async () => (await kube('get', '--raw', '/readyz')) === 'ok', 60_000);
    }
    expect(await talks('a1', 'a2')).toBe(true);
    expect(await talks('a1', 'guarded')).toBe(false);
    await kube('-n', NS, 'label', 'pod', 'a2', 'role=guarded', '--overwrite');
    await eventually('changes take effect again', async () => !(await talks('a1', 'a2')), 60_000);
    await kube('-n', NS, 'label', 'pod', 'a2', 'role=open', '--overwrite');
    await eventually('and back', () => talks('a1', 'a2'));
  });
});

describe('when a node loses power', () => {
  test('its pods come back with their addresses, and traffic with them', async () => {
    const before = await podAddress(`${NS}/a2`);
    await killNode(TEST_CLUSTER, 'node-2');
    await startNode(TEST_CLUSTER, 'node-2');
    await eventually('a1 reaches a2 at its old address', () => reaches(`${NS}/a1`, before), 120_000);
    await podsReady(NS);
    expect(await podAddress(`${NS}/a2`)).toBe(before);
    await waitForRollout(TEST_CLUSTER, WEFT_NAMESPACE, 'daemonset/weft-agent');
    await waitForRollout(TEST_CLUSTER, WEFT_NAMESPACE, 'deployment/weft-operator');
    await eventually('policy holds', async () => !(await talks('a1', 'guarded')));
    const { output } = await execInPod(TEST_CLUSTER, `${NS}/a2`, ['ip', 'addr', 'show', 'eth0']);
    expect(output).toContain(`${before}/32`);
  });
});

/** An address of a pod of node-1 as that node's routes show it: there is no API to ask. */
async function addressInKernel(): Promise<string> {
  const { stdout } = await runOnNode(TEST_CLUSTER, 'node-1', ['ip', 'route']);
  return /^(10\.244\.\d+\.\d+) dev weft/m.exec(stdout)?.[1] ?? '';
}
