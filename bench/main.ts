import { ROOT } from '../lab/setup/paths.ts';
import { generateWire } from '../scripts/generate-wire.ts';

// What benchmarks measure imports generated code, which a fresh clone does not have.
await generateWire(ROOT);
await import('./run.ts');
