import { setTimeout as sleep } from 'node:timers/promises';
import type { NetnsLab } from '../../test/dataplane/netns-lab.ts';
import type { Side } from './sides.ts';
import type { TimedExec, Timing } from './timed-exec.ts';

/** Pods that come and go together. */
export interface Cycle {
  readonly add: Timing;
  readonly del: Timing;
}

/** One round: every candidate between two cycles of the baseline. */
export interface Round {
  readonly before: Cycle;
  readonly after: Cycle;
  readonly candidates: readonly Cycle[];
}

export interface Load {
  /** Pods of a cycle. */
  readonly pods: number;
  /** At most so many calls at a time. */
  readonly parallel: number;
}

/** The kernel tidies up after namespaces for a while; nobody's next cycle is to pay for it. */
const SETTLE_MS = 250;

/** One round that does not count, then `count` that do. */
export async function measureRounds(
  tools: { readonly lab: NetnsLab; readonly timer: TimedExec },
  baseline: Side,
  candidates: readonly Side[],
  load: Load,
  count: number,
): Promise<readonly Round[]> {
  const cycle = (side: Side) => measureCycle(tools, side, load);
  const rounds: Round[] = [];
  for (let round = 0; round <= count; round += 1) {
    const before = await cycle(baseline);
    const between: Cycle[] = [];
    for (const candidate of candidates) between.push(await cycle(candidate));
    const after = await cycle(baseline);
    if (round > 0) rounds.push({ before, candidates: between, after });
  }
  return rounds;
}

/** ADD of all pods, each into a new network namespace, then DEL of all. */
async function measureCycle(
  { lab, timer }: { readonly lab: NetnsLab; readonly timer: TimedExec },
  side: Side,
  { pods, parallel }: Load,
): Promise<Cycle> {
  const namespaces = Array.from({ length: pods }, (_, index) => lab.add(`pod-${index}`));
  const jobs = await side.prepare(namespaces);
  await sleep(SETTLE_MS);
  const add = await timer.run(
    side.netnsPath,
    jobs.map((job) => job.add),
    parallel,
  );
  const del = await timer.run(
    side.netnsPath,
    jobs.map((job) => job.del),
    parallel,
  );
  await side.finish();
  for (const namespace of namespaces) lab.remove(namespace);
  await sleep(SETTLE_MS);
  return { add, del };
}
