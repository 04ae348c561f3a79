import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { labEnv, until } from '../setup/shell.ts';

/** Starts a program that outlives this one: own session, output to `<folder>/<name>.log`, pid in `<name>.pid`. */
export function startProcess(folder: string, name: string, command: string, args: readonly string[]): number {
  mkdirSync(folder, { recursive: true });
  const log = openSync(path.join(folder, `${name}.log`), 'a');
  const child = spawn(command, args, { detached: true, stdio: ['ignore', log, log], env: labEnv() });
  closeSync(log);
  if (child.pid === undefined) throw new Error(`cannot start ${command}`);
  writeFileSync(path.join(folder, `${name}.pid`), `${child.pid} ${startTime(child.pid)}\n`);
  child.unref();
  return child.pid;
}

/** Ends the process that `startProcess` wrote down, if it still is that one, and waits for its end. */
export async function stopProcess(
  folder: string,
  name: string,
  signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM',
): Promise<void> {
  const pid = runningPid(folder, name);
  if (pid !== undefined) {
    process.kill(pid, signal);
    await until(`process ${name} ends`, 20_000, async () =>
      runningPid(folder, name) === undefined ? true : undefined,
    );
  }
  rmSync(path.join(folder, `${name}.pid`), { force: true });
}

/** The pid written down for `name`, if that same process still runs: a pid that was given to another one is not it. */
export function runningPid(folder: string, name: string): number | undefined {
  const file = path.join(folder, `${name}.pid`);
  if (!existsSync(file)) return undefined;
  const [pid, started] = readFileSync(file, 'utf8').trim().split(' ');
  return pid !== undefined && startTime(Number(pid)) === started ? Number(pid) : undefined;
}

/** Field 22 of /proc/PID/stat (start time in clock ticks since boot); empty when the process is gone or a zombie. */
function startTime(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? '' : (fields[19] ?? '');
  } catch {
    return '';
  }
}
