import { describe, expect, test } from '@jest/globals';
import { type EntryKind, planEntries } from '../../../src/agent/dataplane/reconcile-entries.ts';

interface Entry {
  readonly name: string;
  readonly value: number;
}

const KIND: EntryKind<Entry> = {
  key: ({ name }) => name,
  text: ({ name, value }) => `${name}=${value}`,
  encode: ({ name, value }) => ({ what: `write ${name}=${value}`, type: 0, header: Buffer.alloc(0) }),
  encodeRemoval: ({ name, value }) => ({ what: `remove ${name}=${value}`, type: 0, header: Buffer.alloc(0) }),
};

function plan(wanted: readonly Entry[], present: readonly Entry[]): string[] {
  const { writes, removals } = planEntries(KIND, wanted, present);
  return [...writes, ...removals].map(({ what }) => what);
}

describe('planEntries', () => {
  const [a, b] = [
    { name: 'a', value: 1 },
    { name: 'b', value: 2 },
  ];

  test('plans nothing when all is as wanted, in any order', () => {
    expect(plan([a, b], [b, a])).toEqual([]);
  });

  test('writes what is missing and removes what is too much', () => {
    expect(plan([a], [b])).toEqual(['write a=1', 'remove b=2']);
  });

  test('writes over what has another value, without removing it first', () => {
    expect(plan([{ name: 'a', value: 9 }, b], [a, b])).toEqual(['write a=9']);
  });

  test('lets the last of two wanted entries with the same key count', () => {
    expect(plan([a, { name: 'a', value: 9 }], [])).toEqual(['write a=9']);
  });
});
