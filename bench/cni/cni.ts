import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { installBinaries } from '../../lab/setup/binaries.ts';
import { STATE } from '../../lab/setup/paths.ts';
import { NetnsLab } from '../../test/dataplane/netns-lab.ts';
import type { Benchmark, Report, Row } from '../benchmark.ts';
import { showEstimate } from '../results.ts';
import { estimate, quantile, ratios } from '../statistics.ts';
import { type Cycle, type Load, measureRounds, type Round } from './cycles.ts';
import { floorSide, referenceSide, type Scenario, type Side, startNode, weftSide } from './sides.ts';
import { TimedExec, type Timing } from './timed-exec.ts';

const SCENARIOS: readonly Scenario[] = ['plain', 'policy', 'mesh', 'full'];
const GOAL = { add: 0.25, del: 0.1, burstMs: 1000 } as const;
const ROUNDS = 15;
const BURST_ROUNDS = 6;
const LARGE_ROUNDS = 3;
const ONE: Load = { pods: 10, parallel: 1 };
const TEN: Load = { pods: 10, parallel: 10 };
const HUNDRED: Load = { pods: 100, parallel: 100 };
const TWO_HUNDRED: Load = { pods: 200, parallel: 200 };

export const cni: Benchmark = {
  name: 'cni',
  about: 'ADD and DEL from exec to exit, against the reference plugins bridge + host-local',
  estimate: '10 min',
  run,
};

async function run(): Promise<Report> {
  await installBinaries();
  mkdirSync(STATE, { recursive: true });
  const folder = mkdtempSync(path.join(STATE, 'bench-cni-'));
  const lab = new NetnsLab();
  const tools = { lab, timer: new TimedExec(folder) };
  try {
    const reference = referenceSide(lab, folder);
    const node = await startNode(lab, path.join(folder, 'node'));
    const dual = await startNode(lab, path.join(folder, 'dual'), [4, 6]);
    try {
      const weft = SCENARIOS.map((scenario) => weftSide(scenario === 'full' ? dual : node, scenario));
      const sides: readonly Side[] = [...weft, floorSide(node.netnsPath)];
      const one = await measureRounds(tools, reference, sides, ONE, ROUNDS);
      const ten = await measureRounds(tools, reference, sides, TEN, ROUNDS);
      const hundred = await measureRounds(tools, reference, weft, HUNDRED, BURST_ROUNDS);
      const twoHundred = await measureRounds(tools, reference, weft, TWO_HUNDRED, LARGE_ROUNDS);
      return {
        rows: [
          ...SCENARIOS.flatMap((scenario, index) => scenarioRows(scenario, index, { one, ten, hundred, twoHundred })),
          ...floorRows(SCENARIOS.length, one, ten),
        ],
        notes: NOTES,
        samples: { sides: sides.map(({ name }) => name), one, ten, hundred, twoHundred },
      };
    } finally {
      await node.stop();
      await dual.stop();
    }
  } finally {
    lab.close();
    rmSync(folder, { recursive: true });
  }
}

interface Measured {
  readonly one: readonly Round[];
  readonly ten: readonly Round[];
  readonly hundred: readonly Round[];
  readonly twoHundred: readonly Round[];
}

function scenarioRows(scenario: Scenario, index: number, { one, ten, hundred, twoHundred }: Measured): Row[] {
  const each = ({ eachMs }: Timing) => eachMs;
  const whole = ({ wholeMs }: Timing) => [wholeMs];
  // The goals are about what one caller waits for.
  const row = (what: string, rounds: readonly Round[], verb: 'add' | 'del', samplesOf: SamplesOf) =>
    rowOf(`${scenario}: ${what}`, samplesOf === each ? GOAL[verb] : undefined, rounds, index, (cycle) =>
      samplesOf(cycle[verb]),
    );
  const burst = row('100 ADDs at once, the whole', hundred, 'add', whole);
  const burstMs = quantile(
    hundred.flatMap(({ candidates }) => candidates[index]?.add.wholeMs ?? []),
    0.5,
  );
  return [
    row('ADD, one at a time', one, 'add', each),
    row('ADD, 10 at once, each', ten, 'add', each),
    row('ADD, 10 at once, the whole', ten, 'add', whole),
    row('DEL, one at a time', one, 'del', each),
    row('DEL, 10 at once, each', ten, 'del', each),
    row('DEL, 10 at once, the whole', ten, 'del', whole),
    { ...burst, goal: `≤ ${GOAL.burstMs} ms`, isMet: burstMs <= GOAL.burstMs },
    row('200 ADDs at once, the whole', twoHundred, 'add', whole),
  ];
}

function floorRows(index: number, one: readonly Round[], ten: readonly Round[]): Row[] {
  const each = ({ add }: Cycle) => add.eachMs;
  return [
    rowOf('floor: /bin/true, one at a time', undefined, one, index, each),
    rowOf('floor: /bin/true, 10 at once, each', undefined, ten, index, each),
  ];
}

type SamplesOf = (timing: Timing) => readonly number[];

/** A round's figure is the median of its samples; p99 is of the samples of all rounds. */
function rowOf(
  what: string,
  goal: number | undefined,
  rounds: readonly Round[],
  index: number,
  samplesOf: (cycle: Cycle) => readonly number[],
): Row {
  const samples = rounds.map(({ before, candidates, after }) => ({
    before: samplesOf(before),
    after: samplesOf(after),
    candidate: candidates.slice(index, index + 1).flatMap(samplesOf),
  }));
  const figures = samples.map(({ before, candidate, after }) => ({
    before: quantile(before, 0.5),
    candidate: quantile(candidate, 0.5),
    after: quantile(after, 0.5),
  }));
  const ratio = estimate(ratios(figures.map(({ before, candidate, after }) => [candidate, (before + after) / 2])));
  const show = (perRound: readonly number[], all: readonly number[]) =>
    `${showEstimate(estimate(perRound), ' ms')}, p99 ${quantile(all, 0.99).toFixed(1)} ms`;
  return {
    what,
    measured: show(
      figures.map(({ candidate }) => candidate),
      samples.flatMap(({ candidate }) => candidate),
    ),
    baseline: show(
      figures.map(({ before, after }) => (before + after) / 2),
      samples.flatMap(({ before, after }) => [...before, ...after]),
    ),
    ratio: showEstimate(ratio),
    noise: showEstimate(estimate(ratios(figures.map(({ before, after }) => [after, before])))),
    goal: goal === undefined ? '' : `≤ ${goal}`,
    isMet: goal === undefined ? undefined : ratio.median <= goal,
  };
}

const NOTES: readonly string[] = [
  `Each round is baseline, all scenarios, baseline; one round before does not count. One at a time: ${ROUNDS} rounds of ${ONE.pods} pods; 10 at once: ${ROUNDS} rounds; 100 at once: ${BURST_ROUNDS} rounds; 200: ${LARGE_ROUNDS}. Each pod gets a new network namespace, made before the clock starts; DEL comes after all ADDs of the round. A round's figure is the median of its calls; p99 is of all calls, and of few rounds it is hardly more than the worst.`,
  'The clock is bench/cni/timed-exec.c: posix_spawn to waitpid, the same for every program. The floor row is /bin/true by the same clock, loaded dynamically; both CNI programs are static.',
  'Baseline: containernetworking plugins at the version of lab/binaries/go.mod, isGateway on, ipMasq off, one bridge, dataDir on the same disk as the journal of Weft. It has no policy, encapsulation or mesh. Its programs run once per call and host-local takes a lock; Weft answers from a process that is there already, whose memory is not in these figures.',
  "Weft: the shim of shim/weft-cni.c, compiled as in a release but for its socket's path; NodeAgent in a process and network namespace of its own, journal with fsync, nft table, 32 blocks. The operator is one that answers at once, so its network round trips are left out: they go on beside the wiring, and a pod that other nodes' policies name may wait up to 200 ms for those nodes. The pod and its chains are told before ADD.",
  'policy: the pod has an ingress and an egress chain of 10 rules, each rule with an address set of 20. mesh: redirect, listener and a new key for each pod; its certificate is not waited for by ADD and not signed here. full: one address of each family, the chains of policy, and a limit of 1 Gbit/s each way, on a second node whose pools are of both families.',
];
