import { describe, expect, test } from '@jest/globals';
import { bearsLabels, canonicalSelector, matchesSelector } from '../../src/model/labels.ts';

const labels = { app: 'web', tier: 'front', empty: '' };

describe('matchesSelector', () => {
  test.each([
    ['the empty selector', {}, true],
    ['an equal label', { matchLabels: { app: 'web' } }, true],
    ['one of two labels only', { matchLabels: { app: 'web', tier: 'back' } }, false],
    ['In with the value', { matchExpressions: [{ key: 'app', operator: 'In', values: ['api', 'web'] }] }, true],
    ['In without values', { matchExpressions: [{ key: 'app', operator: 'In', values: [] }] }, false],
    ['NotIn with the value', { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['web'] }] }, false],
    ['NotIn of an absent label', { matchExpressions: [{ key: 'zone', operator: 'NotIn', values: ['a'] }] }, true],
    ['Exists of a label with an empty value', { matchExpressions: [{ key: 'empty', operator: 'Exists' }] }, true],
    ['DoesNotExist of an absent label', { matchExpressions: [{ key: 'zone', operator: 'DoesNotExist' }] }, true],
    ['a name that every object inherits', { matchExpressions: [{ key: 'constructor', operator: 'Exists' }] }, false],
    [
      'labels and expressions together, one of which fails',
      { matchLabels: { app: 'web' }, matchExpressions: [{ key: 'tier', operator: 'DoesNotExist' }] },
      false,
    ],
  ] as const)('%s: %j is %s', (_, selector, expected) => {
    expect(matchesSelector(selector, labels)).toBe(expected);
  });

  test('a subset of labels is borne only with its values', () => {
    expect(bearsLabels(labels, { app: 'web' })).toBe(true);
    expect(bearsLabels(labels, { app: 'api' })).toBe(false);
    expect(bearsLabels(labels, { zone: 'a' })).toBe(false);
  });
});

describe('canonicalSelector', () => {
  test('is the same for the same meaning in another order and by other means', () => {
    const one = canonicalSelector({ matchLabels: { b: '2', a: '1' } });
    const other = canonicalSelector({
      matchLabels: { a: '1' },
      matchExpressions: [
        { key: 'b', operator: 'In', values: ['2', '2'] },
        { key: 'a', operator: 'In', values: ['1'] },
      ],
    });
    expect(one).toBe('a=1,b=2');
    expect(other).toBe(one);
  });

  test('reads like kubectl --selector', () => {
    const text = canonicalSelector({
      matchExpressions: [
        { key: 'tier', operator: 'In', values: ['b', 'a'] },
        { key: 'old', operator: 'DoesNotExist' },
        { key: 'env', operator: 'NotIn', values: ['dev'] },
        { key: 'app.kubernetes.io/name', operator: 'Exists' },
      ],
    });
    expect(text).toBe('!old,app.kubernetes.io/name,env notin (dev),tier in (a,b)');
  });

  test('differs for different meanings', () => {
    const texts = [
      {},
      { matchLabels: { a: '' } },
      { matchLabels: { a: 'b,c' } },
      { matchLabels: { a: 'b', c: '' } },
      { matchExpressions: [{ key: 'a', operator: 'Exists' }] },
      { matchExpressions: [{ key: 'a', operator: 'DoesNotExist' }] },
      { matchExpressions: [{ key: '!a', operator: 'Exists' }] },
      { matchExpressions: [{ key: 'a', operator: 'In', values: [] }] },
      { matchExpressions: [{ key: 'a', operator: 'NotIn', values: [] }] },
      { matchExpressions: [{ key: 'a', operator: 'NotIn', values: [''] }] },
      { matchExpressions: [{ key: 'a', operator: 'In', values: ['b', 'c'] }] },
      { matchExpressions: [{ key: 'a', operator: 'In', values: ['b,c'] }] },
    ] as const;
    const canonical = texts.map((selector) => canonicalSelector(selector));
    // `a=b,c` as one label, and as In with one value, say the same.
    expect(canonical[11]).toBe(canonical[2]);
    expect(new Set(canonical).size).toBe(texts.length - 1);
  });
});
