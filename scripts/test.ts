import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { prepareMachine } from '../lab/cluster/cluster.ts';
import { BIN } from '../lab/setup/paths.ts';
import { buildProduct } from './build.ts';
import { check } from './check.ts';
import { generateWire } from './generate-wire.ts';

const TIERS = ['unit', 'kube', 'dataplane', 'cluster'] as const;

/** `node scripts/test.ts [TIER] [jest arguments]`: without a tier, the checks and then every tier. */
const [first, ...rest] = process.argv.slice(2);
const only = TIERS.find((tier) => tier === first);
if (first !== undefined && only === undefined) {
  console.error(`no tier is called '${first}'; there are: ${TIERS.join(', ')}`);
  process.exit(2);
}

await generateWire(path.resolve(import.meta.dirname, '..'));
if (only === undefined && !(await check())) process.exit(1);
if (only !== 'unit') {
  await prepareMachine();
  await buildProduct();
}
for (const tier of only === undefined ? TIERS : [only]) {
  console.error(`\n━━ ${tier}`);
  const started = performance.now();
  // Namespaces of the data plane's tests are each one's own; the other two share an API server.
  const workers = { unit: [], kube: ['--runInBand'], dataplane: ['--maxWorkers=2'], cluster: ['--runInBand'] }[tier];
  const { status } = spawnSync(
    'node',
    [
      '--experimental-vm-modules',
      '--disable-warning=ExperimentalWarning',
      'node_modules/.bin/jest',
      '--selectProjects',
      tier,
      ...workers,
      ...rest,
    ],
    { stdio: 'inherit', env: { ...process.env, PATH: `${BIN}:${process.env['PATH'] ?? ''}` } },
  );
  console.error(`━━ ${tier}: ${((performance.now() - started) / 1000).toFixed(0)} s`);
  if (status !== 0) process.exit(status ?? 1);
}
