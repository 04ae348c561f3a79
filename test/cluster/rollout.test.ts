import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { waitForRollout } from '../../lab/cluster/install.ts';
import { ECHO_IMAGE } from '../../lab/images/images.ts';
import {
  applyObjects,
  eventually,
  execInPod,
  getObject,
  kube,
  namespace,
  pod,
  podsReady,
  TEST_CLUSTER,
} from './cluster.ts';

jest.setTimeout(300_000);

const NS = 'rollout';
const REQUESTS_PER_SECOND = 500;
/** What each answer takes: at any moment 25 are open. */
const THINK_MS = 50;
/** Requests of one connection are a thinking time and a pause apart. */
const PAUSE_MS = 70;
const CONNECTIONS = (REQUESTS_PER_SECOND * (THINK_MS + PAUSE_MS)) / 1000;

/** Four pods of an application that ends at once when it is told to, whatever it is doing. */
function application(drainSeconds?: number) {
  const container = {
    name: 'main',
    image: ECHO_IMAGE,
    imagePullPolicy: 'Never',
    args: ['-think', `${THINK_MS}ms`],
    env: [{ name: 'VERSION', value: 'v1' }],
    ports: [{ name: 'http', containerPort: 8080 }],
    readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 },
  };
  const annotations = drainSeconds === undefined ? {} : { 'weft.dev/drain-seconds': String(drainSeconds) };
  const labels = { app: 'web' };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: NS },
    spec: {
      replicas: 4,
      selector: { matchLabels: labels },
      template: { metadata: { labels, annotations }, spec: { containers: [container] } },
    },
  };
}

beforeAll(async () => {
  await applyObjects(
    namespace(NS, { 'weft.dev/inject': 'enabled' }),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace: NS },
      spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
    },
    {
      apiVersion: 'weft.dev/v1alpha1',
      kind: 'MeshService',
      metadata: { name: 'web', namespace: NS },
      spec: { source: { service: { name: 'web' } }, ports: [{ port: 80, protocol: 'HTTP' }], retry: { attempts: 0 } },
    },
    pod(`${NS}/client`),
  );
  await applyObjects(application());
  await podsReady(NS);
  await waitForRollout(TEST_CLUSTER, NS, 'deployment/web');
  await eventually('the service is programmed', async () => {
    const { status } = await getObject<{ status?: { conditions?: { type: string; status: string }[] } }>(
      ...['-n', NS, 'meshservice', 'web'],
    );
    return status?.conditions?.some(({ type, status: is }) => type === 'Programmed' && is === 'True') === true;
  });
});
afterAll(() => kube('delete', 'namespace', NS));

/** Answers by version, and `error`, of that many requests, which `change` happens under. */
async function under(requests: number, change: () => Promise<unknown>): Promise<Record<string, number>> {
  const command = ['/bin/echo-app', 'load', '-url', 'http://web/', '-n', String(requests)];
  const pace = ['-c', String(CONNECTIONS), '-pause', `${PAUSE_MS}ms`];
  const load = execInPod(TEST_CLUSTER, `${NS}/client`, [...command, ...pace], 'main');
  await change();
  const { output } = await load;
  return JSON.parse(output.split('\n').find((line) => line.startsWith('{')) ?? '{}') as Record<string, number>;
}

async function rollOut(): Promise<void> {
  await kube('-n', NS, 'rollout', 'restart', 'deployment/web');
  await waitForRollout(TEST_CLUSTER, NS, 'deployment/web');
}

test('under a rolling update without retries no request fails, though the application ends at once', async () => {
  expect(await under(10_000, rollOut)).toEqual({ v1: 10_000 });
});

test('nor when all but one pod go', async () => {
  const answers = await under(5_000, async () => {
    await kube('-n', NS, 'scale', 'deployment/web', '--replicas=1');
    await eventually('one is left', async () => {
      const { items } = await getObject<{ items: object[] }>('-n', NS, 'pods', '-l', 'app=web');
      return items.length === 1;
    });
  });
  expect(answers).toEqual({ v1: 5_000 });
});

test('nor when a node is drained', async () => {
  await kube('-n', NS, 'scale', 'deployment/web', '--replicas=4');
  await waitForRollout(TEST_CLUSTER, NS, 'deployment/web');
  const pods = await getObject<{ items: { spec: { nodeName: string } }[] }>('-n', NS, 'pods', '-l', 'app=web');
  const node = pods.items[0]?.spec.nodeName ?? '';
  try {
    const answers = await under(5_000, () =>
      kube('drain', node, '--pod-selector=app=web', '--delete-emptydir-data', '--timeout=60s'),
    );
    expect(answers).toEqual({ v1: 5_000 });
  } finally {
    await kube('uncordon', node);
  }
});

test('requests do fail where the application is not kept until its callers know', async () => {
  await applyObjects(application(0));
  await waitForRollout(TEST_CLUSTER, NS, 'deployment/web');
  const { error = 0 } = await under(5_000, rollOut);
  expect(error).toBeGreaterThan(0);
});
