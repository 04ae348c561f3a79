import { setTimeout as sleep } from 'node:timers/promises';
import { stateOf } from '../../lab/cluster/config.ts';
import { stopProcess } from '../../lab/cluster/process.ts';
import { step } from '../../lab/setup/progress.ts';
import { ProcessSamples, type Usage } from '../scale/process-samples.ts';
import { startAgents } from '../simulated/agents.ts';
import { fillCluster } from '../simulated/fill.ts';
import { inControlPlane, startOperator } from '../simulated/operator.ts';
import { describeWorld, type World } from '../simulated/world.ts';
import { wallMs } from '../wall-clock.ts';
import { changeEndpoints, type EndpointChanges } from './endpoint-changes.ts';

/** An operator, and what the simulated nodes needed meanwhile. */
export interface Shared {
  readonly operator: Usage;
  /** Of all processes with simulated nodes. */
  readonly simulated: { readonly cpuS: number; readonly memoryMB: number };
}

export interface OperatorSide {
  /** From exec of the operator until the last node, which held nothing, holds all. */
  readonly storm: Shared;
  /** The same for a new operator whose nodes hold all already. */
  readonly returning: Shared;
  readonly resources: number;
  readonly idle: Shared;
  readonly changing: Shared & { readonly times: EndpointChanges };
}

const SETTLE_MS = 15_000;
/** The operator that is measured has time to write what it found into the nodes' statuses. */
const LONG_SETTLE_MS = 60_000;
const STEADY_MS = 30_000;
/** Everybody's code gets warm. */
const WARM_UP = 10;

/** The operator as in its image, with meshed pods on simulated nodes: they connect at once, and endpoints change. */
export function measureOperatorSide(world: World, changes: number): Promise<OperatorSide> {
  return inControlPlane(async (config, api) => {
    const nodes = await step(describeWorld(world), () => fillCluster(api, world), '3 min');
    const agents = await step('agents', () => startAgents(config, api, nodes));
    const simulated = agents.pids.map((pid) => new ProcessSamples(pid));
    const between = (operator: ProcessSamples, fromMs: number, toMs: number): Shared => {
      const used = simulated.map((samples) => samples.between(fromMs, toMs));
      return {
        operator: operator.between(fromMs, toMs),
        simulated: {
          cpuS: used.reduce((sum, { cpuS }) => sum + cpuS, 0),
          memoryMB: used.reduce((sum, { memoryMB }) => sum + Math.max(...memoryMB), 0),
        },
      };
    };
    const start = async () => {
      const startedMs = wallMs();
      const operator = new ProcessSamples(await startOperator(config, api));
      const inStepMs = await agents.inStep(startedMs);
      return { operator, usage: between(operator, startedMs, inStepMs) };
    };
    try {
      const first = await step('all nodes connect, with nothing', start, '2 min');
      await sleep(SETTLE_MS);
      first.operator.stop();
      await stopProcess(stateOf(config), 'operator');
      const { operator, usage: returning } = await step('all nodes connect, with all', start, '1 min');
      await sleep(LONG_SETTLE_MS);
      const during = async <T>(work: () => Promise<T>) => {
        const fromMs = wallMs();
        const result = await work();
        return { result, usage: between(operator, fromMs, wallMs()) };
      };
      const idle = await step('nothing changes', () => during(() => sleep(STEADY_MS)));
      const deps = { config, api, agents, world };
      await step('warm-up', () => changeEndpoints(deps, WARM_UP));
      const changing = await step(`${changes} changes of endpoints`, () =>
        during(() => changeEndpoints(deps, changes)),
      );
      operator.stop();
      return {
        ...{ storm: first.usage, returning, resources: agents.resources(), idle: idle.usage },
        changing: { ...changing.usage, times: changing.result },
      };
    } finally {
      for (const samples of simulated) samples.stop();
      agents.stop();
    }
  });
}
