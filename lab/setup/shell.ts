import { spawn } from 'node:child_process';
import { BIN } from './paths.ts';

export interface RunOptions {
  readonly input?: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Exit codes that are no failure; default only 0. */
  readonly allowFailure?: boolean;
  /** Gives up (SIGKILL) after this long; default never. */
  readonly timeoutMs?: number;
  /** Called with each piece of output, for progress. */
  readonly onOutput?: (text: string) => void;
}

export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program without a shell and collects its output. Rejects with the end of its output when it fails. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: labEnv(options.env),
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs, killSignal: 'SIGKILL' as const }),
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      options.onOutput?.(text);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      options.onOutput?.(text);
    });
    child.stdin.on('error', () => {}); // the program may end without reading it all
    child.stdin.end(options.input ?? '');
    child.on('error', (cause) => reject(new Error(`cannot run ${command}`, { cause })));
    child.on('close', (code) => {
      const result = { code: code ?? 137, stdout, stderr };
      if (result.code === 0 || options.allowFailure === true) resolve(result);
      else
        reject(
          new Error(
            `${command} ${args.join(' ')} ended with ${result.code}:\n${(stderr || stdout).trim().slice(-3000)}`,
          ),
        );
    });
  });
}

/** The environment of everything that the lab starts. */
export function labEnv(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${BIN}:${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, ...extra };
}

/** Calls `probe` until it returns a value, at most `timeoutMs`. @throws what `probe` threw last, when time is up. */
export async function until<T>(what: string, timeoutMs: number, probe: () => Promise<T | undefined>): Promise<T> {
  const end = performance.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await probe();
      if (value !== undefined) return value;
    } catch (error) {
      last = error;
    }
    if (performance.now() > end) throw new Error(`gave up after ${timeoutMs / 1000} s: ${what}`, { cause: last });
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
