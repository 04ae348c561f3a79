import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { step } from '../../lab/setup/progress.ts';
import { STATE } from '../../lab/setup/paths.ts';
import { NetnsLab } from '../../test/dataplane/netns-lab.ts';
import type { Benchmark, Report, Row } from '../benchmark.ts';
import { TimedExec } from '../cni/timed-exec.ts';
import { WeftNode } from '../cni/weft-node.ts';
import { OperatorSide } from '../policy/operator-side.ts';
import { attachPods } from '../policy/pods.ts';
import { appName, createWorld, nodeName, type World } from '../policy/world.ts';
import { showEstimate } from '../results.ts';
import { estimate, quantile } from '../statistics.ts';

const WORLD = { nodes: 200, namespaces: 100, apps: 100 } as const;
const POLICIES = [100, 1_000, 10_000] as const;
const CHANGES = 60;
const GOAL = { wallMs: 200, agentCpuMs: 15 } as const;
const NODE = nodeName(0);

/** What one change took. */
interface Sample {
  /** From the watch event to the bytes of the update of the last node concerned. */
  readonly operatorMs: number;
  readonly nodes: number;
  /** From the bytes to the kernel's last answer. */
  readonly agentMs: number;
  readonly agentCpuMs: number;
}

type Samples = Readonly<Record<string, readonly Sample[]>>;

export const changes: Benchmark = {
  name: 'changes',
  about: 'a pod, a policy or a namespace changes among 100, 1,000 and 10,000 policies, until the kernel has it',
  estimate: '4 min',
  run: measure,
};

async function measure(): Promise<Report> {
  const samples = new Map<number, Samples>();
  for (const policies of POLICIES) {
    samples.set(policies, await step(`${policies} policies`, () => measureWith(policies), '1 min'));
  }
  const least = samples.get(POLICIES[0]) ?? {};
  return {
    rows: [...samples].flatMap(([policies, own]) => rowsOf(policies, own, least)),
    notes: NOTES,
    samples: Object.fromEntries(samples),
  };
}

async function measureWith(policies: number): Promise<Samples> {
  mkdirSync(STATE, { recursive: true });
  const folder = mkdtempSync(path.join(STATE, 'bench-changes-'));
  const lab = new NetnsLab();
  let node: WeftNode | undefined;
  try {
    const world = createWorld({ ...WORLD, policies });
    const others = world.nodes.map(({ metadata }) => metadata.name).filter((name) => name !== NODE);
    const operator = new OperatorSide(world, NODE, others);
    node = await WeftNode.start(lab, 'node', '192.0.2.1', path.join(folder, 'node'));
    for (const update of operator.initialUpdates()) await node.apply(update);
    const pods = world.pods.filter(({ spec }) => spec.nodeName === NODE);
    await attachPods({ lab, timer: new TimedExec(folder) }, node, pods);
    return await measureChanges(world, operator, node);
  } finally {
    await node?.stop();
    lab.close();
    rmSync(folder, { recursive: true });
  }
}

async function measureChanges(world: World, operator: OperatorSide, node: WeftNode): Promise<Samples> {
  let version = 1;
  const stamped = <T extends { readonly metadata: object }>(object: T): T => {
    version += 1;
    return { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
  };
  const one = async (put: () => void): Promise<Sample> => {
    const startedMs = performance.now();
    put();
    const { own, nodes } = operator.flush();
    const operatorMs = performance.now() - startedMs;
    let [agentMs, agentCpuMs] = [0, 0];
    for (const bytes of own) {
      const { wallMs, cpuMs } = await node.apply(bytes);
      agentMs += wallMs;
      agentCpuMs += cpuMs;
    }
    return { operatorMs, nodes, agentMs, agentCpuMs };
  };
  /** There and back again, after one such pair that does not count. */
  const many = async (there: () => void, back: () => void): Promise<Sample[]> => {
    for (const put of [there, back]) await one(put);
    const samples: Sample[] = [];
    for (let at = 0; at < CHANGES; at += 1) samples.push(await one(at % 2 === 0 ? there : back));
    return samples;
  };
  const { pods, namespaces, kubernetesPolicies } = operator.stores;
  const [pod, policy, namespace] = [world.pods[0], world.policies[0], world.namespaces[0]];
  if (pod === undefined || policy === undefined || namespace === undefined) throw new Error('the world is empty');
  const labels = { ...pod.metadata.labels, app: appName(1, WORLD.apps) };
  const ingress = (policy.spec.ingress ?? []).slice(1);
  const team = { ...namespace.metadata.labels, team: 'team-of-nobody' };
  return {
    "a pod's labels": await many(
      () => pods.set(stamped({ ...pod, metadata: { ...pod.metadata, labels } })),
      () => pods.set(stamped(pod)),
    ),
    'a policy': await many(
      () => kubernetesPolicies.set(stamped({ ...policy, spec: { ...policy.spec, ingress } })),
      () => kubernetesPolicies.set(stamped(policy)),
    ),
    "a namespace's labels": await many(
      () => namespaces.set(stamped({ ...namespace, metadata: { ...namespace.metadata, labels: team } })),
      () => namespaces.set(stamped(namespace)),
    ),
  };
}

function rowsOf(policies: number, samples: Samples, least: Samples): Row[] {
  return Object.entries(samples).flatMap(([name, own]) => {
    const what = `${policies.toLocaleString('en')} policies: ${name}`;
    const row = (part: string, of: (sample: Sample) => number, goalMs: number, quantileOf: 0.5 | 0.99): Row => {
      const values = own.map(of);
      const before = estimate((least[name] ?? []).map(of));
      return {
        what: `${what}: ${part}`,
        measured: `${showEstimate(estimate(values), ' ms')}, p99 ${quantile(values, 0.99).toFixed(1)} ms`,
        baseline: policies === POLICIES[0] ? '' : `with 100 policies: ${showEstimate(before, ' ms')}`,
        ratio: policies === POLICIES[0] ? '' : (quantile(values, 0.5) / before.median).toFixed(2),
        noise: '',
        goal: `${quantileOf === 0.99 ? 'p99 ' : ''}≤ ${goalMs} ms`,
        isMet: quantile(values, quantileOf) <= goalMs,
      };
    };
    const nodes = [...new Set(own.map((sample) => sample.nodes))].sort((a, b) => a - b).join(' or ');
    return [
      row(`all of it, ${nodes} nodes concerned`, ({ operatorMs, agentMs }) => operatorMs + agentMs, GOAL.wallMs, 0.99),
      row('agent, CPU', ({ agentCpuMs }) => agentCpuMs, GOAL.agentCpuMs, 0.5),
    ];
  });
}

const NOTES: readonly string[] = [
  '10,000 pods of 10,000 applications in 100 namespaces on 200 nodes (bench/policy/world.ts), one policy of both directions for each application; of fewer policies the others are left out. The node measured has 50 pods, connected by ADD. The pod is its first one, the policy selects it, the namespace is its own: its label takes 100 pods out of the sets of every policy that names its team.',
  'All of it: from the watch event to the bytes of the update of every node concerned, in process and as src/cmd wires it, and then from the bytes to the kernel’s last answer on the node measured, by its real agent. API server, connection, and the 2 ms for which changes are collected are left out; `bench scale` has them. Other nodes apply theirs at the same time on machines of their own. CPU: of the agent’s whole process meanwhile.',
];
