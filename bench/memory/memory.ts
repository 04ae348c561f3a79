import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Benchmark, Report, Row } from '../benchmark.ts';
import { showEstimate } from '../results.ts';
import { describeWorld, worldOf } from '../simulated/world.ts';
import { estimate, ratios } from '../statistics.ts';
import { type AgentMemory, measureAgent } from './agent.ts';
import { measureOperator, type OperatorMemory } from './operator.ts';
import { type MemorySamples, processMB, sampleMemory } from './working-set.ts';

const WORLD = worldOf({ nodes: 200, replicas: 10 });
const GOAL_MB = { agent: 120, operator: 300 } as const;

export const memory: Benchmark = {
  name: 'memory',
  about: 'memory of operator and agent in a cluster of size, against a Node process that does nothing',
  estimate: '8 min',
  run,
};

async function run(): Promise<Report> {
  const before = await measureBare();
  const operator = await measureOperator(WORLD);
  const agent = await measureAgent();
  const after = await measureBare();
  return {
    rows: rowsOf(operator, agent, { before, after }),
    notes: notesOf(operator, agent),
    samples: { before, operator, agent, after },
  };
}

/** The floor: the same program without any code to run. */
async function measureBare(): Promise<MemorySamples> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e9)'], { stdio: 'ignore', env: {} });
  try {
    await sleep(2000);
    return await sampleMemory(() => processMB(child.pid ?? 0), 10);
  } finally {
    child.kill();
  }
}

function rowsOf(
  operator: OperatorMemory,
  agent: AgentMemory,
  { before, after }: { readonly before: MemorySamples; readonly after: MemorySamples },
): Row[] {
  const bare = [...before.samplesMB, ...after.samplesMB];
  const bareMB = estimate(bare).median;
  const noise = showEstimate(
    estimate(ratios(after.samplesMB.map((value, index) => [value, before.samplesMB[index] ?? value]))),
  );
  const row = (what: string, { medianMB, maxMB, samplesMB }: MemorySamples, goalMB?: number): Row => ({
    what,
    measured: `${showEstimate(estimate(samplesMB), ' MB')}, most ${maxMB.toFixed(0)} MB`,
    baseline: showEstimate(estimate(bare), ' MB'),
    ratio: showEstimate(estimate(samplesMB.map((value) => value / bareMB))),
    noise,
    goal: goalMB === undefined ? '' : `≤ ${goalMB} MB`,
    isMet: goalMB === undefined ? undefined : medianMB <= goalMB,
  });
  return [
    row('operator: first half minute', operator.starting),
    row(`operator: ${describeWorld(WORLD)}`, operator.steady, GOAL_MB.operator),
    row('operator: the same and 1000 NetworkPolicies', operator.withPolicies),
    row('agent: container, no pods but cluster DNS', agent.empty),
    row('agent: container, 50 pods, 20 proxies', agent.container, GOAL_MB.agent),
    row('agent: the same by VmRSS − RssFile', agent.process),
  ];
}

function notesOf(operator: OperatorMemory, agent: AgentMemory): string[] {
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  return [
    'Working set without file cache, in MB of 10^6 bytes, median of 60 samples a second apart, beginning half a minute after the start. Operator and baseline: VmRSS − RssFile of the process. Agent: its container’s memory cgroup, usage less active and inactive file pages, which counts sockets and other kernel memory too; the process itself is the last row.',
    `Operator: dist/operator.js as in the image, without Weft's or other variables of the caller, one replica that leads, real API server; Kubernetes' controllers do not run. Pods of 5 kB. Agents are ${WORLD.size.nodes} AgentServers on as many loopback addresses, with tokens bound to pods of their nodes; they report leases, hold all they are told, and have no kernel behind them. From exec of the operator until the last node holds all: ${seconds(operator.inStepMs)} for ${operator.resources} resources. 1000 policies of both directions: ${operator.resourcesWithPolicies} resources, the last node ${seconds(operator.policiesMs)} after the first policy was sent. No pod has a proxy there.`,
    `Agent: installed by the chart on a lab node with ${agent.served.leases} pods on the pod network, ${agent.served.proxies} of them with Envoy, by its own metrics; one MeshService with 20 endpoints. No traffic but probes. The baseline's RSS with its mapped files is 43 MB: hardly any of Node is left when those are not counted.`,
  ];
}
