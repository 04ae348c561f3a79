import { describe, expect, test } from '@jest/globals';
import {
  parseRanges,
  type PoolRange,
  renderRanges,
  reserveRange,
  withoutRanges,
} from '../../src/controllers/ippool/ranges.ts';

const a: PoolRange = { name: 'a', uid: 'uid-a', cidr: '10.0.0.0/16' };
const b: PoolRange = { name: 'b', uid: 'uid-b', cidr: '10.1.0.0/16' };

describe('the registry of pool ranges', () => {
  test('reserves a range that nobody has', () => {
    expect(reserveRange([a], b)).toEqual({ outcome: 'reserved', ranges: [a, b] });
  });

  test.each(['10.0.0.0/16', '10.0.255.0/24', '10.0.0.0/8'])('refuses %s, which overlaps with 10.0.0.0/16', (cidr) => {
    expect(reserveRange([a, b], { name: 'c', uid: 'uid-c', cidr })).toMatchObject({ outcome: 'overlaps' });
  });

  test('leaves a pool in its place when it asks again', () => {
    expect(reserveRange([a, b], a)).toEqual({ outcome: 'reserved', ranges: [b, a] });
    expect(renderRanges([b, a])).toBe(renderRanges([a, b]));
  });

  test('takes a namesake with another uid for another pool', () => {
    expect(reserveRange([a], { ...a, uid: 'another' })).toEqual({ outcome: 'overlaps', with: [a] });
  });

  test('frees the ranges of dead pools only', () => {
    expect(withoutRanges([a, b], new Set(['uid-a']))).toEqual([b]);
  });

  test('reads what it writes, and nothing else', () => {
    expect(parseRanges(undefined)).toEqual([]);
    expect(parseRanges(renderRanges([b, a]))).toEqual([a, b]);
    for (const text of ['', '[]', '{"version":2,"pools":[]}', '{"version":1,"pools":[{"name":"a"}]}']) {
      expect(() => parseRanges(text)).toThrow('registry of pool ranges');
    }
  });
});
