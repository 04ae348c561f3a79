import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { NO_SUCH_RECORDS, type Resolve } from '../../../src/agent/dns/resolve.ts';
import { type KnownNames, WatchedNames } from '../../../src/agent/dns/watched-names.ts';
import { KnownNamesFile } from '../../../src/agent/state/known-names.ts';
import type { Family } from '../../../src/lib/ip.ts';
import { FakeClock, silentLog } from '../../kube-room/fake-clock.ts';

const NAME = 'db.example.com';
const ONLY = new Set([NAME]);

let clock: FakeClock;
let asked: string[];
let answer: Resolve;
let saved: KnownNames;
let families: readonly Family[];
let changes: number;

beforeEach(() => {
  clock = new FakeClock();
  asked = [];
  saved = {};
  families = [4, 6];
  changes = 0;
  answer = async () => ({ addresses: ['192.0.2.1'], ttlSeconds: 30 });
});

function start(): WatchedNames {
  const names = new WatchedNames({
    resolve: (name, family) => {
      asked.push(`${name} ${family}`);
      return answer(name, family);
    },
    families: () => families,
    known: { load: () => saved, save: (known) => (saved = known) },
    ...{ clock, logger: silentLog },
  });
  names.onChange(() => (changes += 1));
  return names;
}

async function watching(): Promise<WatchedNames> {
  const names = start();
  names.watch(ONLY);
  await clock.advance(0);
  return names;
}

describe('a name that is watched', () => {
  test('is asked for once, and again when its records run out', async () => {
    const names = await watching();
    names.watch(new Set(ONLY));
    expect(names.addressesOf(NAME)).toEqual(['192.0.2.1']);
    await clock.advance(29_000);
    expect(asked).toEqual([`${NAME} 4`]);
    answer = async () => ({ addresses: ['192.0.2.2'], ttlSeconds: 30 });
    await clock.advance(1_000);
    expect(names.addressesOf(NAME)).toEqual(['192.0.2.2']);
    expect([asked.length, changes]).toEqual([2, 2]);
    await clock.advance(30_000);
    expect([asked.length, changes]).toEqual([3, 2]);
  });

  test.each([
    ['that live for no time are not asked for more often than once a second', 0, 10_000, 11],
    ['that live for a month are asked for each hour', 2_592_000, 7_200_000, 3],
  ])('with records %s', async (_, ttlSeconds, afterMs, times) => {
    answer = async () => ({ addresses: ['192.0.2.1'], ttlSeconds });
    await watching();
    await clock.advance(afterMs);
    expect(asked).toHaveLength(times);
  });

  test('keeps what it had while nobody answers, is asked for at growing intervals, and says since when', async () => {
    const names = await watching();
    const since = new Date(clock.now() + 30_000).toISOString();
    answer = () => Promise.reject(new Error('queryA ETIMEOUT db.example.com'));
    await clock.advance(30_000);
    const problem = { message: 'queryA ETIMEOUT db.example.com', since };
    expect(names.reports()).toEqual([{ name: NAME, addresses: 1, problem }]);
    asked = [];
    await clock.advance(120_000);
    expect(names.addressesOf(NAME)).toEqual(['192.0.2.1']);
    expect(names.reports()).toEqual([{ name: NAME, addresses: 1, problem }]);
    // After 1, 2, 4, 8, 16 s, and each 30 s from then on; for the first family alone.
    expect(asked).toEqual(Array(7).fill(`${NAME} 4`));
    answer = async () => ({ addresses: ['192.0.2.1'], ttlSeconds: 30 });
    await clock.advance(30_000);
    expect(names.reports()).toEqual([{ name: NAME, addresses: 1 }]);
  });

  test('is found by the second family where the first has no address', async () => {
    answer = async (name, family) => {
      if (family === 4) throw Object.assign(new Error(`queryA ENODATA ${name}`), { code: NO_SUCH_RECORDS });
      return { addresses: ['2001:db8::1'], ttlSeconds: 30 };
    };
    const names = await watching();
    expect(names.addressesOf(NAME)).toEqual(['2001:db8::1']);
    expect(names.reports()).toEqual([{ name: NAME, addresses: 1 }]);
  });

  test('stays with its first family while the question for that is lost', async () => {
    const names = await watching();
    answer = async (name, family) => {
      if (family === 4) throw Object.assign(new Error(`queryA ETIMEOUT ${name}`), { code: 'ETIMEOUT' });
      return { addresses: ['2001:db8::1'], ttlSeconds: 30 };
    };
    await clock.advance(30_000);
    expect(names.addressesOf(NAME)).toEqual(['192.0.2.1']);
    expect(names.reports()).toMatchObject([{ addresses: 1, problem: { message: `queryA ETIMEOUT ${NAME}` } }]);
  });

  test('leads where it led last when a service has it again while nobody answers', async () => {
    const names = await watching();
    answer = async () => ({ addresses: ['192.0.2.2'], ttlSeconds: 30 });
    await clock.advance(30_000);
    names.watch(new Set());
    answer = () => Promise.reject(new Error('nobody there'));
    names.watch(ONLY);
    await clock.advance(0);
    expect(names.addressesOf(NAME)).toEqual(['192.0.2.2']);
  });

  test('is asked for in the families of the node alone', async () => {
    families = [6];
    await watching();
    expect(asked).toEqual([`${NAME} 6`]);
  });

  test('leads where it led before while a new agent has no answer yet', async () => {
    (await watching()).close();
    answer = () => Promise.reject(new Error('nobody there'));
    const names = await watching();
    expect(names.addressesOf(NAME)).toEqual(['192.0.2.1']);
  });

  test('is forgotten when no service has it any more, whatever answer is on its way', async () => {
    let late: () => void = () => undefined;
    answer = () => new Promise((resolve) => (late = () => resolve({ addresses: ['192.0.2.9'], ttlSeconds: 1 })));
    const names = await watching();
    names.watch(new Set());
    late();
    await clock.advance(60_000);
    expect([names.addressesOf(NAME), names.reports(), changes]).toEqual([[], [], 0]);
    expect(asked).toHaveLength(1);
  });
});

test('what names lead to is read again by the next agent, and a file that is none is nothing', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'weft-names-'));
  try {
    const file = path.join(folder, 'names.json');
    expect(new KnownNamesFile(file).load()).toEqual({});
    new KnownNamesFile(file).save({ [NAME]: ['192.0.2.1'] });
    expect(new KnownNamesFile(file).load()).toEqual({ [NAME]: ['192.0.2.1'] });
    writeFileSync(file, '{"db');
    expect(new KnownNamesFile(file).load()).toEqual({});
    new KnownNamesFile(file).discard();
    expect(new KnownNamesFile(file).load()).toEqual({});
  } finally {
    rmSync(folder, { recursive: true });
  }
});
