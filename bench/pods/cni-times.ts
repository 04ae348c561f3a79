import { type ClusterConfig, nodeAddress } from '../../lab/cluster/config.ts';

/** Of the chart's values. */
const HEALTH_PORT = 9442;

/** ADDs that succeeded, by how long they took: upper bound in seconds → how many took no longer, as Prometheus counts. */
export type AddTimes = ReadonlyMap<number, number>;

/** What the node's agent says in its own metrics. @throws when it does not answer. */
export async function readAddTimes(config: ClusterConfig, node: string): Promise<AddTimes> {
  const text = await (await fetch(`http://${nodeAddress(config, node)}:${HEALTH_PORT}/metrics`)).text();
  const times = new Map<number, number>();
  for (const [, labels = '', count] of text.matchAll(/^weft_cni_duration_seconds_bucket\{(.*)\} (\d+)$/gm)) {
    const label = (name: string) => new RegExp(`${name}="([^"]*)"`).exec(labels)?.[1] ?? '';
    if (label('verb') !== 'ADD' || label('code') !== '0') continue;
    times.set(label('le') === '+Inf' ? Number.POSITIVE_INFINITY : Number(label('le')), Number(count));
  }
  return times;
}

/** Those that `after` has and `before` has not. */
export function addTimesSince(before: AddTimes, after: AddTimes): AddTimes {
  return new Map([...after].map(([bound, count]) => [bound, count - (before.get(bound) ?? 0)]));
}

/** @throws when they were counted by different bounds. */
export function sumOf(all: readonly AddTimes[]): AddTimes {
  const bounds = [...(all[0]?.keys() ?? [])];
  return new Map(bounds.map((bound) => [bound, all.reduce((sum, times) => sum + countOf(times, bound), 0)]));
}

export function adds(times: AddTimes): number {
  return times.get(Number.POSITIVE_INFINITY) ?? 0;
}

/** Between which bounds the quantile lies: all that buckets say. For people: `3–10 ms`. */
export function showQuantile(times: AddTimes, share: number): string {
  const bounds = [...times.keys()].sort((a, b) => a - b);
  const index = bounds.findIndex((bound) => countOf(times, bound) >= share * adds(times));
  const ms = (bound: number | undefined) => (bound === Number.POSITIVE_INFINITY ? '∞' : String((bound ?? 0) * 1000));
  return `${ms(bounds[index - 1])}–${ms(bounds[index])} ms`;
}

function countOf(times: AddTimes, bound: number): number {
  const count = times.get(bound);
  if (count === undefined) throw new Error(`the agent's histogram has no bucket up to ${bound} s`);
  return count;
}
