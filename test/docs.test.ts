import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { CNI_ERROR } from '../src/agent/cni/request.ts';
import { CONDITION, REASON } from '../src/api/reasons.ts';
import { FINDING } from '../src/model/ipam/finding.ts';

const ROOT = path.resolve(import.meta.dirname, '..');

function textOf(file: string): string {
  return readFileSync(path.join(ROOT, file), 'utf8');
}

/** First cells of the rows of all tables of a Markdown text, less those of headings and rulers. */
function firstCells(text: string): readonly string[] {
  return text.split('\n').flatMap((line) => {
    const cell = /^\| ([^|]+?) \|/.exec(line)?.[1];
    return cell === undefined ? [] : [cell];
  });
}

describe('the reference', () => {
  const reference = textOf('docs/reference.md');
  const cells = firstCells(reference);

  test('has a row for every condition and every reason', () => {
    const names = [...Object.values(CONDITION), ...Object.values(REASON)];
    expect(names.filter((name) => !cells.includes(`\`${name}\``))).toEqual([]);
  });

  test('has a row for everything that weft ipam check finds', () => {
    expect(Object.values(FINDING).filter((name) => !cells.includes(`\`${name}\``))).toEqual([]);
  });

  test('has a row for every CNI error, with its code and its name', () => {
    const missing = Object.entries(CNI_ERROR).filter(
      ([name, code]) => !reference.includes(`\n| ${code} | \`${name}\` |`),
    );
    expect(missing).toEqual([]);
  });
});

test('every npm script that CONTRIBUTING.md and README.md name is one', () => {
  const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> };
  for (const file of ['CONTRIBUTING.md', 'README.md']) {
    const found = [...textOf(file).matchAll(/npm (?:run ([\w:-]+)|(test)\b)/g)];
    const named = found.map(([, run, plain]) => run ?? plain ?? '');
    expect(named).not.toEqual([]);
    expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
  }
});
