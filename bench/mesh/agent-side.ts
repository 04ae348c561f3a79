import { setTimeout as sleep } from 'node:timers/promises';
import { step } from '../../lab/setup/progress.ts';
import { processMB } from '../memory/working-set.ts';
import { MeasuredAgent } from './agent.ts';

/** What a proxy costs an agent, in MB of 10^6 bytes: between one proxy and `MORE` more. */
export interface ProxyMemory {
  /** VmRSS − RssFile. */
  readonly residentMB: number;
  /** Of heap and buffers, after a collection. */
  readonly heldMB: number;
}

export interface AgentChange {
  readonly tookMs: number;
  readonly cpuMs: number;
}

export interface AgentSide {
  /** Proxies come one after the other, as pods start. */
  readonly coming: readonly ProxyMemory[];
  /** They come at once, as when the agent starts anew. */
  readonly atOnce: readonly ProxyMemory[];
  /** As `coming`, among few services. */
  readonly comingAmongFew: readonly ProxyMemory[];
  readonly changes: readonly AgentChange[];
  /** Each measured after the one of the same place in `changes`. */
  readonly changesAmongFew: readonly AgentChange[];
  /** Everything, among all services, to one more proxy; to `MORE` at once. */
  readonly startMs: { readonly one: number; readonly atOnce: readonly number[] };
}

export const MORE = 20;
const REPEATS = 3;
/** The allocator gives back within seconds what was needed for a moment. */
const SETTLE_MS = 6_000;
const WARM_UP = 10;

/** The agent's mesh half with 1 and with 21 proxies: its memory, and what a change of one endpoint costs. */
export async function measureAgentSide(services: number, few: number, changes: number): Promise<AgentSide> {
  const coming: ProxyMemory[] = [];
  const atOnce: ProxyMemory[] = [];
  const comingAmongFew: ProxyMemory[] = [];
  const atOnceMs: number[] = [];
  await step('memory of an agent', async () => {
    for (let repeat = 0; repeat < REPEATS; repeat += 1) {
      coming.push((await memoryOf(services, false)).memory);
      comingAmongFew.push((await memoryOf(few, false)).memory);
      const { memory, tookMs } = await memoryOf(services, true);
      atOnce.push(memory);
      atOnceMs.push(tookMs);
    }
  });
  const taken = await step(`${changes} changes of endpoints on a node`, () => measureChanges(services, few, changes));
  return { coming, atOnce, comingAmongFew, ...taken.changes, startMs: { one: taken.oneMs, atOnce: atOnceMs } };
}

async function memoryOf(services: number, isAtOnce: boolean) {
  const agent = await MeasuredAgent.start(services);
  try {
    await agent.openProxies(1);
    const before = await settled(agent);
    const startedMs = performance.now();
    if (isAtOnce) await agent.openProxies(MORE);
    else for (let index = 0; index < MORE; index += 1) await agent.openProxies(1);
    const tookMs = performance.now() - startedMs;
    const after = await settled(agent);
    const perProxy = (of: keyof ProxyMemory) => (after[of] - before[of]) / MORE;
    return { tookMs, memory: { residentMB: perProxy('residentMB'), heldMB: perProxy('heldMB') } };
  } finally {
    agent.stop();
  }
}

async function settled(agent: MeasuredAgent): Promise<ProxyMemory> {
  const { heapMB = Number.NaN } = await agent.ask('collect');
  await sleep(SETTLE_MS);
  return { residentMB: processMB(agent.pid), heldMB: heapMB };
}

/** Turn by turn, so that whatever else the machine does falls on both. */
async function measureChanges(services: number, few: number, count: number) {
  const [all, small] = [await MeasuredAgent.start(services), await MeasuredAgent.start(few)];
  try {
    const startedMs = performance.now();
    await all.openProxies(1);
    const oneMs = performance.now() - startedMs;
    await all.openProxies(MORE);
    await small.openProxies(1 + MORE);
    const changes: AgentChange[] = [];
    const changesAmongFew: AgentChange[] = [];
    for (let index = 0; index < count + WARM_UP; index += 1) {
      const [one, other] = [await changeOf(all, index), await changeOf(small, index)];
      if (index < WARM_UP) continue;
      changes.push(one);
      changesAmongFew.push(other);
    }
    return { oneMs, changes: { changes, changesAmongFew } };
  } finally {
    for (const agent of [all, small]) agent.stop();
  }
}

async function changeOf(agent: MeasuredAgent, index: number): Promise<AgentChange> {
  const { tookMs = Number.NaN, cpuMs = Number.NaN } = await agent.ask({ change: Math.floor(index / 2) });
  return { tookMs, cpuMs };
}
