import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { generateWire } from './generate-wire.ts';

/** Everything that can be said of the code without running it; each line is one tool with one question. */
const CHECKS: readonly (readonly [string, string, ...string[]])[] = [
  ['types', 'tsc', '-p', '.'],
  ['lint and format', 'biome', 'check', '--error-on-warnings'],
  ['generated files are up to date', 'node', 'scripts/generate.ts', '--check'],
  ['no dead code, no unused dependency', 'knip'],
];

export async function check(): Promise<boolean> {
  await generateWire(path.resolve(import.meta.dirname, '..'));
  const failed = CHECKS.filter(([what, command, ...args]) => {
    const started = performance.now();
    const { status } = spawnSync(command, args, { stdio: 'inherit' });
    console.error(`${status === 0 ? '✓' : '✗'} ${what}, ${((performance.now() - started) / 1000).toFixed(1)} s`);
    return status !== 0;
  });
  return failed.length === 0;
}

if (import.meta.main) process.exit((await check()) ? 0 : 1);
