import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { run, until } from '../../lab/setup/shell.ts';
import type { Benchmark, Report, Row } from '../benchmark.ts';
import { type Comparison, compare } from '../interleave.ts';
import { measureThroughput, openStream } from '../policy/throughput.ts';
import { showEstimate } from '../results.ts';
import { type PolicedNode, startPolicedNode } from './policed-node.ts';

const SIZES = [100, 1_000, 10_000] as const;
const GOAL = 0.95;
const PAIRS = 15;
const DIAL_MS = 500;
const PORT = 9_000;

export const packets: Benchmark = {
  name: 'packets',
  about: 'connections and a stream between two pods of a node whose table has up to 10,000 pods and policies',
  estimate: '5 min',
  run: measure,
};

async function measure(): Promise<Report> {
  const folder = mkdtempSync(path.join(tmpdir(), 'weft-bench-packets-'));
  const program = path.join(folder, 'connections');
  const source = path.join(import.meta.dirname, '../services/connections.c');
  execFileSync('gcc', ['-O2', '-static', '-o', program, source]);
  const closing: (() => unknown)[] = [() => rmSync(folder, { recursive: true })];
  const later = (close: () => unknown) => closing.push(close);
  try {
    const start = async (size: number) => {
      const node = await startPolicedNode(size);
      later(() => node.close());
      const stream = await openStream(node.clientNetns, node.serverNetns, node.serverAddress);
      later(() => stream.close());
      return { stream, dial: await dialler(program, node, later) };
    };
    const none = await start(0);
    const rows: Row[] = [];
    const samples: Record<string, Comparison> = {};
    for (const size of SIZES) {
      const some = await start(size);
      const what = `${size.toLocaleString('en')} pods and policies`;
      const connections = await compare(some.dial, none.dial, PAIRS);
      const stream = await measureThroughput(`${what}: TCP stream`, some.stream, none.stream, GOAL);
      rows.push(connectionRow(`${what}: new connections`, connections), stream.row);
      samples[`connections ${size}`] = connections;
      samples[`stream ${size}`] = stream.samples;
    }
    return { rows, notes: NOTES, samples };
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

/** New connections a second. */
async function dialler(
  program: string,
  { clientNetns, serverNetns, serverAddress }: PolicedNode,
  later: (close: () => unknown) => void,
): Promise<() => Promise<number>> {
  const serve = [`--net=${serverNetns}`, 'taskset', '-c', '1', program, 'serve', `${PORT}`];
  const server = spawn('nsenter', serve, { stdio: 'ignore' });
  later(() => server.kill());
  const dial = async () => {
    const client = ['taskset', '-c', '0', program, 'dial', `${DIAL_MS}`, `${PORT}`, serverAddress];
    const { stdout } = await run('nsenter', [`--net=${clientNetns}`, ...client]);
    const [opened = 0, nanoseconds = 0, refused = 0] = stdout.trim().split(' ').map(Number);
    if (refused > 0) throw new Error(`${refused} connections were refused`);
    return opened / (nanoseconds / 1e9);
  };
  await until('the server answers', 10_000, dial);
  return dial;
}

function connectionRow(what: string, { candidate, baseline, ratio, noise }: Comparison): Row {
  return {
    what,
    measured: showEstimate(candidate, ' /s'),
    baseline: `no policy: ${showEstimate(baseline, ' /s')}`,
    ratio: showEstimate(ratio),
    noise: showEstimate(noise),
    goal: `≥ ${GOAL}`,
    isMet: ratio.median >= GOAL,
  };
}

const NOTES: readonly string[] = [
  'Each table is on a node (network namespace) of its own and made by `PolicyTable`, as the agent does: two real pods, and as many more as the row says that are bound by name only. Every pod has a chain of its own for each direction, with three rules, the last of which allows; the sets that these name hold all pods of the node. The two that talk are the last that were bound.',
  'Baseline: the same node and pods without policies. New connections: one process opens a TCP connection after the other for half a second and resets each (bench/services/connections.c), client and server on a core each. Stream: iperf3, one second each time, as the receiver counts.',
];
