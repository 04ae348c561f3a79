// The first step of every npm script: works on the machine's own Node (20 or newer) with nothing installed.
// Installs the packages when the lock file changed, then runs the command with the project's own Node on the PATH.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');
const stamp = path.join(root, 'node_modules', '.weft-lock-hash');
const lockHash = createHash('sha256')
  .update(readFileSync(path.join(root, 'package-lock.json')))
  .digest('hex');

function run(command, args) {
  const env = { ...process.env, PATH: `${path.join(root, 'node_modules/.bin')}:${process.env.PATH}` };
  const { status, signal, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env });
  if (error) throw error;
  if (signal !== null) process.kill(process.pid, signal);
  return status ?? 1;
}

if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== lockHash) {
  console.error('» packages: npm install (about 40 s the first time)');
  // Without install scripts: nothing here needs one (koffi, esbuild and swc carry prebuilt binaries).
  // Not `npm ci`: it refuses a lock file without the optional packages of platforms that a registry does not carry.
  const status = run('npm', [
    'install',
    '--no-save',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ]);
  if (status !== 0) process.exit(status);
  writeFileSync(stamp, lockHash);
}

const [command = 'node', ...args] = process.argv.slice(2);
process.exit(run(command, args));
