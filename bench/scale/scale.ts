import { setTimeout as sleep } from 'node:timers/promises';
import { step } from '../../lab/setup/progress.ts';
import type { Benchmark, Report, Row } from '../benchmark.ts';
import { showEstimate } from '../results.ts';
import { startAgents } from '../simulated/agents.ts';
import { addPolicies, fillCluster } from '../simulated/fill.ts';
import { inControlPlane, startOperator } from '../simulated/operator.ts';
import { describeWorld, worldOf } from '../simulated/world.ts';
import { estimate, quantile } from '../statistics.ts';
import { wallMs } from '../wall-clock.ts';
import { writeHeartbeats } from './heartbeats.ts';
import { measureNewPods, type NewPods, type NewPodTimes, newPlaces } from './new-pods.ts';
import { ProcessSamples, type Usage } from './process-samples.ts';

const WORLD = worldOf({ nodes: 1_000, replicas: 50 });
const NEW_PODS = 60;
const SETTLE_MS = 30_000;
const STEADY_MS = 60_000;

export const scale: Benchmark = {
  name: 'scale',
  about:
    'one operator with 1,000 simulated nodes of 50 pods, and how long until all know a new pod; against a bare watch',
  estimate: '12 min',
  run,
};

interface Measured {
  /** From exec of the operator until the last node has all that it should. */
  readonly starting: Usage;
  readonly resources: number;
  readonly processes: number;
  readonly idle: Usage;
  readonly beating: Usage;
  readonly heartbeats: number;
  readonly few: { readonly times: NewPods; readonly usage: Usage };
  readonly all: { readonly times: NewPods; readonly usage: Usage };
}

async function run(): Promise<Report> {
  const measured = await measure();
  return { rows: rowsOf(measured), notes: notesOf(measured), samples: measured };
}

function measure(): Promise<Measured> {
  return inControlPlane(async (config, api) => {
    const nodes = await step(`${describeWorld(WORLD)}, 1,000 policies`, () => fillWorld(api), '6 min');
    const agents = await step('agents', () => startAgents(config, api, nodes));
    const startedMs = wallMs();
    const samples = new ProcessSamples(await startOperator(config, api));
    try {
      const inStepMs = await step('all nodes in step', () => agents.inStep(startedMs), '3 min');
      const starting = samples.between(startedMs, inStepMs);
      const resources = agents.resources();
      await sleep(SETTLE_MS);
      const during = async (work: () => Promise<unknown>) => {
        const fromMs = wallMs();
        await work();
        return samples.between(fromMs, wallMs());
      };
      const idle = await step('nothing changes', () => during(() => sleep(STEADY_MS)), '1 min');
      let heartbeats = 0;
      const beating = await step('kubelets write statuses', () =>
        during(async () => {
          heartbeats = await writeHeartbeats(api, WORLD.size.nodes, STEADY_MS);
        }),
      );
      const newPods = async (isWide: boolean) => {
        const places = newPlaces(WORLD, NEW_PODS, isWide);
        const times = await measureNewPods({ config, api, agents, world: WORLD }, places);
        return { times, usage: samples.between(times.startedMs, times.endedMs) };
      };
      const few = await step(`${NEW_PODS} pods that some nodes need`, () => newPods(false), '2 min');
      const all = await step(`${NEW_PODS} pods that all nodes need`, () => newPods(true), '2 min');
      return { starting, resources, processes: agents.pids.length, idle, beating, heartbeats, few, all };
    } finally {
      samples.stop();
      agents.stop();
    }
  });
}

async function fillWorld(api: Parameters<typeof fillCluster>[0]) {
  const nodes = await fillCluster(api, WORLD);
  await addPolicies(api, WORLD);
  return nodes;
}

function rowsOf({ starting, idle, beating, heartbeats, few, all }: Measured): Row[] {
  const blank = { baseline: '', ratio: '', noise: '', goal: '', isMet: undefined };
  const perMinute = ({ cpuS, seconds }: Usage) => `${((cpuS / seconds) * 60).toFixed(2)} s CPU`;
  return [
    {
      ...blank,
      what: 'operator: exec → the last node holds all',
      measured: `${starting.seconds.toFixed(1)} s, ${starting.cpuS.toFixed(1)} s CPU, most ${Math.max(...starting.memoryMB).toFixed(0)} MB`,
    },
    {
      ...blank,
      what: 'operator: memory, nothing changes',
      measured: `${showEstimate(estimate(idle.memoryMB), ' MB')}, most ${Math.max(...idle.memoryMB).toFixed(0)} MB`,
    },
    { ...blank, what: 'operator: a minute in which nothing changes', measured: perMinute(idle) },
    { ...blank, what: `operator: a minute with ${heartbeats} kubelets' statuses`, measured: perMinute(beating) },
    ...rowsOfPods(few, idle),
    ...rowsOfPods(all, idle),
  ];
}

function rowsOfPods({ times: { pods }, usage }: Measured['few'], idle: Usage): Row[] {
  const show = (values: readonly number[]) =>
    `${showEstimate(estimate(values), ' ms')}, p99 ${quantile(values, 0.99).toFixed(0)} ms`;
  const watched = pods.map(({ watchMs }) => watchMs);
  const whole = pods.map(({ answerMs, watchMs }) => answerMs + watchMs);
  const nodes = [...new Set(pods.map((pod) => pod.nodes))].join(' or ');
  const row = (what: string, of: (times: NewPodTimes) => number): Row => ({
    what: `new pod that ${nodes} nodes need: ${what}`,
    measured: show(pods.map(of)),
    baseline: `bare watch: ${show(watched)}`,
    ratio: showEstimate(estimate(pods.map((pod, index) => (pod.answerMs + of(pod)) / (whole[index] ?? Number.NaN)))),
    noise: showEstimate(estimate(whole.slice(1).map((ms, index) => ms / (whole[index] ?? Number.NaN)))),
    goal: '',
    isMet: undefined,
  });
  const cpuMs = ((usage.cpuS - (idle.cpuS / idle.seconds) * usage.seconds) / pods.length) * 1000;
  return [
    row('→ its node is told', ({ toldMs }) => toldMs),
    row('→ the last node has its address', ({ lastMs }) => lastMs),
    row('→ its ADD may answer', ({ knownMs }) => knownMs),
    {
      ...{ what: `new pod that ${nodes} nodes need: operator`, measured: `${cpuMs.toFixed(0)} ms CPU` },
      ...{ baseline: '', ratio: '', noise: '', goal: '', isMet: undefined },
    },
  ];
}

function notesOf({ resources, processes, starting }: Measured): string[] {
  const figure = (value: number) => value.toLocaleString('en', { maximumFractionDigits: 0 });
  return [
    `${describeWorld(WORLD)}, 50 endpoints a service, 1,000 NetworkPolicies of both directions: all there before the operator is started; dist/operator.js as in the image, one replica that leads, with a real API server and without Kubernetes' controllers. Agents are ${WORLD.size.nodes} AgentServers on as many loopback addresses in ${processes} processes, with tokens bound to pods of their nodes; they parse and hold all they are told, and have no kernel behind them. They hold ${figure(resources)} resources when the last is in step.`,
    `API server, etcd and all simulated agents run on the same cores as the operator, and a change that concerns all nodes is received and parsed ${WORLD.size.nodes} times there: of the ${starting.seconds.toFixed(0)} s until all are in step the operator was on a core for ${starting.cpuS.toFixed(0)} s. In a real cluster each node does its own part.`,
    `New pods are made one after the other, with nodeName, each on another node. Times begin with the API server's answer to the POST, ratio and noise, which is one pod's baseline against that of the pod before, with the POST itself, as a watch may be ahead of the answer. When its node is told of the pod, its agent leases an address at once and reports it; "its ADD may answer" is the operator's word that all nodes concerned have the address. Which nodes need it is worked out from the world, and the run fails when one is missing or another is told. Figures: median with its 95 % interval, and p99, of ${NEW_PODS} pods. Operator's CPU per pod: of the whole time, less what it uses when nothing changes.`,
    'Baseline: a process of its own that watches all pods and parses each event as the operator does, and nothing else. Memory: VmRSS − RssFile in MB of 10^6 bytes, twice a second for a minute, half a minute after all are in step. Statuses: each kubelet writes its Node every 5 minutes when nothing changed.',
  ];
}
