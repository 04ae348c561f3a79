import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { run, until } from '../../lab/setup/shell.ts';
import type { Benchmark, Report, Row } from '../benchmark.ts';
import { type Comparison, compare } from '../interleave.ts';
import { measureThroughput, openStream } from '../policy/throughput.ts';
import { showEstimate } from '../results.ts';
import { type Place, plainSide, type Side, weftSide } from './sides.ts';

const GOAL = 0.97;
const PAIRS = 20;
const ASK_MS = 500;
const PORT = 9000;

export const network: Benchmark = {
  name: 'network',
  about: 'pod to pod on one node and across nodes, against plain veth and a VXLAN device made by hand',
  estimate: '8 min',
  run: measureAll,
};

async function measureAll(): Promise<Report> {
  const folder = mkdtempSync(path.join(tmpdir(), 'weft-bench-network-'));
  const program = path.join(folder, 'exchange');
  execFileSync('gcc', ['-O2', '-static', '-o', program, path.join(import.meta.dirname, 'exchange.c')]);
  const closing: (() => unknown)[] = [() => rmSync(folder, { recursive: true })];
  const later = (close: () => unknown) => closing.push(close);
  try {
    const [weft, plain, tracked] = [await weftSide(), await plainSide(), await plainSide(true)];
    for (const side of [weft, plain, tracked]) later(() => side.close());
    const rows: Row[] = [];
    const samples: Record<string, Comparison> = {};
    for (const [where, what] of [
      ['near', 'on one node'],
      ['far', 'across nodes'],
    ] as const) {
      const bare = await streamTo(plain, where, later);
      const exchangeBare = await exchangeWith(program, plain, where, later);
      for (const [name, side, goal] of [
        ['', weft, GOAL],
        [', by hand with connection tracking', tracked, 'no goal'],
      ] as const) {
        const candidate = await streamTo(side, where, later);
        const stream = await measureThroughput(`TCP stream ${what}${name}`, candidate, bare, goal);
        const exchange = await compare(await exchangeWith(program, side, where, later), exchangeBare, PAIRS);
        rows.push(stream.row, exchangeRow(`request and response ${what}${name}`, exchange, goal));
        samples[`stream ${where}${name}`] = stream.samples;
        samples[`exchange ${where}${name}`] = exchange;
      }
    }
    return { rows, notes: NOTES, samples };
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

async function streamTo(side: Side, where: 'near' | 'far', later: (close: () => unknown) => void) {
  const to = side[where];
  const stream = await openStream(side.client.netnsPath, to.netnsPath, to.address);
  later(() => stream.close());
  return stream;
}

/** Exchanges a second with the server there. */
async function exchangeWith(
  program: string,
  { client, ...side }: Side,
  where: 'near' | 'far',
  later: (close: () => unknown) => void,
): Promise<() => Promise<number>> {
  const to: Place = side[where];
  const serve = [`--net=${to.netnsPath}`, 'taskset', '-c', '1', program, 'serve', String(PORT)];
  const server = spawn('nsenter', serve, { stdio: 'inherit' });
  later(() => server.kill());
  const measure = async () => {
    const ask = ['taskset', '-c', '0', program, 'ask', String(ASK_MS), to.address, String(PORT)];
    const { stdout } = await run('nsenter', [`--net=${client.netnsPath}`, ...ask]);
    const [asked = 0, nanoseconds = 0] = stdout.trim().split(' ').map(Number);
    return asked / (nanoseconds / 1e9);
  };
  await until('the server answers', 10_000, measure);
  return measure;
}

function exchangeRow(what: string, { candidate, baseline, ratio, noise }: Comparison, goal: number | 'no goal'): Row {
  return {
    what,
    measured: showEstimate(candidate, ' /s'),
    baseline: showEstimate(baseline, ' /s'),
    ratio: showEstimate(ratio),
    noise: showEstimate(noise),
    goal: goal === 'no goal' ? '' : `≥ ${goal}`,
    isMet: goal === 'no goal' ? undefined : ratio.median >= goal,
  };
}

const NOTES: readonly string[] = [
  'Weft: links, tunnel, policy table (pods known, no policy) and service table as the agent makes them, in network namespaces. Baseline: the same topology and MTU made with `ip`: routed veth pairs, one VXLAN device a node, no firewall and no connection tracking at all. By hand with connection tracking: the baseline with one rule that makes the kernel track connections and never matches: what whoever has a firewall with states, or Services, pays before the first rule of its own. This kernel has no flow tables (nf_flow_table), which would let established connections pass that by.',
  'Nodes are namespaces on one machine, joined by a bridge. TCP stream: iperf3, one stream of 1 s each time, as the receiver counts. Request and response: one byte each way over one connection (bench/network/exchange.c), half a second each time. The client runs on the first core and the server on the second, so that it is not measured where the scheduler put them.',
];
