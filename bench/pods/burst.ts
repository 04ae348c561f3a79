import { setTimeout as sleep } from 'node:timers/promises';
import { kubectl } from '../../lab/cluster/cluster.ts';
import type { ClusterConfig } from '../../lab/cluster/config.ts';
import { BUSYBOX_IMAGE } from '../../lab/images/images.ts';
import { until } from '../../lab/setup/shell.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { collectionPath, KINDS } from '../../src/kube/kinds.ts';
import { trimObject } from '../../src/kube/trim.ts';
import { parsePage, parseWatchLine } from '../../src/kube/watch-event.ts';

/** Whose network the pods have: the node's own, Weft's, or Weft's with a proxy in each pod. */
export type Sort = 'host' | 'weft' | 'meshed';

/** What the API server says of a pod, as far as it is looked at here. */
interface RunningPod extends KubeObject {
  readonly status?: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
  };
}

interface ContainerStatus {
  readonly name: string;
  readonly restartCount: number;
}

interface Event extends KubeObject {
  readonly reason?: string;
  readonly message?: string;
}

const PATIENCE_MS = 600_000;
/** After the last pod is gone: the runtime is still removing what was theirs. */
const REST_MS = 5_000;
const FAILURES: ReadonlySet<string> = new Set(['FailedCreatePodSandBox', 'Failed', 'BackOff']);

/** A Deployment without replicas in a namespace of its own. */
export async function prepare(config: ClusterConfig, sort: Sort): Promise<void> {
  const labels = sort === 'meshed' ? { 'weft.dev/inject': 'enabled' } : {};
  const container = { name: 'main', image: BUSYBOX_IMAGE, imagePullPolicy: 'Never', command: ['sleep', '1000000'] };
  const template = {
    metadata: { labels: { app: 'burst' } },
    spec: { hostNetwork: sort === 'host', terminationGracePeriodSeconds: 0, containers: [container] },
  };
  const items = [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: sort, labels } },
    {
      ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { namespace: sort, name: 'burst' } },
      spec: { replicas: 0, selector: { matchLabels: { app: 'burst' } }, template },
    },
  ];
  await kubectl(config, ['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
}

/**
 * From the Deployment's scaling until the API server shows all `count` pods Running, seconds. The pods are gone again
 * when it resolves.
 *
 * @throws when a pod failed or was started anew, or two have the same address.
 */
export async function burst(config: ClusterConfig, api: KubeClient, sort: Sort, count: number): Promise<number> {
  const stop = new AbortController();
  const path = collectionPath(KINDS.pod, sort);
  const running = new Set<string>();
  const allRun = Promise.withResolvers<number>();
  const { resourceVersion } = parsePage<RunningPod>(await api.request('GET', path), trimObject);
  const take = (line: string) => {
    const event = parseWatchLine<RunningPod>('WATCH pods', line, (pod) => pod);
    if (event.type !== 'set' || event.object.status?.phase !== 'Running') return;
    running.add(event.object.metadata.name);
    if (running.size === count) allRun.resolve(performance.now());
  };
  api.watch(path, { resourceVersion }, take, stop.signal).catch((error: unknown) => allRun.reject(error));
  const late = setTimeout(() => {
    allRun.reject(new Error(`${running.size} of ${count} pods run after ${PATIENCE_MS / 1000} s`));
  }, PATIENCE_MS);
  try {
    const startedMs = performance.now();
    await scale(config, sort, count);
    const tookMs = (await allRun.promise) - startedMs;
    await check(api, sort, count);
    await scale(config, sort, 0);
    await until('the pods are gone', PATIENCE_MS, async () =>
      (await list(api, sort)).length === 0 ? true : undefined,
    );
    await sleep(REST_MS);
    return tookMs / 1000;
  } finally {
    clearTimeout(late);
    stop.abort();
  }
}

async function check(api: KubeClient, sort: Sort, count: number): Promise<void> {
  const pods = await list(api, sort);
  const addresses = new Map<string, string>();
  for (const { metadata, status } of pods) {
    const containers = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])];
    const restarted = containers.find(({ restartCount }) => restartCount > 0);
    if (restarted !== undefined) throw new Error(`pod ${metadata.name}: container ${restarted.name} was started anew`);
    const address = status?.podIP ?? '';
    const other = addresses.get(address);
    if (sort !== 'host' && other !== undefined) throw new Error(`pods ${metadata.name} and ${other} have '${address}'`);
    addresses.set(address, metadata.name);
  }
  if (pods.length !== count) throw new Error(`there are ${pods.length} pods, not ${count}`);
  const events = parsePage<Event>(
    await api.request('GET', `/api/v1/namespaces/${sort}/events`),
    (event) => event,
  ).items;
  const failure = events.find(({ reason = '' }) => FAILURES.has(reason));
  if (failure !== undefined) throw new Error(`${failure.reason}: ${failure.message}`);
}

async function list(api: KubeClient, sort: Sort): Promise<readonly RunningPod[]> {
  return parsePage<RunningPod>(await api.request('GET', collectionPath(KINDS.pod, sort)), (pod) => pod).items;
}

function scale(config: ClusterConfig, sort: Sort, replicas: number): Promise<string> {
  return kubectl(config, ['-n', sort, 'scale', 'deployment/burst', `--replicas=${replicas}`]);
}
