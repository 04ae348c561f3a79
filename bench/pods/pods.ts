import type { ClusterConfig } from '../../lab/cluster/config.ts';
import { step } from '../../lab/setup/progress.ts';
import type { Benchmark, Report, Row } from '../benchmark.ts';
import { type Comparison, compare } from '../interleave.ts';
import { showEstimate } from '../results.ts';
import { connect, inWeftCluster } from '../split/bench-cluster.ts';
import { burst, prepare, type Sort } from './burst.ts';
import { type AddTimes, adds, addTimesSince, readAddTimes, showQuantile, sumOf } from './cni-times.ts';

const NODE = 'node-1';
const PODS = 200;
const PAIRS = 3;
const MESHED_PODS = 100;

export const pods: Benchmark = {
  name: 'pods',
  about: `${PODS} pods started at once on one node, against as many without a network of their own`,
  estimate: '20 min',
  run,
};

interface Measured {
  readonly plain: Comparison;
  /** Of the candidates that count. */
  readonly plainAdds: AddTimes;
  readonly meshedS: number;
  readonly meshedAdds: AddTimes;
}

async function run(): Promise<Report> {
  const measured = await inWeftCluster([NODE], measure);
  const { plain, plainAdds, meshedS, meshedAdds } = measured;
  const shown = { plainAdds: [...plainAdds], meshedAdds: [...meshedAdds] };
  return { rows: rowsOf(measured), notes: NOTES, samples: { plain: plain.samples, meshedS, ...shown } };
}

async function measure(config: ClusterConfig): Promise<Measured> {
  const api = connect(config);
  const started = (sort: Sort, count: number) =>
    step(`${count} pods, ${sort}`, () => burst(config, api, sort, count), '2 min');
  try {
    for (const sort of ['host', 'weft', 'meshed'] as const) await prepare(config, sort);
    // First, as it is the likeliest to fail.
    const meshed = await withAddTimes(config, () => started('meshed', MESHED_PODS));
    const addsOfEach: AddTimes[] = [];
    const plain = await compare(
      async () => {
        const { seconds, times } = await withAddTimes(config, () => started('weft', PODS));
        if (adds(times) !== PODS) throw new Error(`the agent counts ${adds(times)} ADDs for ${PODS} pods`);
        addsOfEach.push(times);
        return seconds;
      },
      () => started('host', PODS),
      PAIRS,
    );
    // That of the round that does not count.
    addsOfEach.shift();
    return { plain, plainAdds: sumOf(addsOfEach), meshedS: meshed.seconds, meshedAdds: meshed.times };
  } finally {
    await api.close();
  }
}

async function withAddTimes(config: ClusterConfig, work: () => Promise<number>) {
  const before = await readAddTimes(config, NODE);
  const seconds = await work();
  return { seconds, times: addTimesSince(before, await readAddTimes(config, NODE)) };
}

function rowsOf({ plain, plainAdds, meshedS, meshedAdds }: Measured): Row[] {
  const blank = { baseline: '', ratio: '', noise: '', goal: '', isMet: undefined };
  const quantiles = (times: AddTimes) =>
    `p50 ${showQuantile(times, 0.5)}, p99 ${showQuantile(times, 0.99)} of ${adds(times)}`;
  return [
    {
      ...blank,
      what: `${PODS} pods: Deployment scaled → all Running`,
      measured: showEstimate(plain.candidate, ' s'),
      baseline: `hostNetwork: ${showEstimate(plain.baseline, ' s')}`,
      ratio: showEstimate(plain.ratio),
      noise: showEstimate(plain.noise),
    },
    { ...blank, what: `${PODS} pods: ADD, by the agent`, measured: quantiles(plainAdds) },
    { ...blank, what: `${MESHED_PODS} pods with a proxy: → all Running`, measured: `${meshedS.toFixed(1)} s` },
    { ...blank, what: `${MESHED_PODS} pods with a proxy: ADD, by the agent`, measured: quantiles(meshedAdds) },
  ];
}

const NOTES = [
  `One node, containerd and kubelet as they come, Weft by its chart, in a lab cluster whose control plane is on the same cores. A Deployment is scaled from 0 to ${PODS}; the clock stops when a watch has shown all pods Running. No pod may fail, be started anew or have another's address: the run ends with an error then. The pods are scaled to 0 before the next, and a round before does not count.`,
  'Baseline: the same pods with hostNetwork, for which the runtime makes no network namespace and calls no CNI: what scheduler, kubelet and containerd take for themselves. Both kinds of pods do nothing but sleep.',
  `ADD: weft_cni_duration_seconds of the agent, from the request of the CNI program to its answer, which includes waiting for the operator to tell the node of the pod and for other nodes to know its address. Its buckets say between which bounds a quantile lies.`,
  `With a proxy: once, before the others, ${MESHED_PODS} pods, each with Envoy as a native sidecar. By the chart's requests for proxies (10m CPU, 64 MiB) ${PODS} pods do not fit into two cores beside Weft itself. The pod is Running when its Envoy answers its startup probe and the container behind it has begun.`,
];
