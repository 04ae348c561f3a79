import { describe, expect, test } from '@jest/globals';
import { replay } from '../../../src/model/ipam/lease-replay.ts';
import { NO_LEASES, type LeaseState } from '../../../src/model/ipam/lease-state.ts';
import { acknowledge, allocate, REST_MS, unacknowledged, withBlocks } from '../../../src/model/ipam/lease.ts';
import { add, block, del, wish } from './leasing.ts';

describe('a fixed address', () => {
  const STATE = withBlocks(NO_LEASES, [
    block('10.0.0.0/29', { reserved: ['10.0.0.6/31'] }),
    block('fd00::/125', { pool: 'main6' }),
  ]);
  const fixed = (...addresses: string[]) => ({ fixed: addresses, families: [4, 6] as const });

  test('is given, and the other family is as for any pod', () => {
    expect(add(STATE, 'p1', fixed('10.0.0.5')).addresses).toEqual(['10.0.0.5', 'fd00::1']);
    expect(add(STATE, 'p1', fixed('fd00::5')).addresses).toEqual(['10.0.0.1', 'fd00::5']);
    expect(add(STATE, 'p1', fixed('fd00::5', '10.0.0.5')).addresses).toEqual(['10.0.0.5', 'fd00::5']);
  });

  test('that the pod has already is its own, and nothing is written', () => {
    const { state } = add(STATE, 'p1', fixed('10.0.0.5'));
    expect(add(state, 'p1', fixed('10.0.0.5')).entries).toEqual([]);
  });

  test.each<[string, LeaseState, string, object]>([
    [
      'in no block of the node',
      STATE,
      '10.0.1.5',
      { reason: 'AddressElsewhere', isTemporary: true, fixed: '10.0.1.5' },
    ],
    ['reserved', STATE, '10.0.0.6', { reason: 'AddressReserved', isTemporary: false }],
    ['the first of its block', STATE, 'fd00::', { reason: 'AddressReserved', isTemporary: false }],
    ["another pod's", add(STATE, 'p9').state, '10.0.0.1', { reason: 'AddressTaken', isTemporary: true }],
    [
      'resting after another pod',
      del(add(STATE, 'p9').state, 'p9').state,
      '10.0.0.1',
      { reason: 'AddressResting', isTemporary: true },
    ],
  ])('%s is refused, whole', (_, state, address, expected) => {
    const answer = allocate(state, wish('p1', fixed(address)));
    expect(answer).toMatchObject({ path: 'metadata.annotations', fixed: address, ...expected });
    expect((answer as { message: string }).message).toContain(address);
  });

  test('that another pod had is given when it has rested, and one that the pod had itself at once', () => {
    const resting = acknowledge(del(add(STATE, 'p9').state, 'p9', { nowMs: 100 }).state, ['10.0.0.1']).state;
    expect(allocate(resting, wish('p1', { ...fixed('10.0.0.1'), nowMs: 99 + REST_MS }))).toMatchObject({
      reason: 'AddressResting',
    });
    expect(add(resting, 'p1', { ...fixed('10.0.0.1'), nowMs: 100 + REST_MS }).addresses).toContain('10.0.0.1');
    const own = del(add(STATE, 'p1').state, 'p1', { nowMs: 100 }).state;
    expect(add(own, 'p1', { ...fixed('10.0.0.1'), nowMs: 101 }).addresses).toContain('10.0.0.1');
  });

  test('is one address in each of its spellings', () => {
    const { state, addresses } = add(STATE, 'p1', fixed('FD00:0::5'));
    expect(addresses).toEqual(['10.0.0.1', 'fd00::5']);
    expect(allocate(state, wish('p2', fixed('fd00:0:0::5')))).toMatchObject({ reason: 'AddressTaken' });
    expect(add(state, 'p1', fixed('fd00:0::5')).entries).toEqual([]);
  });

  test('that changes lets the old one rest, with the pod as its last holder', () => {
    const before = add(STATE, 'p1', fixed('10.0.0.4')).state;
    const after = add(before, 'p1', { ...fixed('10.0.0.5'), containerId: 'c-new', nowMs: 7 });
    expect(after.addresses).toEqual(['10.0.0.5', 'fd00::1']);
    expect(unacknowledged(after.state)).toEqual(['10.0.0.4']);
    expect(after.state.resting.get('10.0.0.4')).toEqual({
      lastHolder: 'p1|eth0',
      releasedAtMs: 7,
      acknowledged: false,
    });
    expect(allocate(after.state, wish('p2', fixed('10.0.0.4')))).toMatchObject({ reason: 'AddressResting' });
    expect(del(after.state, 'p1').entries).toEqual([]);
    const back = add(after.state, 'p1', { ...fixed('10.0.0.4'), containerId: 'c-newer', nowMs: 8 });
    expect(unacknowledged(back.state)).toEqual(['10.0.0.5']);
  });

  test('that changes, in a journal of which a crash left the first line: nobody has the old one, and it rests', () => {
    const before = add(STATE, 'p1', fixed('10.0.0.4'));
    const after = add(before.state, 'p1', { ...fixed('10.0.0.5'), containerId: 'c-new', nowMs: 7 });
    const left = withBlocks(replay([...before.entries, ...after.entries.slice(0, 1)], 7), STATE.blocks);
    expect([...left.leases.values()].map(({ address }) => address)).toEqual(['fd00::1']);
    expect(unacknowledged(left)).toEqual(['10.0.0.4']);
    expect(del(left, 'p1').state.leases.size).toBe(0);
  });
});
