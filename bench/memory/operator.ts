import { step } from '../../lab/setup/progress.ts';
import { startAgents } from '../simulated/agents.ts';
import { addPolicies, fillCluster } from '../simulated/fill.ts';
import { inControlPlane, startOperator } from '../simulated/operator.ts';
import { describeWorld, type World } from '../simulated/world.ts';
import { type MemorySamples, processMB, sampleMemory } from './working-set.ts';

export interface OperatorMemory {
  /** From exec until the last of the nodes holds all that it should. */
  readonly inStepMs: number;
  readonly resources: number;
  readonly starting: MemorySamples;
  readonly steady: MemorySamples;
  readonly withPolicies: MemorySamples;
  readonly policiesMs: number;
  readonly resourcesWithPolicies: number;
}

const SETTLE_S = 30;
const STEADY_S = 60;

/** The operator as in its image, against a real API server and the agents of simulated nodes. */
export function measureOperator(world: World): Promise<OperatorMemory> {
  return inControlPlane(async (config, api) => {
    const nodes = await step(describeWorld(world), () => fillCluster(api, world), '1 min');
    const agents = await startAgents(config, api, nodes);
    try {
      const startedMs = Date.now();
      const pid = await startOperator(config, api);
      const read = () => processMB(pid);
      const [inStepAtMs, starting] = await step('all nodes in step', () => {
        return Promise.all([agents.inStep(startedMs), sampleMemory(read, SETTLE_S)]);
      });
      const steady = await step('memory', () => sampleMemory(read, STEADY_S), `${STEADY_S} s`);
      const resources = agents.resources();
      const policiesFromMs = Date.now();
      await step('1,000 policies', () => addPolicies(api, world));
      const withPoliciesAtMs = await step('all nodes in step', () => agents.inStep(policiesFromMs));
      await sampleMemory(read, SETTLE_S);
      const withPolicies = await step('memory', () => sampleMemory(read, STEADY_S), `${STEADY_S} s`);
      const resourcesWithPolicies = agents.resources();
      const [inStepMs, policiesMs] = [inStepAtMs - startedMs, withPoliciesAtMs - policiesFromMs];
      return { inStepMs, resources, starting, steady, withPolicies, policiesMs, resourcesWithPolicies };
    } finally {
      agents.stop();
    }
  });
}
