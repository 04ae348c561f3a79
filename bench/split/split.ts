import path from 'node:path';
import { kubectl } from '../../lab/cluster/cluster.ts';
import type { ClusterConfig } from '../../lab/cluster/config.ts';
import { waitForRollout } from '../../lab/cluster/install.ts';
import { ROOT } from '../../lab/setup/paths.ts';
import { step } from '../../lab/setup/progress.ts';
import type { Benchmark, Report, Row } from '../benchmark.ts';
import { showEstimate } from '../results.ts';
import { estimate, quantile, ratios } from '../statistics.ts';
import { connect, inWeftCluster } from './bench-cluster.ts';
import { type Changes, measureChanges, PAUSE_MS } from './changes.ts';
import { clientPod } from './client.ts';

const CHANGES = 240;
/** The client's proxy, the watches and everybody's code get warm. */
const WARM_UP = 10;
const GOAL_P99_MS = 300;
const SHOP = 'shop';

export const split: Benchmark = {
  name: 'split',
  about: 'a change of the weights of a TrafficSplit, until it takes effect, against the watch that tells of it',
  estimate: '7 min',
  run,
};

async function run(): Promise<Report> {
  const measured = await inWeftCluster(['node-1', 'node-2'], async (config) => {
    await step('the shop of examples/ and its client', () => openShop(config));
    const api = connect(config);
    try {
      await measureChanges(config, api, WARM_UP);
      return await step(`${CHANGES} changes`, () => measureChanges(config, api, CHANGES));
    } finally {
      await api.close();
    }
  });
  return { rows: rowsOf(measured), notes: notesOf(measured), samples: measured };
}

async function openShop(config: ClusterConfig): Promise<void> {
  for (const file of ['shop.yaml', 'mesh.yaml'])
    await kubectl(config, ['apply', '-f', path.join(ROOT, 'examples', file)]);
  for (const name of ['web-v1', 'web-v2', 'client']) await waitForRollout(config, SHOP, `deployment/${name}`);
  await kubectl(config, ['apply', '-f', '-'], JSON.stringify(clientPod(SHOP)));
  await kubectl(config, ['-n', SHOP, 'wait', 'pod', '--all', '--for=condition=Ready', '--timeout=60s']);
}

function rowsOf({ changes }: Changes): Row[] {
  const seen = changes.map(({ seenMs }) => seenMs);
  const pairs = seen.slice(1).map((value, index) => [value, seen[index] ?? value] as const);
  const row = (what: string, after: readonly number[], goalMs: number | undefined): Row => {
    const wholes = changes.map(({ answerMs }, index) => answerMs + (after[index] ?? Number.NaN));
    return {
      what,
      measured: show(after),
      baseline: show(seen),
      ratio: showEstimate(estimate(ratios(wholes.map((whole, index) => [whole, seen[index] ?? Number.NaN])))),
      noise: showEstimate(estimate(ratios(pairs))),
      goal: goalMs === undefined ? '' : `p99 ≤ ${goalMs} ms`,
      isMet: goalMs === undefined ? undefined : quantile(after, 0.99) <= goalMs,
    };
  };
  return [
    row(
      'PATCH answered → first answer by the other version',
      changes.map(({ firstAnswerMs }) => firstAnswerMs),
      GOAL_P99_MS,
    ),
    row(
      'PATCH answered → Programmed, seen by a watch',
      changes.map(({ programmedMs }) => programmedMs),
      undefined,
    ),
  ];
}

function show(samplesMs: readonly number[]): string {
  const [p99, worst] = [quantile(samplesMs, 0.99), Math.max(...samplesMs)];
  return `${showEstimate(estimate(samplesMs), ' ms')}, p99 ${p99.toFixed(1)} ms, worst ${worst.toFixed(1)} ms`;
}

function notesOf({ changes, answers, failures, wholeMs }: Changes): string[] {
  const every = wholeMs / answers;
  const answer = quantile(
    changes.map(({ answerMs }) => answerMs),
    0.5,
  );
  return [
    `${changes.length} changes of 100/0 to 0/100 and back, each ${PAUSE_MS.least}–${PAUSE_MS.most} ms after the one before was in force and Programmed: an operator writes the status of an object once a second at most, so that of changes that come faster, Programmed waits for the rest of that second. Lab cluster of two nodes on this machine, two operators, the shop of examples/: two pods of each version, all of them with proxies. Client and benchmark read the same clock.`,
    `The client asks again 1 ms after each answer, through its proxy and over one connection: about every ${every.toFixed(1)} ms, which is how exact its figure is. It got ${answers} answers, ${failures} requests failed.`,
    `Baseline: PATCH sent → the same object seen by a bare watch of the API server, in the process that sent it; nothing that follows the API server can begin earlier. The PATCH's answer takes ${answer.toFixed(1)} ms (median). The ratio counts both from the sending.`,
  ];
}
