import { spawn } from 'node:child_process';
import { run, until } from '../../lab/setup/shell.ts';
import type { Row } from '../benchmark.ts';
import { type Comparison, compare } from '../interleave.ts';
import { showEstimate } from '../results.ts';
import { PORT } from './world.ts';

const GOAL = 0.97;
const PAIRS = 20;
const SECONDS = 1;

/** Two connected pods, and the server in one of them. */
export interface Stream {
  /** Receives for `SECONDS`; Gbit/s as the receiver counts them. */
  measure(): Promise<number>;
  close(): Promise<void>;
}

/** Starts an iperf3 server in the pod at `serverNetns`, whose address is given. */
export async function openStream(clientNetns: string, serverNetns: string, address: string): Promise<Stream> {
  const server = spawn('nsenter', [`--net=${serverNetns}`, 'iperf3', '-s', '-p', `${PORT}`], { stdio: 'ignore' });
  const measure = async () => {
    // Client and server each on a core of its own, on both sides: the scheduler's choice is not measured.
    const client = ['iperf3', '-c', address, '-p', `${PORT}`, '-t', `${SECONDS}`, '-A', '0,1', '-J'];
    const { stdout } = await run('nsenter', [`--net=${clientNetns}`, ...client]);
    return parseGigabits(JSON.parse(stdout));
  };
  await until('an iperf3 server answers', 10_000, measure);
  return {
    measure,
    close: () =>
      new Promise((resolve) => {
        server.once('exit', () => resolve());
        server.kill();
      }),
  };
}

export async function measureThroughput(
  what: string,
  candidate: Stream,
  baseline: Stream,
  goal: number | 'no goal' = GOAL,
): Promise<{ readonly row: Row; readonly samples: Comparison }> {
  const samples = await compare(candidate.measure, baseline.measure, PAIRS);
  const row: Row = {
    what,
    measured: showEstimate(samples.candidate, ' Gbit/s'),
    baseline: showEstimate(samples.baseline, ' Gbit/s'),
    ratio: showEstimate(samples.ratio),
    noise: showEstimate(samples.noise),
    goal: goal === 'no goal' ? '' : `≥ ${goal}`,
    isMet: goal === 'no goal' ? undefined : samples.ratio.median >= goal,
  };
  return { row, samples };
}

function parseGigabits(answer: unknown): number {
  const { end } = answer as { end?: { sum_received?: { bits_per_second?: number } } };
  const bits = end?.sum_received?.bits_per_second;
  if (bits === undefined || bits === 0) throw new Error('iperf3 received nothing');
  return bits / 1e9;
}
