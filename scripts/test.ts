import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { prepareMachine } from '../lab/cluster/cluster.ts';
import { installCollector, installConsul } from '../lab/setup/binaries.ts';
import { installEureka } from '../lab/setup/eureka.ts';
import { BIN } from '../lab/setup/paths.ts';
import { buildProduct } from './build.ts';
import { check } from './check.ts';
import { generateWire } from './generate-wire.ts';

const TIERS = ['unit', 'kube', 'dataplane', 'cluster'] as const;
type Tier = (typeof TIERS)[number];
/** What is in one of them runs side by side: the API server's tier mostly waits. */
const STAGES: readonly (readonly Tier[])[] = [['unit'], ['dataplane', 'kube'], ['cluster']];

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
  await installConsul();
  await installEureka();
  await installCollector();
  await buildProduct();
}
for (const stage of only === undefined ? STAGES : [[only]]) {
  const statuses = await Promise.all(stage.map(runTier));
  const failed = statuses.find((status) => status !== 0);
  if (failed !== undefined) process.exit(failed ?? 1);
}

/** What it prints comes as a whole at its end, where another one runs beside it. Resolves with its exit code. */
async function runTier(tier: Tier, index: number): Promise<number | null> {
  const isFirst = index === 0;
  if (isFirst) console.error(`\n━━ ${tier}`);
  const started = performance.now();
  // Namespaces of the data plane's tests are each one's own; the other two share an API server.
  const workers = { unit: [], kube: ['--runInBand'], dataplane: ['--maxWorkers=2'], cluster: ['--runInBand'] }[tier];
  const options = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  const child = spawn('node', [...options, 'node_modules/.bin/jest', '--selectProjects', tier, ...workers, ...rest], {
    stdio: ['inherit', isFirst ? 'inherit' : 'pipe', isFirst ? 'inherit' : 'pipe'],
    env: { ...process.env, PATH: `${BIN}:${process.env['PATH'] ?? ''}` },
  });
  const said: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => said.push(chunk));
  const [status] = (await once(child, 'close')) as [number | null];
  if (!isFirst) process.stderr.write(`\n━━ ${tier}\n${Buffer.concat(said).toString()}`);
  console.error(`━━ ${tier}: ${((performance.now() - started) / 1000).toFixed(0)} s`);
  return status;
}
