import type { Pod } from '../../src/api/kubernetes.ts';
import type { Row } from '../benchmark.ts';
import type { WeftNode } from '../cni/weft-node.ts';
import { type Comparison, compare } from '../interleave.ts';
import { showEstimate } from '../results.ts';
import { estimate, quantile } from '../statistics.ts';
import type { OperatorSide } from './operator-side.ts';
import { listTable } from './reload.ts';

const GOAL_MS = 15;
const PAIRS = 25;
const CHANGES_PER_PAIR = 10;

export interface LabelChangeDeps {
  readonly operator: OperatorSide;
  readonly node: WeftNode;
  /** The baseline: replaces a table like the node's; ms. */
  readonly reload: () => Promise<number>;
}

interface Sample {
  readonly operatorWallMs: number;
  readonly operatorCpuMs: number;
  readonly agentWallMs: number;
  readonly agentCpuMs: number;
  readonly upserts: number;
  readonly patches: number;
}

export interface LabelChangeResult {
  readonly rows: readonly Row[];
  readonly samples: { readonly comparison: Comparison; readonly changes: readonly Sample[] };
}

/** `pod` gets the label `app` of `other`, and its own back, again and again. */
export async function measureLabelChange(
  deps: LabelChangeDeps,
  what: string,
  pod: Pod,
  other: string,
): Promise<LabelChangeResult> {
  const changes: Sample[] = [];
  const own = pod.metadata.labels?.['app'] ?? '';
  let version = Number(pod.metadata.resourceVersion);
  const change = async (app: string) => {
    version += 1;
    const labels = { ...pod.metadata.labels, app };
    return applyChange(deps, { ...pod, metadata: { ...pod.metadata, labels, resourceVersion: String(version) } });
  };
  await checkKernel(
    deps.node,
    () => change(other),
    () => change(own),
  );
  const comparison = await compare(
    async () => {
      const some: Sample[] = [];
      for (let index = 0; index < CHANGES_PER_PAIR; index += 1) some.push(await change(index % 2 === 0 ? other : own));
      changes.push(...some);
      return quantile(
        some.map(({ agentWallMs }) => agentWallMs),
        0.5,
      );
    },
    deps.reload,
    PAIRS,
  );
  // Those of the round that does not count.
  changes.splice(0, CHANGES_PER_PAIR);
  return { rows: rowsOf(what, comparison, changes), samples: { comparison, changes } };
}

async function applyChange({ operator, node }: LabelChangeDeps, pod: Pod): Promise<Sample> {
  const [started, cpu] = [performance.now(), process.cpuUsage()];
  const { bytes, upserts, patches } = operator.change(pod);
  const operatorWallMs = performance.now() - started;
  const { user, system } = process.cpuUsage(cpu);
  const { wallMs, cpuMs } = await node.apply(bytes);
  return {
    operatorWallMs,
    operatorCpuMs: (user + system) / 1000,
    agentWallMs: wallMs,
    agentCpuMs: cpuMs,
    upserts,
    patches,
  };
}

/** What the agent calls done is in the kernel: the table differs after the change, and is as before after its return. */
async function checkKernel(node: WeftNode, there: () => Promise<unknown>, back: () => Promise<unknown>): Promise<void> {
  const before = await listTable(node);
  await there();
  if ((await listTable(node)) === before) throw new Error('the kernel shows nothing of the change');
  await back();
  if (sorted(await listTable(node)) !== sorted(before)) throw new Error('the kernel does not show the change undone');
}

/** Elements and chains in any order. */
function sorted(table: string): string {
  return table
    .split(/[\n,]/)
    .map((part) => part.replaceAll(/[\s{}]|elements =/g, ''))
    .sort()
    .join('\n');
}

function rowsOf(what: string, { candidate, baseline, ratio, noise }: Comparison, changes: readonly Sample[]): Row[] {
  const row = (name: string, of: (sample: Sample) => number): Row => {
    const values = changes.map(of);
    const p99 = `p99 ${quantile(values, 0.99).toFixed(2)} ms`;
    const measured = `${showEstimate(estimate(values), ' ms')}, ${p99}`;
    return { what: `${what}: ${name}`, measured, baseline: '', ratio: '', noise: '', goal: '', isMet: undefined };
  };
  return [
    {
      ...row('agent, wall', ({ agentWallMs }) => agentWallMs),
      baseline: `nft -f of the whole table: ${showEstimate(baseline, ' ms')}`,
      ratio: showEstimate(ratio),
      noise: showEstimate(noise),
      goal: `≤ ${GOAL_MS} ms`,
      isMet: candidate.median <= GOAL_MS,
    },
    row('agent, CPU', ({ agentCpuMs }) => agentCpuMs),
    row('operator, wall', ({ operatorWallMs }) => operatorWallMs),
    row('operator, CPU', ({ operatorCpuMs }) => operatorCpuMs),
  ];
}
