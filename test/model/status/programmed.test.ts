import { describe, expect, test } from '@jest/globals';
import type { Condition } from '../../../src/api/meta.ts';
import { decideProgrammed, type ProgramTarget } from '../../../src/model/status/programmed.ts';

const noun = { one: 'node', many: 'nodes' };

function target(name: string, more: Partial<ProgramTarget> = {}): ProgramTarget {
  return { name, isReachable: true, wanted: 'v2', ...more };
}

function decide(targets: readonly ProgramTarget[], more: { isSettled?: boolean; stored?: Condition } = {}) {
  return decideProgrammed({ targets, noun, isSettled: true, generation: 2, ...more });
}

function stored(observedGeneration: number): Condition {
  return {
    type: 'Programmed',
    status: 'True',
    observedGeneration,
    lastTransitionTime: '2026-01-01T00:00:00Z',
    reason: 'Programmed',
    message: 'acknowledged by 2 nodes',
  };
}

describe('Programmed', () => {
  test('is True when every reachable target holds the wanted version', () => {
    const { condition, ...counts } = decide([target('b', { acknowledged: 'v2' }), target('a', { acknowledged: 'v2' })]);
    expect(condition).toEqual({
      type: 'Programmed',
      status: 'True',
      reason: 'Programmed',
      message: 'acknowledged by 2 nodes',
    });
    expect(counts).toEqual({ targeted: 2, acknowledged: 2, rejected: 0, unreachable: 0 });
  });

  const lagging: readonly (readonly [string, Partial<ProgramTarget>])[] = [
    ['has said nothing', {}],
    ['holds an older version', { acknowledged: 'v1' }],
    ['has refused an older version', { acknowledged: 'v1', rejected: { version: 'v1', message: 'no' } }],
  ];

  test.each(lagging)('is never True while a reachable target %s', (_, state) => {
    const { condition } = decide([target('a', { acknowledged: 'v2' }), target('b', state)]);
    expect(condition).toMatchObject({ status: 'False', reason: 'Pending' });
    expect(condition.message).toBe('1 of 2 nodes have yet to acknowledge it: b');
  });

  test('tells in its own words why a target refuses', () => {
    const refusal = { acknowledged: 'v1', rejected: { version: 'v2', message: 'table is full' } };
    const { condition, rejected } = decide([target('a', { acknowledged: 'v2' }), target('b', refusal)]);
    expect(rejected).toBe(1);
    expect(condition).toMatchObject({ status: 'False', reason: 'Rejected' });
    expect(condition.message).toBe("1 node refused it: b. 'b' says: table is full");
  });

  test('a refusal that was overcome is forgotten', () => {
    const { condition } = decide([target('a', { acknowledged: 'v2', rejected: { version: 'v2', message: 'no' } })]);
    expect(condition.status).toBe('True');
  });

  test('a target out of reach does not keep it from being True, but is named', () => {
    const { condition, ...counts } = decide([target('a', { acknowledged: 'v2' }), target('b', { isReachable: false })]);
    expect(condition).toMatchObject({ status: 'True', message: 'acknowledged by 1 node; out of reach: b' });
    expect(counts).toEqual({ targeted: 1, acknowledged: 1, rejected: 0, unreachable: 1 });
  });

  test('is Unknown when nobody that it concerns can be reached', () => {
    expect(decide([target('a', { isReachable: false })]).condition).toMatchObject({
      status: 'Unknown',
      reason: 'Unreachable',
    });
  });

  test('is True when it concerns nobody, and says so', () => {
    expect(decide([]).condition).toMatchObject({ status: 'True', reason: 'NoTargets' });
  });

  test('a new leader takes no True back before the targets had time to report', () => {
    const early = decide([target('a')], { isSettled: false, stored: stored(2) });
    expect(early.condition).toMatchObject({ status: 'True', message: 'acknowledged by 2 nodes' });
    expect(decide([target('a')], { isSettled: true, stored: stored(2) }).condition.status).toBe('False');
  });

  test('a new leader does not keep the True of an older generation', () => {
    expect(decide([target('a')], { isSettled: false, stored: stored(1) }).condition.status).toBe('False');
  });

  test('a new leader believes a refusal at once', () => {
    const refusing = target('a', { rejected: { version: 'v2', message: 'no' } });
    expect(decide([refusing], { isSettled: false, stored: stored(2) }).condition.reason).toBe('Rejected');
  });

  test('names a few targets and counts the others', () => {
    const { condition } = decide(Array.from({ length: 7 }, (_, index) => target(`n${index}`)));
    expect(condition.message).toBe('7 of 7 nodes have yet to acknowledge it: n0, n1, n2, n3, n4 and 2 more');
  });
});
