import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { readCustomResources } from './generate-crds.ts';
import { renderSchemas } from './generate-schemas.ts';
import { renderTypes } from './generate-types.ts';

const ROOT = path.resolve(import.meta.dirname, '..');
const API = 'src/api/generated';
const CHART = 'charts/weft/files/crds';

/** Everything that is made from `crds/`: text by path from the root. */
async function render(): Promise<ReadonlyMap<string, string>> {
  const resources = readCustomResources(ROOT);
  const files = new Map([[`${API}/schemas.ts`, renderSchemas(resources)]]);
  for (const resource of resources) {
    files.set(`${API}/${resource.kind.toLowerCase()}.ts`, await renderTypes(resource));
    files.set(`${CHART}/${resource.file}`, resource.text);
  }
  return files;
}

/** Files that are there and should not be. */
function leftovers(files: ReadonlyMap<string, string>): string[] {
  return [API, CHART].flatMap((folder) => {
    const there = path.join(ROOT, folder);
    const names = existsSync(there) ? readdirSync(there).sort() : [];
    return names.map((name) => `${folder}/${name}`).filter((file) => !files.has(file));
  });
}

function differs(file: string, text: string): boolean {
  const there = path.join(ROOT, file);
  return !existsSync(there) || readFileSync(there, 'utf8') !== text;
}

/** `node scripts/generate.ts` writes; with `--check` it only says what differs, and exits 1 if anything does. */
const isCheck = process.argv.includes('--check');
const files = await render();
const stale = [...files].filter(([file, text]) => differs(file, text)).map(([file]) => file);
const extra = leftovers(files);
if (isCheck) {
  for (const file of stale) console.error(`${file} is not what crds/ says; run: npm run generate`);
  for (const file of extra) console.error(`${file} is made from no file of crds/; run: npm run generate`);
  process.exitCode = stale.length + extra.length > 0 ? 1 : 0;
} else {
  for (const file of extra) rmSync(path.join(ROOT, file));
  for (const [file, text] of files) {
    mkdirSync(path.join(ROOT, path.dirname(file)), { recursive: true });
    if (stale.includes(file)) writeFileSync(path.join(ROOT, file), text);
  }
  console.error(stale.length + extra.length === 0 ? 'nothing to do' : `written: ${[...stale, ...extra].join(', ')}`);
}
