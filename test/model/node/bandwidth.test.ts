import { expect, test } from '@jest/globals';
import type { Pod } from '../../../src/api/kubernetes.ts';
import { translateBandwidth } from '../../../src/model/node/bandwidth.ts';

function podOf(annotations: Readonly<Record<string, string>>): Pod {
  return { metadata: { name: 'web', annotations }, spec: { containers: [] } };
}

test.each([
  ['10M', 10e6],
  ['1k', 1e3],
  ['1.5Gi', 1.5 * 2 ** 30],
  ['2000', 2000],
  ['1P', 1e15],
])('%s is %d bits a second', (text, bits) => {
  expect(translateBandwidth(podOf({ 'kubernetes.io/ingress-bandwidth': text }))).toEqual({
    ingressBitsPerSecond: bits,
  });
  expect(translateBandwidth(podOf({ 'kubernetes.io/egress-bandwidth': text }))).toEqual({ egressBitsPerSecond: bits });
});

test.each(['', 'fast', '10 M', '-1M', '999', '2P', '1e6', '10m'])(
  "'%s' is refused, by the annotation's name",
  (text) => {
    expect(translateBandwidth(podOf({ 'kubernetes.io/egress-bandwidth': text }))).toMatchObject({
      path: 'metadata.annotations[kubernetes.io/egress-bandwidth]',
      reason: 'UnsupportedValue',
    });
  },
);

test('a pod without annotations has no limit', () => {
  expect(translateBandwidth(podOf({ other: '1M' }))).toBeUndefined();
});
