import { parseArgs } from 'node:util';
import { step } from '../lab/setup/progress.ts';
import type { Benchmark } from './benchmark.ts';
import { changes } from './changes/changes.ts';
import { cni } from './cni/cni.ts';
import { compile } from './compile/compile.ts';
import { memory } from './memory/memory.ts';
import { mesh } from './mesh/mesh.ts';
import { network } from './network/network.ts';
import { packets } from './packets/packets.ts';
import { pods } from './pods/pods.ts';
import { policy } from './policy/policy.ts';
import { recovery } from './recovery/recovery.ts';
import { requests } from './requests/requests.ts';
import { saveReport, showReport } from './results.ts';
import { scale } from './scale/scale.ts';
import { services } from './services/services.ts';
import { split } from './split/split.ts';

const BENCHMARKS: readonly Benchmark[] = [
  ...[cni, network, policy, compile, changes, packets],
  ...[requests, split, services, recovery, memory, scale, mesh, pods],
];

const USAGE = `npm run bench [-- NAME ...] [-- --save]

Measures Weft against named baselines, and prints a table for each benchmark. Needs root and an idle machine.
  --save   also writes bench/results/NAME.md and NAME.json

${BENCHMARKS.map(({ name, about, estimate }) => `  ${name.padEnd(10)} ${about} (${estimate})`).join('\n')}
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { save: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
});
const unknown = positionals.filter((name) => !BENCHMARKS.some((benchmark) => benchmark.name === name));
if (values.help || unknown.length > 0) {
  for (const name of unknown) console.error(`no benchmark is called '${name}'`);
  console.error(USAGE);
  process.exit(values.help ? 0 : 2);
}

for (const benchmark of BENCHMARKS) {
  if (positionals.length > 0 && !positionals.includes(benchmark.name)) continue;
  const report = await step(`bench ${benchmark.name}: ${benchmark.about}`, () => benchmark.run(), benchmark.estimate);
  console.log(`\n${showReport(report)}\n`);
  if (values.save) await saveReport(benchmark, report, new Date());
}
