import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface BirdFiles {
  readonly config: string;
  /** Where BIRD takes commands. */
  readonly control: string;
  readonly pid: string;
}

/**
 * Starts BIRD in a session of its own, so that it outlives this process where nothing else ends it.
 *
 * @param command   the program, and what goes before its own arguments.
 * @param isRestart routes of a BIRD before it are still in the kernel and at peers: they are kept until these have
 *                  said theirs again.
 * @param say       is told its log, line by line.
 * @returns why it ended, with its last words, when it has.
 */
export function startBird(
  [program = 'bird', ...first]: readonly string[],
  files: BirdFiles,
  isRestart: boolean,
  say: (line: string) => void,
): Promise<string> {
  const own = ['-f', '-c', files.config, '-s', files.control, '-P', files.pid, ...(isRestart ? ['-R'] : [])];
  const child = spawn(program, [...first, ...own], { detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
  let lastWords = '';
  createInterface({ input: child.stderr }).on('line', (line) => {
    lastWords = line;
    say(line);
  });
  const { promise: ended, resolve } = Promise.withResolvers<string>();
  // Neither holds this process when it wants to end.
  child.unref();
  if ('unref' in child.stderr && typeof child.stderr.unref === 'function') child.stderr.unref();
  child.once('error', (error) => resolve(`cannot be started: ${error.message}`));
  child.once('close', (code, signal) => resolve(`ended by ${signal ?? `itself with ${code}`}: ${lastWords}`));
  return ended;
}
