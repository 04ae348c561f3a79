import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';

const ROOT = path.resolve(import.meta.dirname, '..');

/** Bundles every entry point to `dist/NAME.js` and compiles the CNI programs. About a second. */
export async function buildProduct(): Promise<void> {
  rmSync(path.join(ROOT, 'dist'), { recursive: true, force: true });
  mkdirSync(path.join(ROOT, 'dist'));
  await build({
    entryPoints: ['agent', 'operator', 'weft'].map((name) => path.join(ROOT, `src/cmd/${name}.ts`)),
    outdir: path.join(ROOT, 'dist'),
    bundle: true,
    platform: 'node',
    target: 'node26',
    format: 'esm',
    sourcemap: 'linked',
    sourcesContent: false,
    // Has a native part that is looked up beside it.
    external: ['koffi'],
    // CommonJS dependencies inside of an ES module bundle ask for these.
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    logLevel: 'warning',
  });
  copyFileSync(path.join(ROOT, 'package.json'), path.join(ROOT, 'dist/package.json'));
  for (const name of ['weft-cni', 'loopback']) {
    const files = ['-o', path.join(ROOT, 'dist', name), path.join(ROOT, `shim/${name}.c`)];
    execFileSync('gcc', ['-Os', '-static', '-s', '-Wall', '-Wextra', '-Werror', ...files]);
  }
}

if (import.meta.main) await buildProduct();
