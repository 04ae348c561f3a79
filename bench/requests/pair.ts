import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { BIN } from '../../lab/setup/paths.ts';

/** A caller and a server in network namespaces of their own, joined by a cable. */
export interface Pair {
  readonly callerNetns: string;
  /** What the caller asks. */
  readonly url: string;
  /** Processes whose CPU time counts. */
  readonly proxies: readonly number[];
  close(): Promise<void> | void;
}

/** One run of the load. */
export interface Sample {
  /** CPU time of all proxies, ms for 1,000 requests. */
  readonly cpuMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const APPLICATION_UID = 1000;
const CONNECTIONS = 8;
/** Between two requests of a connection: about 1,500 requests a second, which leave the machine half idle. */
const PAUSE = '4ms';
/** Of /proc/PID/stat on Linux (sysconf(_SC_CLK_TCK)), in ms. */
const TICK_MS = 10;

export function startEcho(netns: string, port: number) {
  return spawn('ip', ['netns', 'exec', path.basename(netns), ...asApplication(), 'serve', '-port', String(port)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/** @throws when a request failed: such a run measures something else. */
export async function measureLoad({ callerNetns, url, proxies }: Pair, requests: number): Promise<Sample> {
  const before = cpuMs(proxies);
  const load = ['load', '-url', url, '-n', String(requests), '-c', String(CONNECTIONS), '-pause', PAUSE, '-times'];
  const child = spawn('ip', ['netns', 'exec', path.basename(callerNetns), ...asApplication(), ...load], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (output += text.toString()));
  await new Promise((resolve) => child.once('close', resolve));
  const lines = output.split('\n').filter((line) => line.startsWith('{'));
  const counts = JSON.parse(lines[0] ?? '{}') as Record<string, number>;
  if (counts['error'] !== undefined || lines.length !== 2) throw new Error(`requests failed: ${output}`);
  const times = JSON.parse(lines[1] ?? '{}') as { p50Microseconds: number; p99Microseconds: number };
  return {
    cpuMs: (cpuMs(proxies) - before) / (requests / 1000),
    p50Ms: times.p50Microseconds / 1000,
    p99Ms: times.p99Microseconds / 1000,
  };
}

function asApplication(): string[] {
  return ['setpriv', `--reuid=${APPLICATION_UID}`, '--clear-groups', path.join(BIN, 'echo')];
}

/** User and system time, fields 14 and 15 of proc(5); the name before them may have spaces. */
function cpuMs(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return sum + (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  }, 0);
}
