import { describe, expect, test } from '@jest/globals';
import { compare } from '../../bench/interleave.ts';
import { estimate, quantile } from '../../bench/statistics.ts';

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

describe('statistics of benchmarks', () => {
  test('a quantile lies between its neighbours', () => {
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
    expect(quantile([4, 1, 3, 2], 1)).toBe(4);
    expect(() => quantile([], 0.5)).toThrow('at least one sample');
  });

  // Ranks from published tables of the binomial interval of a median at 95 %.
  test.each([
    [6, 1, 6],
    [9, 2, 8],
    [15, 4, 12],
    [30, 10, 21],
  ])('of %i samples, the median lies between those of rank %i and %i', (count, low, high) => {
    expect(estimate(upTo(count))).toMatchObject({ low, high });
  });

  test('a pair is compared with itself, so that drift of the machine cancels', async () => {
    let slowness = 1;
    const baseline = () => (slowness *= 1.1);
    const candidate = () => (slowness *= 1.1) / 2;
    const { ratio } = await compare(candidate, baseline, 15);
    expect(ratio.median).toBeCloseTo(0.5, 1);
  });
});
