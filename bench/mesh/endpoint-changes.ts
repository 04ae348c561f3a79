import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterConfig } from '../../lab/cluster/config.ts';
import { until } from '../../lab/setup/shell.ts';
import type { EndpointSlice } from '../../src/api/kubernetes.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { KINDS, objectPath } from '../../src/kube/kinds.ts';
import { clusterKey } from '../../src/model/mesh/backends.ts';
import { BareWatch } from '../scale/bare-watch.ts';
import type { SimulatedAgents } from '../simulated/agents.ts';
import { endpointSliceName } from '../simulated/objects.ts';
import type { App, World } from '../simulated/world.ts';
import { wallMs } from '../wall-clock.ts';

/** One change of a service's endpoints; milliseconds. */
export interface EndpointChange {
  /** PATCH sent → its answer. */
  readonly answerMs: number;
  /** Its answer → the bare watch has it; others may be ahead of the answer. */
  readonly watchMs: number;
  /** Its answer → the first node, and the last, has acknowledged it. */
  readonly firstMs: number;
  readonly lastMs: number;
}

export interface EndpointChanges {
  readonly startedMs: number;
  readonly endedMs: number;
  readonly changes: readonly EndpointChange[];
}

interface Deps {
  readonly config: ClusterConfig;
  readonly api: KubeClient;
  readonly agents: SimulatedAgents;
  readonly world: World;
}

const PATIENCE_MS = 60_000;
/** Uneven, so that changes fall on no beat of anything. */
const PAUSE_MS = { least: 150, most: 250 } as const;
const PORT = 80;

/** One endpoint of one service goes, then comes back; `count` changes of as many services as that makes. */
export async function changeEndpoints(deps: Deps, count: number): Promise<EndpointChanges> {
  const { apps } = deps.world;
  const watch = new BareWatch(deps.config, 'endpointSlice');
  try {
    await until('the bare watch begins', PATIENCE_MS, async () => watch.at(''));
    const startedMs = wallMs();
    const changes: EndpointChange[] = [];
    for (let index = 0; index < count; index += 2) {
      const app = apps[Math.floor((index * apps.length) / count)];
      if (app === undefined) throw new Error('the world has no applications');
      const { endpoints } = await deps.api.request<EndpointSlice>('GET', pathOf(app));
      const all = endpoints ?? [];
      for (const left of [all.slice(1), all]) changes.push(await change(deps, watch, app, left));
    }
    return { startedMs, endedMs: wallMs(), changes };
  } finally {
    watch.stop();
  }
}

async function change(
  { api, agents, world }: Deps,
  watch: BareWatch,
  app: App,
  endpoints: NonNullable<EndpointSlice['endpoints']>,
): Promise<EndpointChange> {
  const key = clusterKey(`${app.namespace}/${app.name}`, PORT);
  await agents.expectEndpoints({ key, endpoints: endpoints.length });
  const sentMs = wallMs();
  const { metadata } = await api.request<EndpointSlice>('PATCH', pathOf(app), {
    contentType: 'application/merge-patch+json',
    body: { endpoints },
  });
  const answeredMs = wallMs();
  const event = `${metadata.name} ${metadata.resourceVersion}`;
  const times = await until(`all nodes know ${endpoints.length} endpoints of ${key}`, PATIENCE_MS, async () => {
    const seen = agents.endpointsSeen();
    const watchedMs = watch.at(event);
    const nodes = seen.reduce((sum, each) => sum + each.nodes, 0);
    if (nodes < world.size.nodes || watchedMs === undefined) return undefined;
    return {
      answerMs: answeredMs - sentMs,
      watchMs: watchedMs - answeredMs,
      firstMs: Math.min(...seen.map(({ firstMs = Number.NaN }) => firstMs)) - answeredMs,
      lastMs: Math.max(...seen.map(({ lastMs = Number.NaN }) => lastMs)) - answeredMs,
    };
  });
  await sleep(PAUSE_MS.least + Math.random() * (PAUSE_MS.most - PAUSE_MS.least));
  return times;
}

function pathOf(app: App): string {
  return objectPath(KINDS.endpointSlice, { namespace: app.namespace, name: endpointSliceName(app) });
}
