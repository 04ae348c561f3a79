import { describe, expect, test } from '@jest/globals';
import type { Watermark } from '../../src/model/node/desired-update.ts';
import { advanceWatermark, isBehind } from '../../src/stream/watermark.ts';

/** Name, candidate, what the node holds, whether the candidate is behind. */
const CASES: [string, Watermark, Watermark, boolean][] = [
  ['the same', { pods: '10' }, { pods: '10' }, false],
  ['longer numbers are larger, not later in the alphabet', { pods: '100' }, { pods: '99' }, false],
  ['older in one kind', { pods: '9', nodes: '20' }, { pods: '10', nodes: '1' }, true],
  ['beyond 2^53', { pods: '9007199254740992' }, { pods: '9007199254740993' }, true],
  ['a kind that only the node knows of', { pods: '10' }, { pods: '10', gateways: '5' }, false],
  ['a kind that the node does not know of', { pods: '10', gateways: '5' }, { pods: '10' }, false],
  ['a kind that has not been read yet', { pods: '', nodes: '20' }, { pods: '10', nodes: '1' }, true],
  ['nothing read yet, of a node that holds something', {}, { pods: '10' }, true],
  ['nothing read yet, of a node that holds nothing', {}, {}, false],
  ['older, of a higher epoch', { epoch: '1', pods: '1' }, { pods: '10' }, false],
  ['newer, of a lower epoch', { pods: '10' }, { epoch: '1', pods: '1' }, true],
];

describe('a watermark', () => {
  test.each(CASES)('%s', (_name, candidate, held, expected) => {
    expect(isBehind(candidate, held)).toBe(expected);
  });

  test('that is taken over keeps kinds it does not name, unless the epoch is another', () => {
    expect(advanceWatermark({ pods: '1', nodes: '2' }, { pods: '3' })).toEqual({ pods: '3', nodes: '2' });
    expect(advanceWatermark({ pods: '9', nodes: '2' }, { epoch: '1', pods: '3' })).toEqual({ epoch: '1', pods: '3' });
  });
});
