import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterConfig } from '../../lab/cluster/config.ts';
import { until } from '../../lab/setup/shell.ts';
import type { TrafficSplit } from '../../src/api/generated/trafficsplit.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { collectionPath, KINDS, objectPath } from '../../src/kube/kinds.ts';
import { trimObject } from '../../src/kube/trim.ts';
import { parseWatchLine } from '../../src/kube/watch-event.ts';
import { wallMs } from '../wall-clock.ts';
import { ClientLog } from './client.ts';

/** One change of the weights; milliseconds. */
export interface Change {
  /** PATCH sent → its answer. */
  readonly answerMs: number;
  /** PATCH sent → a bare watch has the new generation: no controller can know earlier. */
  readonly seenMs: number;
  /** PATCH answered → the client has the first answer of the other version. */
  readonly firstAnswerMs: number;
  /** PATCH answered → the watch has `Programmed` for the new generation. */
  readonly programmedMs: number;
}

export interface Changes {
  readonly changes: readonly Change[];
  readonly answers: number;
  readonly failures: number;
  readonly wholeMs: number;
}

const WHERE = { namespace: 'shop', name: 'web' };
const VERSIONS = ['v1', 'v2'] as const;
/**
 * Between two changes: longer than the second for which an operator writes no further status of an object, so that each
 * change is one by itself, and uneven, so that they fall on no beat of anything.
 */
export const PAUSE_MS = { least: 1_100, most: 1_400 } as const;
const PATIENCE_MS = 30_000;

/** Moves all traffic from one version to the other and back, `count` times, each after the effect of the one before. */
export async function measureChanges(config: ClusterConfig, api: KubeClient, count: number): Promise<Changes> {
  const log = new ClientLog(config, WHERE.namespace);
  const watch = new SplitWatch(api);
  try {
    let current = await until('the client has an answer', PATIENCE_MS, async () => log.turns.at(-1)?.version);
    const changes: Change[] = [];
    const startedMs = wallMs();
    const turnsBefore = log.turns.length;
    for (let index = 0; index < count; index += 1) {
      const next = current === 'v1' ? 'v2' : 'v1';
      changes.push(await change(api, log, watch, next));
      current = next;
      await sleep(PAUSE_MS.least + Math.random() * (PAUSE_MS.most - PAUSE_MS.least));
    }
    const wholeMs = wallMs() - startedMs;
    const turns = log.turns.slice(turnsBefore);
    const sum = (value: 'answers' | 'failures') => turns.reduce((total, turn) => total + turn[value], 0);
    return { changes, answers: sum('answers'), failures: sum('failures'), wholeMs };
  } finally {
    watch.stop();
    log.stop();
  }
}

async function change(api: KubeClient, log: ClientLog, watch: SplitWatch, version: string): Promise<Change> {
  const turnsBefore = log.turns.length;
  const backends = VERSIONS.map((subset) => ({ subset, weight: subset === version ? 100 : 0 }));
  const sentMs = wallMs();
  const { metadata } = await api.request<TrafficSplit>('PATCH', objectPath(KINDS.trafficSplit, WHERE), {
    contentType: 'application/json-patch+json',
    body: [{ op: 'replace', path: '/spec/rules/1/backends', value: backends }],
  });
  const answeredMs = wallMs();
  const generation = metadata.generation ?? 0;
  return until(`the change to ${version} takes effect`, PATIENCE_MS, async () => {
    const [seenMs, programmedMs] = [watch.seen.get(generation), watch.programmed.get(generation)];
    const turn = log.turns.slice(turnsBefore).find((each) => each.version === version);
    if (seenMs === undefined || programmedMs === undefined || turn === undefined) return undefined;
    return {
      answerMs: answeredMs - sentMs,
      seenMs: seenMs - sentMs,
      firstAnswerMs: turn.atMs - answeredMs,
      programmedMs: programmedMs - answeredMs,
    };
  });
}

/** A bare watch of the splits: when each generation came by, and when it was `Programmed`. */
class SplitWatch {
  readonly seen = new Map<number, number>();
  readonly programmed = new Map<number, number>();
  readonly #stop = new AbortController();

  constructor(api: KubeClient) {
    const { signal } = this.#stop;
    const path = collectionPath(KINDS.trafficSplit, WHERE.namespace);
    api
      .watch(path, {}, (line) => this.#take(line), signal)
      .catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
  }

  stop(): void {
    this.#stop.abort();
  }

  #take(line: string): void {
    const atMs = wallMs();
    const event = parseWatchLine<TrafficSplit>('WATCH trafficsplits', line, trimObject);
    if (event.type !== 'set') return;
    const { metadata, status } = event.object;
    const generation = metadata.generation ?? 0;
    if (!this.seen.has(generation)) this.seen.set(generation, atMs);
    const condition = status?.conditions?.find(({ type }) => type === 'Programmed');
    if (condition?.status !== 'True' || condition.observedGeneration !== generation) return;
    if (!this.programmed.has(generation)) this.programmed.set(generation, atMs);
  }
}
