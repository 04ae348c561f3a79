import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from '@jest/globals';
import { stringify } from 'yaml';

/** `UPDATE_GOLDEN=1 npm run test:unit` rewrites the outputs: read the difference before you commit it. */
const isUpdate = process.env['UPDATE_GOLDEN'] === '1' && process.env['CI'] === undefined;

const INPUT = '.in.yaml';
const OUTPUT = '.out.yaml';

/** Names of the cases in `dir`: every `NAME.in.yaml`, sorted. An output whose input is gone is an error. */
export function goldenCases(dir: string): string[] {
  const files = readdirSync(dir);
  const names = files.filter((file) => file.endsWith(INPUT)).map((file) => file.slice(0, -INPUT.length));
  const orphans = files.filter((file) => file.endsWith(OUTPUT) && !names.includes(file.slice(0, -OUTPUT.length)));
  if (orphans.length > 0) throw new Error(`golden outputs without an input in ${dir}: ${orphans.join(', ')}`);
  return names.sort();
}

export function goldenInput(dir: string, name: string): string {
  return readFileSync(path.join(dir, `${name}${INPUT}`), 'utf8');
}

/** Compares `actual` with `NAME.out.yaml`, or writes that file when UPDATE_GOLDEN=1 (never in CI). */
export function expectGolden(dir: string, name: string, actual: unknown): void {
  const file = path.join(dir, `${name}${OUTPUT}`);
  const text = stringify(actual, { sortMapEntries: true, lineWidth: 120, aliasDuplicateObjects: false });
  if (isUpdate) writeFileSync(file, text);
  expect(text).toBe(readFileSync(file, 'utf8'));
}
