import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterConfig } from '../../lab/cluster/config.ts';
import { until } from '../../lab/setup/shell.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import type { SimulatedAgents } from '../simulated/agents.ts';
import { createPod } from '../simulated/fill.ts';
import {
  type App,
  isNamedBy,
  isWidelyKnown,
  nodeName,
  type PodPlace,
  podPlace,
  type World,
} from '../simulated/world.ts';
import { wallMs } from '../wall-clock.ts';
import { BareWatch } from './bare-watch.ts';

/** One new pod; milliseconds from the API server's answer to its POST, which others may be ahead of. */
export interface NewPodTimes {
  /** POST sent → its answer. */
  readonly answerMs: number;
  /** The bare watch has it. */
  readonly watchMs: number;
  /** Its node is told of it. */
  readonly toldMs: number;
  /** The last of the nodes that need its address has it in all its sets. */
  readonly lastMs: number;
  /** Its node has the operator's word that all know it. */
  readonly knownMs: number;
  /** How many need it. */
  readonly nodes: number;
}

export interface NewPods {
  readonly startedMs: number;
  readonly endedMs: number;
  readonly pods: readonly NewPodTimes[];
}

const PATIENCE_MS = 60_000;
/** Longer than the agents keep what they saw to themselves; uneven, so that pods fall on no beat of anything. */
const PAUSE_MS = { least: 700, most: 1_000 } as const;

/** One after the other, each on a node of its own. `places` come from `newPlaces`. */
export async function measureNewPods(
  deps: {
    readonly config: ClusterConfig;
    readonly api: KubeClient;
    readonly agents: SimulatedAgents;
    readonly world: World;
  },
  places: readonly PodPlace[],
): Promise<NewPods> {
  const watch = new BareWatch(deps.config, 'pod');
  try {
    await until('the bare watch begins', PATIENCE_MS, async () => watch.at(''));
    const startedMs = wallMs();
    const pods: NewPodTimes[] = [];
    for (const place of places) {
      pods.push(await measureNewPod(deps, watch, place));
    }
    return { startedMs, endedMs: wallMs(), pods };
  } finally {
    watch.stop();
  }
}

/**
 * Places for `count` new pods, each on another node, of applications of as many namespaces.
 *
 * @param isWide  of the application that every policy names; else of one that those of its namespace name.
 */
export function newPlaces(world: World, count: number, isWide: boolean): PodPlace[] {
  const { apps, pods, size } = world;
  const perNode = Math.ceil(pods.length / size.nodes);
  const chosen = apps.filter((app) => isWidelyKnown(app) === isWide);
  const step = { apps: Math.floor(chosen.length / count), nodes: Math.floor(size.nodes / count) };
  return Array.from({ length: count }, (_, index) => {
    const app = chosen[index * step.apps];
    if (app === undefined) throw new Error(`the world has not ${count} applications of this sort`);
    return podPlace(
      app,
      pods.length + apps.length * Number(isWide) + index,
      index * step.nodes,
      perNode + Number(isWide),
    );
  });
}

async function measureNewPod(
  { api, agents, world }: { readonly api: KubeClient; readonly agents: SimulatedAgents; readonly world: World },
  watch: BareWatch,
  place: PodPlace,
): Promise<NewPodTimes> {
  const { app, name, node, address } = place;
  await agents.expectPod({ node: nodeName(node), namespace: app.namespace, name, address });
  const needing = nodesNeeding(world, app);
  const sentMs = wallMs();
  await createPod(api, place);
  const answeredMs = wallMs();
  await until(`${needing.size} nodes know pod ${name}`, PATIENCE_MS, async () => {
    const { toldMs, knownMs, holders } = agents.podSeen();
    const isAll = holders.length >= needing.size && toldMs !== undefined && knownMs !== undefined;
    return isAll && watch.at(name) !== undefined ? true : undefined;
  });
  await sleep(PAUSE_MS.least + Math.random() * (PAUSE_MS.most - PAUSE_MS.least));
  const { toldMs = Number.NaN, knownMs = Number.NaN, holders } = agents.podSeen();
  for (const [holder] of holders) {
    if (!needing.has(holder))
      throw new Error(`${holder} was told of pod ${name}, which none of its pods' policies name`);
  }
  return {
    answerMs: answeredMs - sentMs,
    watchMs: (watch.at(name) ?? Number.NaN) - answeredMs,
    toldMs: toldMs - answeredMs,
    lastMs: Math.max(...holders.map(([, atMs]) => atMs)) - answeredMs,
    knownMs: knownMs - answeredMs,
    nodes: needing.size,
  };
}

/** By the world alone: those with pods of an application whose policy names this one. */
function nodesNeeding({ pods }: World, app: App): ReadonlySet<string> {
  return new Set(pods.flatMap((pod) => (isNamedBy(app, pod.app) ? [nodeName(pod.node)] : [])));
}
