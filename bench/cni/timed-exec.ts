import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run } from '../../lab/setup/shell.ts';

export interface Job {
  readonly program: string;
  readonly input: string;
  readonly variables: Readonly<Record<string, string>>;
}

export interface Timing {
  /** Of each job, in their order: from exec to exit. */
  readonly eachMs: readonly number[];
  /** From the first exec to the last exit. */
  readonly wholeMs: number;
}

/** The measuring program, and a folder for what its jobs read and write. */
export class TimedExec {
  readonly #folder: string;
  readonly #program: string;

  /** @param folder an existing one. */
  constructor(folder: string) {
    this.#folder = folder;
    this.#program = path.join(folder, 'timed-exec');
    execFileSync('gcc', ['-O2', '-static', '-o', this.#program, path.join(import.meta.dirname, 'timed-exec.c')]);
  }

  /** Runs `jobs` in a network namespace, at most `parallel` at a time. @throws when one fails, with what it printed. */
  async run(netnsPath: string, jobs: readonly Job[], parallel: number): Promise<Timing> {
    const file = (name: string, index: number) => path.join(this.#folder, `${name}-${index}`);
    for (const [index, { input }] of jobs.entries()) writeFileSync(file('in', index), input);
    const lines = jobs.map(({ program, variables }, index) => {
      const environment = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
      return `${[file('in', index), file('out', index), program, ...environment].join('\t')}\n`;
    });
    const { stdout } = await run('nsenter', [`--net=${netnsPath}`, this.#program, String(parallel)], {
      input: lines.join(''),
    });
    const times = stdout
      .trim()
      .split('\n')
      .map((line) => line.split(' ').map(Number));
    const failed = times.findIndex(([, , code]) => code !== 0);
    if (failed >= 0) {
      const { program = '', variables = {} } = jobs[failed] ?? {};
      throw new Error(`${program} ${variables['CNI_COMMAND'] ?? ''}: ${readFileSync(file('out', failed), 'utf8')}`);
    }
    const starts = times.map(([start = 0]) => start / 1e6);
    const ends = times.map(([, end = 0]) => end / 1e6);
    return {
      eachMs: ends.map((end, index) => end - (starts[index] ?? 0)),
      wholeMs: Math.max(...ends) - Math.min(...starts),
    };
  }
}
