import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { kubeconfigOf } from '../../lab/cluster/config.ts';
import { ECHO_IMAGE } from '../../lab/images/images.ts';
import { labEnv } from '../../lab/setup/shell.ts';
import {
  applyObjects,
  dial,
  eventually,
  execInPod,
  getObject,
  kube,
  namespace,
  pod,
  podAddress,
  podsReady,
  reaches,
  TEST_CLUSTER,
  weft,
} from './cluster.ts';

jest.setTimeout(180_000);

const NS = 'guarded';
const OTHER = 'visitors';

beforeAll(async () => {
  await applyObjects(
    namespace(NS),
    namespace(OTHER, { team: 'visitors' }),
    pod(`${NS}/server`, { node: 'node-1', labels: { role: 'server' } }),
    pod(`${NS}/near`, { node: 'node-1', labels: { role: 'client' } }),
    pod(`${NS}/far`, { node: 'node-2', labels: { role: 'client' } }),
    pod(`${NS}/other`, { node: 'node-2', labels: { role: 'stranger' } }),
    pod(`${OTHER}/visitor`, { node: 'node-2' }),
  );
  await podsReady(NS);
  await podsReady(OTHER);
});

afterEach(async () => {
  await kube('-n', NS, 'delete', 'networkpolicies.networking.k8s.io,networkpolicies.weft.dev', '--all');
  await kube('delete', 'clusternetworkpolicies.policy.networking.k8s.io', '--all');
  await eventually('everything is open again', () => open('other'));
});

afterAll(() => kube('delete', 'namespace', NS, OTHER));

/** Whether pod `from` reaches the server now. */
async function open(from: string, port = 8080): Promise<boolean> {
  const name = from.includes('/') ? from : `${NS}/${from}`;
  return reaches(name, await podAddress(`${NS}/server`), port);
}

/** What `weft explain` says of the same connection. */
function explained(from: string): Promise<object> {
  return weft('explain', `${NS}/${from}`, `${NS}/server:8080`, '-o', 'json');
}

async function verdicts(...from: string[]): Promise<Record<string, boolean>> {
  const results = await Promise.all(from.map(async (name) => [name, await open(name)] as const));
  return Object.fromEntries(results);
}

/** Connects once, at its start. 900 ms is less than the first retransmission of a SYN, 1 s (RFC 6298). */
function newborn(name: string, address: string): object {
  const command = ['/bin/echo-app', 'dial', '-to', `${address}:8080`, '-patience', '900ms'];
  const container = { name: 'main', image: ECHO_IMAGE, imagePullPolicy: 'Never', command };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: NS, labels: { role: 'newborn' } },
    spec: { nodeName: 'node-2', restartPolicy: 'Never', containers: [container] },
  };
}

function kubernetesPolicy(name: string, spec: object): object {
  return { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name, namespace: NS }, spec };
}

function weftPolicy(name: string, spec: object): object {
  return { apiVersion: 'weft.dev/v1alpha1', kind: 'NetworkPolicy', metadata: { name, namespace: NS }, spec };
}

function clusterPolicy(name: string, spec: object): object {
  return { apiVersion: 'policy.networking.k8s.io/v1alpha2', kind: 'ClusterNetworkPolicy', metadata: { name }, spec };
}

/** Whether the object's kernels have it, as its status says. */
async function isProgrammed(...object: string[]): Promise<boolean> {
  const { status } = await getObject<{ status?: { conditions?: { type: string; status: string }[] } }>(...object);
  return status?.conditions?.some(({ type, status: is }) => type === 'Programmed' && is === 'True') === true;
}

const server = { podSelector: { matchLabels: { role: 'server' } } };

describe('Kubernetes NetworkPolicy', () => {
  test('lets the first packet of a new pod in: it connects in its first moment, faster than TCP tries again', async () => {
    await applyObjects(
      kubernetesPolicy('clients-only', {
        ...server,
        ingress: [{ from: [{ podSelector: { matchLabels: { role: 'newborn' } } }] }],
      }),
    );
    await eventually('strangers are refused', async () => !(await open('other')));
    const names = Array.from({ length: 10 }, (_, i) => `newborn-${i}`);
    const address = await podAddress(`${NS}/server`);
    await applyObjects(...names.map((name) => newborn(name, address)));
    const phases = await Promise.all(
      names.map(async (name) => {
        const phase = () => kube('-n', NS, 'get', 'pod', name, '-o', 'jsonpath={.status.phase}');
        await eventually(`${name} has ended`, async () => ['Succeeded', 'Failed'].includes(await phase()));
        return phase();
      }),
    );
    await kube('-n', NS, 'delete', 'pod', ...names);
    expect(phases).toEqual(names.map(() => 'Succeeded'));
  });

  test('isolates the pods it selects, from both nodes, and lets in whom it names', async () => {
    await applyObjects(
      kubernetesPolicy('clients-only', {
        ...server,
        ingress: [{ from: [{ podSelector: { matchLabels: { role: 'client' } } }] }],
      }),
    );
    await eventually('strangers are refused', async () => !(await open('other')));
    expect(await verdicts('near', 'far', 'other', `${OTHER}/visitor`)).toEqual({
      near: true,
      far: true,
      other: false,
      [`${OTHER}/visitor`]: false,
    });
    const simulated = await weft('simulate', '--delete', `netpol/${NS}/clients-only`, '-o', 'json');
    const { differences } = simulated as { differences: readonly { from: readonly string[] }[] };
    expect(differences.filter(({ from }) => from.includes(`${NS}/other`))).toMatchObject([
      { change: 'opens', to: [`${NS}/server`], ports: 'everything' },
    ]);
    expect(differences.filter(({ from }) => from.includes(`${NS}/far`))).toEqual([]);
    const denied = await weft('flows', '--pod', `${NS}/server`, '-o', 'json');
    expect((denied as { flows: object[] }).flows).toContainEqual(
      expect.objectContaining({
        ...{ sourcePod: `${NS}/other`, destinationPod: `${NS}/server`, protocol: 'TCP', port: 8080 },
        ...{ verdict: 'deny', direction: 'ingress', policy: 'no rule allows it' },
      }),
    );
    expect(await explained('far')).toMatchObject({
      verdict: 'allow',
      nodes: [{ inForce: 'holds all that it was told' }, {}],
    });
    expect(await explained('other')).toMatchObject({
      verdict: 'deny',
      ends: [{ rules: [] }, { rules: [{ origin: `KubernetesNetworkPolicy ${NS}/clients-only`, isPeer: false }] }],
    });
  });

  test('tells namespaces apart, and ports', async () => {
    const from = [{ namespaceSelector: { matchLabels: { team: 'visitors' } } }];
    await applyObjects(kubernetesPolicy('visitors', { ...server, ingress: [{ from, ports: [{ port: 8080 }] }] }));
    await eventually('others are refused', async () => !(await open('near')));
    expect(await open(`${OTHER}/visitor`)).toBe(true);
    expect(await open(`${OTHER}/visitor`, 7000)).toBe(false);
  });

  test('limits where a pod may go (egress, ipBlock with except)', async () => {
    const address = await podAddress(`${NS}/server`);
    const to = [{ ipBlock: { cidr: '10.244.0.0/16', except: [`${address}/32`] } }];
    await applyObjects(
      kubernetesPolicy('not-there', {
        podSelector: { matchLabels: { role: 'stranger' } },
        policyTypes: ['Egress'],
        egress: [{ to }],
      }),
    );
    await eventually('the server is out of reach', async () => !(await open('other')));
    expect(await reaches(`${NS}/other`, await podAddress(`${NS}/near`))).toBe(true);
  });

  test('follows a pod that changes its labels', async () => {
    await applyObjects(
      kubernetesPolicy('clients-only', {
        ...server,
        ingress: [{ from: [{ podSelector: { matchLabels: { role: 'client' } } }] }],
      }),
    );
    await eventually('strangers are refused', async () => !(await open('other')));
    await kube('-n', NS, 'label', 'pod', 'other', 'role=client', '--overwrite');
    await eventually('it is a client now', () => open('other'));
    await kube('-n', NS, 'label', 'pod', 'other', 'role=stranger', '--overwrite');
    await eventually('it is a stranger again', async () => !(await open('other')));
  });
});

describe("Weft's NetworkPolicy", () => {
  test('denies by priority before it allows, and says in its status that all nodes have it', async () => {
    await applyObjects(
      weftPolicy('deny-far-node', {
        priority: 10,
        ...server,
        ingress: [{ action: 'Deny', from: [{ ipBlock: { cidr: `${await podAddress(`${NS}/far`)}/32` } }] }],
      }),
      weftPolicy('allow-clients', {
        priority: 20,
        ...server,
        ingress: [{ action: 'Allow', from: [{ podSelector: { matchLabels: { role: 'client' } } }] }],
      }),
    );
    await eventually('far is denied', async () => !(await open('far')));
    expect(await verdicts('near', 'far', 'other')).toEqual({ near: true, far: false, other: false });
    await eventually('Programmed', async () => {
      const { status } = await getObject<{
        status?: { conditions?: { type: string; status: string }[]; selectedPods?: number };
      }>(...['-n', NS, 'networkpolicies.weft.dev', 'deny-far-node']);
      return (
        status?.selectedPods === 1 &&
        status.conditions?.some((c) => c.type === 'Programmed' && c.status === 'True') === true
      );
    });
  });

  test('rejects by service account, so that the caller hears of it at once', async () => {
    const from = [{ serviceAccount: { name: 'default' }, podSelector: { matchLabels: { role: 'stranger' } } }];
    await applyObjects(
      weftPolicy('no-strangers', { ...server, ingress: [{ action: 'Reject', from }, { action: 'Allow' }] }),
    );
    await eventually('strangers are refused', async () => !(await open('other')));
    const { output } = await execInPod(TEST_CLUSTER, `${NS}/other`, dial(await podAddress(`${NS}/server`), 7000));
    expect(output).toContain('refused');
    expect(await verdicts('near', 'far')).toEqual({ near: true, far: true });
  });

  test('bites on open connections at once, and only on those it forbids', async () => {
    const address = await podAddress(`${NS}/server`);
    const [near, other] = [hold('near', address), hold('other', address)];
    try {
      await eventually('both talk', async () => near.answers() > 3 && other.answers() > 3);
      await applyObjects(
        weftPolicy('clients', {
          ...server,
          ingress: [{ action: 'Allow', from: [{ podSelector: { matchLabels: { role: 'client' } } }] }],
        }),
      );
      await eventually('the forbidden one is cut', async () => other.output().includes('cut:'));
      const before = near.answers();
      await eventually('the allowed one goes on', async () => near.answers() > before + 5);
      expect(near.output()).not.toContain('cut:');
    } finally {
      near.stop();
      other.stop();
    }
  });
});

describe('ClusterNetworkPolicy', () => {
  const guarded = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': NS } } };
  const subject = { pods: { ...guarded, ...server } };
  const strangers = [{ pods: { ...guarded, podSelector: { matchLabels: { role: 'stranger' } } } }];

  test('decides before the namespace does in the Admin tier, and its status says that all nodes have it', async () => {
    await applyObjects(
      kubernetesPolicy('clients-only', {
        ...server,
        ingress: [{ from: [{ podSelector: { matchLabels: { role: 'client' } } }, { namespaceSelector: {} }] }],
      }),
      clusterPolicy('admin', {
        ...{ tier: 'Admin', priority: 10, subject },
        ingress: [
          { action: 'Pass', from: strangers },
          { action: 'Deny', from: [{ namespaces: {} }] },
        ],
      }),
    );
    await eventually('clients are denied', async () => !(await open('near')));
    const all = await verdicts('near', 'far', 'other', `${OTHER}/visitor`);
    expect(all).toEqual({ near: false, far: false, other: true, [`${OTHER}/visitor`]: false });
    await eventually('Programmed', () => isProgrammed('clusternetworkpolicy', 'admin'));
  });

  test('decides in the Baseline tier where the namespace says nothing', async () => {
    await applyObjects(
      clusterPolicy('base', { tier: 'Baseline', priority: 0, subject, ingress: [{ action: 'Deny', from: strangers }] }),
    );
    await eventually('strangers are denied', async () => !(await open('other')));
    expect(await verdicts('near', `${OTHER}/visitor`)).toEqual({ near: true, [`${OTHER}/visitor`]: true });
    await applyObjects(kubernetesPolicy('all', { ...server, ingress: [{}] }));
    await eventually('the namespace lets them in', () => open('other'));
  });
});

/** An open TCP connection of pod `from` to the server that says a word each 100 ms. */
function hold(from: string, address: string): { answers(): number; output(): string; stop(): void } {
  const command = ['exec', from, '--', '/bin/echo-app', 'hold', '-to', `${address}:7000`, '-for', '60s'];
  const child = spawn('kubectl', ['--kubeconfig', kubeconfigOf(TEST_CLUSTER), '-n', NS, ...command], {
    env: labEnv(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
  });
  return {
    answers: () => text.split('ok ').length - 1,
    output: () => text,
    stop: () => void child.kill('SIGKILL'),
  };
}
