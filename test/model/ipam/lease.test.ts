import { describe, expect, test } from '@jest/globals';
import { replay } from '../../../src/model/ipam/lease-replay.ts';
import { findLeases, NO_LEASES, type LeaseState } from '../../../src/model/ipam/lease-state.ts';
import {
  acknowledge,
  allocate,
  closeBlock,
  freeAddresses,
  freeUnlisted,
  needsBlock,
  REST_MS,
  spareBlocks,
  unacknowledged,
  withBlocks,
} from '../../../src/model/ipam/lease.ts';
import { add, block, del, EMPTY, filled, wish } from './leasing.ts';

describe('allocate', () => {
  test('gives new addresses in order and never the first of a block', () => {
    const addresses = [...filled(7).leases.values()].map(({ address }) => address);
    expect(addresses).toEqual([1, 2, 3, 4, 5, 6, 7].map((index) => `10.0.0.${index}`));
  });

  test('gives a pod that asks again the same address and writes nothing', () => {
    const first = add(EMPTY, 'p1');
    const again = add(first.state, 'p1');
    expect(again.lease).toEqual(first.lease);
    expect(again.entries).toEqual([]);
    expect(again.state).toBe(first.state);
  });

  test('gives a new sandbox of the pod the same address', () => {
    const first = add(EMPTY, 'p1');
    const second = add(first.state, 'p1', { containerId: 'c-new' });
    expect(second.lease).toMatchObject({ address: first.lease.address, containerId: 'c-new' });
    expect(findLeases(second.state, { containerId: 'c-p1', ifname: 'eth0' })).toEqual([]);
  });

  test('gives a pod its former address back, at once, when its old sandbox was removed first', () => {
    const before = add(filled(1), 'p2');
    const after = add(del(before.state, 'p2', { nowMs: 5 }).state, 'p2', { containerId: 'c-new', nowMs: 6 });
    expect(after.lease.address).toBe(before.lease.address);
  });

  test('gives two interfaces of one pod two addresses', () => {
    const first = add(EMPTY, 'p1');
    const second = add(first.state, 'p1', { ifname: 'net1' });
    expect(second.lease).toMatchObject({ address: '10.0.0.2', ifname: 'net1' });
  });

  test('says that the node has no block, or that its addresses are used up', () => {
    expect(allocate(NO_LEASES, wish('p'))).toMatchObject({
      reason: 'NoBlock',
    });
    const full = allocate(filled(7), wish('p'));
    expect(full).toMatchObject({ reason: 'AddressesExhausted' });
  });

  test('goes on in the next block when one is full', () => {
    const state = withBlocks(filled(7), [block('10.0.0.0/29'), block('10.0.9.0/29')]);
    expect(add(state, 'p8').lease.address).toBe('10.0.9.1');
  });

  test('takes nothing from a block that is gone, and leaves those who hold its addresses alone', () => {
    const state = withBlocks(filled(2), [block('10.0.9.0/29')]);
    expect(add(state, 'p3').lease.address).toBe('10.0.9.1');
    expect(add(state, 'p1').lease.address).toBe('10.0.0.1');
  });
});

describe('release', () => {
  test('DEL of an old sandbox does not touch the new one', () => {
    const state = add(filled(1), 'p1', { containerId: 'c-new' }).state;
    const after = del(state, 'p1');
    expect(after.entries).toEqual([]);
    expect(findLeases(after.state, { containerId: 'c-new', ifname: 'eth0' })).toMatchObject([{ address: '10.0.0.1' }]);
  });

  test('twice is once', () => {
    const once = del(filled(1), 'p1').state;
    expect(del(once, 'p1', { nowMs: 99 }).state).toBe(once);
  });

  test('an address is reused only after its rest and after every acknowledgement', () => {
    const released = del(filled(7), 'p3', { nowMs: 1000 }).state;
    const acked = acknowledge(released, ['10.0.0.3']).state;
    expect(allocate(released, wish('new', { nowMs: 1000 + 10 * REST_MS }))).toMatchObject({
      reason: 'AddressesExhausted',
    });
    expect(allocate(acked, wish('new', { nowMs: 1000 + REST_MS - 1 }))).toMatchObject({ reason: 'AddressesExhausted' });
    expect(allocate(acked, wish('new', { nowMs: 1000 + REST_MS }))).toMatchObject({
      leases: [{ address: '10.0.0.3' }],
    });
  });

  test('the address that rests longest is reused first', () => {
    let state = filled(7);
    state = del(state, 'p5', { nowMs: 1 }).state;
    state = del(state, 'p2', { nowMs: 2 }).state;
    state = acknowledge(state, ['10.0.0.2', '10.0.0.5']).state;
    expect(add(state, 'new', { nowMs: REST_MS * 2 }).lease.address).toBe('10.0.0.5');
  });

  test('an address that is given again must be acknowledged again', () => {
    let state = acknowledge(del(filled(7), 'p1').state, ['10.0.0.1']).state;
    state = add(state, 'new', { nowMs: REST_MS }).state;
    state = del(state, 'new', { nowMs: REST_MS }).state;
    expect(unacknowledged(state)).toEqual(['10.0.0.1']);
  });

  test('acknowledging what does not rest changes nothing', () => {
    const state = filled(1);
    expect(acknowledge(state, ['10.0.0.1', '10.0.0.7']).state).toBe(state);
  });
});

describe('freeUnlisted', () => {
  test('releases what the runtime does not know, and nothing else', () => {
    const { state, released } = freeUnlisted(filled(3), [{ containerId: 'c-p2', ifname: 'eth0' }], 7);
    expect(released.map(({ podUid }) => podUid)).toEqual(['p1', 'p3']);
    expect([...state.leases.values()].map(({ podUid }) => podUid)).toEqual(['p2']);
    expect(unacknowledged(state)).toEqual(['10.0.0.1', '10.0.0.3']);
  });
});

describe('needsBlock', () => {
  const roomy = withBlocks(NO_LEASES, [block('10.0.1.0/28')]);

  test('asks for the first block, and for a further one while fewer than 8 addresses could be given', () => {
    expect(needsBlock(NO_LEASES, 4, 0)).toBe(true);
    expect(needsBlock(roomy, 4, 0)).toBe(false);
    expect(needsBlock(filled(7, roomy), 4, 0)).toBe(false);
    expect(needsBlock(filled(8, roomy), 4, 0)).toBe(true);
  });

  test('does not count addresses that rest', () => {
    const state = del(filled(3), 'p1').state;
    expect(freeAddresses(state, 4, 0)).toBe(4);
    expect(freeAddresses(acknowledge(state, ['10.0.0.1']).state, 4, REST_MS)).toBe(5);
  });
});

describe('blocks that a node can do without', () => {
  const A = block('10.0.0.0/28');
  const B = block('10.0.1.0/28');
  const SIX = block('fd00::/124');
  const own = [A, B, SIX];
  const STATE = withBlocks(NO_LEASES, own);
  const uids = (state: LeaseState, isUseful = true, nowMs = 0) =>
    spareBlocks(state, own, () => isUseful, nowMs).map(({ cidr }) => cidr);

  test('are none while what is left of the family would not do for twice a burst of pods', () => {
    expect(uids(STATE)).toEqual([]);
    const more = [...own, block('10.0.2.0/28')];
    const spare = spareBlocks(withBlocks(NO_LEASES, more), more, () => true, 0);
    expect(spare.map(({ cidr }) => cidr)).toEqual(['10.0.0.0/28']);
  });

  test('are all that are empty when no new pod gets addresses of them', () => {
    expect(uids(STATE, false)).toEqual(own.map(({ cidr }) => cidr));
    expect(uids(add(STATE, 'p1').state, false)).toEqual([B.cidr, SIX.cidr]);
    expect(uids(add(STATE, 'p1', { families: [4, 6] }).state, false)).toEqual([B.cidr]);
  });

  test('are empty only when nothing rests in them that may not be reused', () => {
    const released = del(add(STATE, 'p1').state, 'p1').state;
    expect(uids(released, false, REST_MS)).toEqual([B.cidr, SIX.cidr]);
    const acked = acknowledge(released, ['10.0.0.1']).state;
    expect(uids(acked, false, REST_MS - 1)).toEqual([B.cidr, SIX.cidr]);
    expect(uids(acked, false, REST_MS)).toEqual(own.map(({ cidr }) => cidr));
  });

  test('and that are closed give nothing any more, whatever the operator says, also after a crash', () => {
    const { state, entries } = closeBlock(withBlocks(NO_LEASES, [A]), A.uid);
    expect(allocate(state, wish('p1'))).toMatchObject({ reason: 'NoBlock' });
    expect(allocate(withBlocks(state, [A]), wish('p1'))).toMatchObject({ reason: 'NoBlock' });
    expect(allocate(withBlocks(replay(entries, 0), [A]), wish('p1'))).toMatchObject({ reason: 'NoBlock' });
    const again = withBlocks(state, [block(A.cidr, { uid: 'claimed anew' })]);
    expect(add(again, 'p1').addresses).toEqual(['10.0.0.1']);
  });
});
