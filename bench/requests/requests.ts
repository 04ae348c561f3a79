import { prepareMachine } from '../../lab/cluster/cluster.ts';
import { labEnv, until } from '../../lab/setup/shell.ts';
import type { Benchmark, Report, Row } from '../benchmark.ts';
import { showEstimate } from '../results.ts';
import { estimate, ratios } from '../statistics.ts';
import { startBarePair, startDirectPair } from './bare-pair.ts';
import { startWeftPair } from './weft-pair.ts';
import { measureLoad, type Pair, type Sample } from './pair.ts';

const PAIRS = 15;
const REQUESTS = 3_000;
const GOAL = 1.15;

export const requests: Benchmark = {
  name: 'requests',
  about: "what two of Weft's proxies add to a request, against the same Envoy with a configuration by hand",
  estimate: '7 min',
  run: measure,
};

interface Round {
  readonly weft: Sample;
  /** Before and after. */
  readonly bare: readonly [Sample, Sample];
  /** Without proxies. */
  readonly direct: Sample;
}

async function measure(): Promise<Report> {
  await prepareMachine();
  process.env['PATH'] = labEnv()['PATH'];
  const rows: Row[] = [];
  const samples: Record<string, readonly Round[]> = {};
  for (const isMutualTls of [false, true]) {
    const name = isMutualTls ? 'mutual TLS' : 'plain';
    const pairs = [startDirectPair(), await startBarePair(isMutualTls), await startWeftPair(isMutualTls)] as const;
    try {
      const rounds = await measureRounds(...pairs);
      samples[name] = rounds;
      rows.push(...rowsOf(name, rounds));
    } finally {
      for (const pair of pairs) await pair.close();
    }
  }
  return { rows, notes: NOTES, samples };
}

async function measureRounds(direct: Pair, bare: Pair, weft: Pair): Promise<readonly Round[]> {
  for (const pair of [direct, bare, weft]) {
    await until('requests are answered', 20_000, () => measureLoad(pair, 100).then(() => true));
    await measureLoad(pair, REQUESTS);
  }
  const rounds: Round[] = [];
  for (let round = 0; round < PAIRS; round += 1) {
    const before = await measureLoad(bare, REQUESTS);
    const middle = await measureLoad(weft, REQUESTS);
    const after = await measureLoad(bare, REQUESTS);
    rounds.push({ weft: middle, bare: [before, after], direct: await measureLoad(direct, REQUESTS) });
  }
  return rounds;
}

function rowsOf(name: string, rounds: readonly Round[]): Row[] {
  const added =
    (of: 'p50Ms' | 'p99Ms') =>
    (sample: Sample, { direct }: Round) =>
      sample[of] - direct[of];
  return [
    rowOf(`${name}: CPU of both proxies for 1,000 requests`, rounds, (sample) => sample.cpuMs, 'ms', GOAL),
    rowOf(`${name}: added to the median time of an answer`, rounds, added('p50Ms'), 'ms', GOAL),
    rowOf(`${name}: added to its 99th percentile`, rounds, added('p99Ms'), 'ms', undefined),
  ];
}

function rowOf(
  what: string,
  rounds: readonly Round[],
  value: (sample: Sample, round: Round) => number,
  unit: string,
  goal: number | undefined,
): Row {
  const bareOf = (round: Round) => (value(round.bare[0], round) + value(round.bare[1], round)) / 2;
  const ratio = estimate(ratios(rounds.map((round) => [value(round.weft, round), bareOf(round)])));
  return {
    what,
    measured: showEstimate(estimate(rounds.map((round) => value(round.weft, round))), unit),
    baseline: showEstimate(estimate(rounds.map(bareOf)), unit),
    ratio: showEstimate(ratio),
    noise: showEstimate(
      estimate(ratios(rounds.map((round) => [value(round.bare[1], round), value(round.bare[0], round)]))),
    ),
    goal: goal === undefined ? '' : `≤ ${goal}`,
    isMet: goal === undefined ? undefined : ratio.median <= goal,
  };
}

const NOTES = [
  `Two network namespaces joined by a cable, in each an Envoy with one worker; a caller with 8 connections and 4 ms between its requests, ${REQUESTS.toLocaleString('en')} requests a run. Weft's proxies are configured by the code of an agent from what the model makes of a Service, with its redirect; the baseline is the same Envoy behind the same redirect, with a listener, a route and a cluster by hand, and for mutual TLS certificates of the same kind from files.`,
  'CPU: user and system time of both Envoys from /proc. Added: less the same requests without any proxy, measured in the same round. The application is a small Go server, which answers at once.',
];
