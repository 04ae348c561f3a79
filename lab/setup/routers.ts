import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { BIN, CACHE } from './paths.ts';
import { step } from './progress.ts';
import { run } from './shell.ts';

/** FRRouting, unpacked: a router of another make than Weft's own, for tests. */
export const FRR = path.join(CACHE, 'frr');
const BIRD = path.join(CACHE, 'bird2');

/** Puts `bird` into `BIN` and FRR beside it: Debian's packages, unpacked and not installed, so that no service starts. */
export async function installRouters(): Promise<void> {
  await unpack('BIRD', BIRD, ['bird2']);
  await unpack('FRR', FRR, ['frr', 'libyang2', 'libc-ares2', 'libjson-c5']);
  mkdirSync(BIN, { recursive: true });
  const target = path.join(BIN, 'bird');
  if (!existsSync(target)) copyFileSync(path.join(BIRD, 'usr/sbin/bird'), target);
}

async function unpack(what: string, folder: string, packages: readonly string[]): Promise<void> {
  if (existsSync(folder)) return;
  await step(what, async () => {
    const making = `${folder}-${process.pid}`;
    mkdirSync(making, { recursive: true });
    await run('apt-get', ['update', '-qq']);
    await run('apt-get', ['download', '-qq', ...packages], { cwd: making });
    const archives = readdirSync(making).filter((name) => name.endsWith('.deb'));
    for (const archive of archives) {
      await run('dpkg-deb', ['-x', path.join(making, archive), making]);
      rmSync(path.join(making, archive));
    }
    renameSync(making, folder);
  });
}
