import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Journal } from '../../../src/agent/state/journal.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'weft-t-journal-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('Journal', () => {
  test('gives back what was appended, in order, and says when there was none', () => {
    const file = path.join(folder, 'leases');
    const first = Journal.open(file);
    expect(first.lost).toBe(true);
    first.journal.append({ n: 1 });
    first.journal.append({ n: 2 });
    first.journal.close();
    const second = Journal.open(file);
    expect(second).toMatchObject({ lost: false, entries: [{ n: 1 }, { n: 2 }] });
    second.journal.close();
  });

  test('drops a line that a crash cut short, and the next entry is not glued to it', () => {
    const file = path.join(folder, 'leases');
    const first = Journal.open(file);
    first.journal.append({ n: 1 });
    first.journal.close();
    appendFileSync(file, '{"n":2');
    const second = Journal.open(file);
    second.journal.append({ n: 3 });
    second.journal.close();
    const third = Journal.open(file);
    expect(third.entries).toEqual([{ n: 1 }, { n: 3 }]);
    third.journal.close();
  });

  test('a rewrite replaces everything and appends go on behind it', () => {
    const file = path.join(folder, 'leases');
    const { journal } = Journal.open(file);
    journal.append({ n: 1 });
    journal.rewrite([{ n: 9 }]);
    journal.append({ n: 10 });
    journal.close();
    expect(readFileSync(file, 'utf8')).toBe('{"n":9}\n{"n":10}\n');
  });
});
