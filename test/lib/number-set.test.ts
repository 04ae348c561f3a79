import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { NumberSet } from '../../src/lib/number-set.ts';
import { Numbering } from '../../src/lib/numbering.ts';

describe('a set of numbers', () => {
  test('is as a Set is, and is read in ascending order', () => {
    const step = fc.record({ isAdded: fc.boolean(), number: fc.nat(200) });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const [set, model] = [new NumberSet(), new Set<number>()];
        for (const { isAdded, number } of steps) {
          if (isAdded) [set.add(number), model.add(number)];
          else [set.delete(number), model.delete(number)];
          expect(set.has(number)).toBe(model.has(number));
          expect(set.size).toBe(model.size);
        }
        expect([...set]).toEqual([...model].sort((a, b) => a - b));
      }),
    );
  });
});

describe('a numbering', () => {
  test('gives a name its number again, and a new name that of one that is gone', () => {
    const numbers = new Numbering();
    expect(['a', 'b', 'a', 'c'].map((name) => numbers.of(name))).toEqual([0, 1, 0, 2]);
    numbers.release('b');
    expect(numbers.find('b')).toBeUndefined();
    expect(['d', 'b', 'a'].map((name) => numbers.of(name))).toEqual([1, 3, 0]);
  });
});
