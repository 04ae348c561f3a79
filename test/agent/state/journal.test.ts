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
  test('gives back what was appended, in order, and says when there was none', async () => {
    const file = path.join(folder, 'leases');
    const first = Journal.open(file);
    expect(first.lost).toBe(true);
    await first.journal.append([{ n: 1 }]);
    await first.journal.append([{ n: 2 }]);
    first.journal.close();
    const second = Journal.open(file);
    expect(second).toMatchObject({ lost: false, entries: [{ n: 1 }, { n: 2 }] });
    second.journal.close();
  });

  test('drops a line that a crash cut short, and the next entry is not glued to it', async () => {
    const file = path.join(folder, 'leases');
    const first = Journal.open(file);
    await first.journal.append([{ n: 1 }]);
    first.journal.close();
    appendFileSync(file, '{"n":2');
    const second = Journal.open(file);
    await second.journal.append([{ n: 3 }]);
    second.journal.close();
    const third = Journal.open(file);
    expect(third.entries).toEqual([{ n: 1 }, { n: 3 }]);
    third.journal.close();
  });

  test('what is appended while a sync runs is on disk when its own promise says so, also across a rewrite', async () => {
    const file = path.join(folder, 'leases');
    const { journal } = Journal.open(file);
    const numbers = Array.from({ length: 20 }, (_, n) => ({ n }));
    const written = numbers.map((entry) => journal.append([entry]));
    journal.rewrite(numbers);
    await Promise.all([...written, journal.append([{ n: 20 }])]);
    journal.close();
    expect(Journal.open(file).entries).toEqual([...numbers, { n: 20 }]);
  });

  test('a rewrite replaces everything and appends go on behind it', async () => {
    const file = path.join(folder, 'leases');
    const { journal } = Journal.open(file);
    await journal.append([{ n: 1 }]);
    journal.rewrite([{ n: 9 }]);
    await journal.append([{ n: 10 }]);
    journal.close();
    expect(readFileSync(file, 'utf8')).toBe('{"n":9}\n{"n":10}\n');
  });
});
