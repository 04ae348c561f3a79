import { readFileSync } from 'node:fs';
import { processMB } from '../memory/working-set.ts';
import { wallMs } from '../wall-clock.ts';

interface Sample {
  readonly atMs: number;
  readonly memoryMB: number;
  readonly cpuS: number;
}

/** What a process used from one moment to another. */
export interface Usage {
  readonly seconds: number;
  readonly cpuS: number;
  readonly memoryMB: readonly number[];
}

/** `USER_HZ`, which is the same on all Linux of this architecture. */
const TICKS_PER_S = 100;
const EVERY_MS = 500;

/** Memory (VmRSS − RssFile) and CPU time of a process, read twice a second until `stop`. */
export class ProcessSamples {
  readonly #pid: number;
  readonly #samples: Sample[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(pid: number) {
    this.#pid = pid;
    this.#take();
    this.#timer = setInterval(() => this.#take(), EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Milliseconds since the epoch; CPU time is interpolated. */
  between(fromMs: number, toMs: number): Usage {
    const within = this.#samples.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs);
    return {
      seconds: (toMs - fromMs) / 1000,
      cpuS: this.#cpuAt(toMs) - this.#cpuAt(fromMs),
      memoryMB: within.map(({ memoryMB }) => memoryMB),
    };
  }

  #cpuAt(ms: number): number {
    const left = this.#samples.findLast(({ atMs }) => atMs <= ms);
    const right = this.#samples.find(({ atMs }) => atMs > ms);
    if (left === undefined || right === undefined) return (left ?? right)?.cpuS ?? 0;
    return left.cpuS + ((right.cpuS - left.cpuS) * (ms - left.atMs)) / (right.atMs - left.atMs);
  }

  #take(): void {
    this.#samples.push({ atMs: wallMs(), memoryMB: processMB(this.#pid), cpuS: cpuSeconds(this.#pid) });
  }
}

/** Of all its threads, in steps of 10 ms. */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
}
