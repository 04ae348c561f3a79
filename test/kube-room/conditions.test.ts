import { describe, expect, test } from '@jest/globals';
import type { Condition } from '../../src/api/meta.ts';
import { conditionOfProblems, mergeConditions } from '../../src/model/status/conditions.ts';

const EARLIER = '2026-01-01T00:00:00Z';
const NOW = '2026-01-02T00:00:00Z';

const ready: Condition = {
  type: 'Ready',
  status: 'True',
  observedGeneration: 1,
  lastTransitionTime: EARLIER,
  reason: 'Reserved',
  message: 'fine',
};

function merge(current: readonly Condition[], desired: Parameters<typeof mergeConditions>[1]) {
  return mergeConditions(current, desired, { observedGeneration: 2, now: NOW });
}

describe('mergeConditions', () => {
  test('keeps the time of a condition whose reason and message change but whose status does not', () => {
    const [merged] = merge([ready], [{ type: 'Ready', status: 'True', reason: 'Other', message: 'still fine' }]);
    expect(merged).toEqual({ ...ready, observedGeneration: 2, reason: 'Other', message: 'still fine' });
  });

  test('moves the time of a condition whose status changes', () => {
    const [merged] = merge([ready], [{ type: 'Ready', status: 'Unknown', reason: 'Waiting', message: 'who knows' }]);
    expect(merged?.lastTransitionTime).toBe(NOW);
  });

  test('drops what is not desired, adds what is new, and sorts by type', () => {
    const merged = merge(
      [ready, { ...ready, type: 'Old' }],
      [
        { type: 'Ready', status: 'True', reason: 'Reserved', message: 'fine' },
        { type: 'Exhausted', status: 'False', reason: 'BlocksFree', message: 'room' },
      ],
    );
    expect(merged.map(({ type, lastTransitionTime }) => [type, lastTransitionTime])).toEqual([
      ['Exhausted', NOW],
      ['Ready', EARLIER],
    ]);
  });

  test('writes to neither of its arguments', () => {
    const current = [{ ...ready, type: 'Z' }, ready];
    const desired = [{ type: 'Ready', status: 'False', reason: 'R', message: 'm' } as const];
    const before = structuredClone({ current, desired });
    merge(current, desired);
    expect({ current, desired }).toEqual(before);
  });
});

describe('conditionOfProblems', () => {
  const fine = { reason: 'Accepted', message: 'understood' };

  test('is True without problems', () => {
    expect(conditionOfProblems('Accepted', [], fine)).toEqual({ type: 'Accepted', status: 'True', ...fine });
  });

  test('tells the first problem and counts the others', () => {
    const problems = [
      { path: 'spec.port', reason: 'PortNotFound', message: 'must be a port of the service' },
      { path: 'spec.service', reason: 'ServiceNotFound', message: 'must exist' },
    ];
    expect(conditionOfProblems('Accepted', problems, fine)).toEqual({
      type: 'Accepted',
      status: 'False',
      reason: 'PortNotFound',
      message: 'spec.port must be a port of the service (and 1 more)',
    });
  });
});
