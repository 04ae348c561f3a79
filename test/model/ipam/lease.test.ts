import { describe, expect, test } from '@jest/globals';
import { parseJournalEntry, type LeaseEntry } from '../../../src/model/ipam/lease-journal.ts';
import { entriesOf, rebuild, replay } from '../../../src/model/ipam/lease-replay.ts';
import { findLease, NO_LEASES, type LeaseState } from '../../../src/model/ipam/lease-state.ts';
import {
  acknowledge,
  allocate,
  freeAddresses,
  freeUnlisted,
  planBlocks,
  release,
  REST_MS,
  unacknowledged,
  withBlocks,
} from '../../../src/model/ipam/lease.ts';

const EMPTY = withBlocks(NO_LEASES, ['10.0.0.0/29']);

/** ADD of pod `uid` through container `c-uid`, or the one that is given. */
function add(state: LeaseState, podUid: string, { containerId = `c-${podUid}`, nowMs = 0 } = {}) {
  const result = allocate(state, { podUid, containerId, ifname: 'eth0', netns: `/run/netns/${containerId}`, nowMs });
  if ('reason' in result) throw new Error(`no address: ${result.message}`);
  return result;
}

function del(state: LeaseState, podUid: string, { containerId = `c-${podUid}`, nowMs = 0 } = {}) {
  return release(state, { containerId, ifname: 'eth0', nowMs });
}

/** A state in which pods p1..pN hold addresses. */
function filled(count: number, state = EMPTY): LeaseState {
  return Array.from({ length: count }, (_, index) => `p${index + 1}`).reduce((now, pod) => add(now, pod).state, state);
}

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
    expect(findLease(second.state, { containerId: 'c-p1', ifname: 'eth0' })).toBeUndefined();
  });

  test('gives a pod its former address back, at once, when its old sandbox was removed first', () => {
    const before = add(filled(1), 'p2');
    const after = add(del(before.state, 'p2', { nowMs: 5 }).state, 'p2', { containerId: 'c-new', nowMs: 6 });
    expect(after.lease.address).toBe(before.lease.address);
  });

  test('gives two interfaces of one pod two addresses', () => {
    const first = add(EMPTY, 'p1');
    const second = allocate(first.state, { podUid: 'p1', containerId: 'c-p1', ifname: 'net1', nowMs: 0 });
    expect(second).toMatchObject({ lease: { address: '10.0.0.2', ifname: 'net1' } });
  });

  test('says that the node has no block, or that its addresses are used up', () => {
    expect(allocate(NO_LEASES, { podUid: 'p', containerId: 'c', ifname: 'eth0', nowMs: 0 })).toMatchObject({
      reason: 'NoBlock',
    });
    const full = allocate(filled(7), { podUid: 'p', containerId: 'c', ifname: 'eth0', nowMs: 0 });
    expect(full).toMatchObject({ reason: 'AddressesExhausted' });
  });

  test('goes on in the next block when one is full', () => {
    const state = withBlocks(filled(7), ['10.0.0.0/29', '10.0.9.0/29']);
    expect(add(state, 'p8').lease.address).toBe('10.0.9.1');
  });

  test('takes nothing from a block that is gone, and leaves those who hold its addresses alone', () => {
    const state = withBlocks(filled(2), ['10.0.9.0/29']);
    expect(add(state, 'p3').lease.address).toBe('10.0.9.1');
    expect(add(state, 'p1').lease.address).toBe('10.0.0.1');
  });
});

describe('release', () => {
  test('DEL of an old sandbox does not touch the new one', () => {
    const state = add(filled(1), 'p1', { containerId: 'c-new' }).state;
    const after = del(state, 'p1');
    expect(after.entries).toEqual([]);
    expect(findLease(after.state, { containerId: 'c-new', ifname: 'eth0' })?.address).toBe('10.0.0.1');
  });

  test('twice is once', () => {
    const once = del(filled(1), 'p1').state;
    expect(del(once, 'p1', { nowMs: 99 }).state).toBe(once);
  });

  test('an address is reused only after its rest and after every acknowledgement', () => {
    const released = del(filled(7), 'p3', { nowMs: 1000 }).state;
    const request = { podUid: 'new', containerId: 'c-new', ifname: 'eth0' };
    const acked = acknowledge(released, ['10.0.0.3']).state;
    expect(allocate(released, { ...request, nowMs: 1000 + 10 * REST_MS })).toMatchObject({
      reason: 'AddressesExhausted',
    });
    expect(allocate(acked, { ...request, nowMs: 1000 + REST_MS - 1 })).toMatchObject({ reason: 'AddressesExhausted' });
    expect(allocate(acked, { ...request, nowMs: 1000 + REST_MS })).toMatchObject({ lease: { address: '10.0.0.3' } });
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

describe('planBlocks', () => {
  const block = ['10.0.1.0/28'];

  test('asks for the first block, and for a further one while fewer than 8 addresses could be given', () => {
    expect(planBlocks(NO_LEASES, 0)).toBe(1);
    expect(planBlocks(withBlocks(NO_LEASES, block), 0)).toBe(0);
    expect(planBlocks(filled(7, withBlocks(NO_LEASES, block)), 0)).toBe(0);
    expect(planBlocks(filled(8, withBlocks(NO_LEASES, block)), 0)).toBe(1);
  });

  test('does not count addresses that rest', () => {
    const state = del(filled(3), 'p1').state;
    expect(freeAddresses(state, 0)).toBe(4);
    expect(freeAddresses(acknowledge(state, ['10.0.0.1']).state, REST_MS)).toBe(5);
  });
});

describe('the journal', () => {
  /** Everything that a state can hold, and the entries that led to it. */
  function history(): { state: LeaseState; entries: LeaseEntry[] } {
    const entries: LeaseEntry[] = [];
    const keep = (change: { readonly state: LeaseState; readonly entries: readonly LeaseEntry[] }) => {
      entries.push(...change.entries);
      return change.state;
    };
    let state = keep(add(EMPTY, 'p1'));
    state = keep(add(state, 'p2'));
    state = keep(add(state, 'p2', { containerId: 'c-new' }));
    state = keep(add(state, 'p3'));
    state = keep(del(state, 'p1', { nowMs: 10 }));
    state = keep(del(state, 'p3', { nowMs: 20 }));
    state = keep(acknowledge(state, ['10.0.0.1']));
    return { state, entries };
  }

  test('replayed from disk says what was true when it was written', () => {
    const { state, entries } = history();
    const read = entries.map((entry) => parseJournalEntry(JSON.parse(JSON.stringify(entry))));
    expect(read).toEqual(entries);
    expect(withBlocks(replay(entries, 100), EMPTY.blocks)).toEqual(state);
  });

  test('rewritten says the same', () => {
    const { state } = history();
    expect(withBlocks(replay(entriesOf(state), 100), EMPTY.blocks)).toEqual(state);
  });

  test('of a clock that was ahead lets addresses rest from now on', () => {
    const { state } = history();
    expect(replay(entriesOf(state), 5).resting.get('10.0.0.3')?.releasedAtMs).toBe(5);
  });

  test.each([
    [null],
    ['lease'],
    [{ op: 'lease', podUid: 'p', ifname: 'eth0', containerId: 'c' }],
    [{ op: 'release', containerId: 'c', ifname: 'eth0', atMs: 'now' }],
    [{ op: 'acknowledge', addresses: [1] }],
    [{ op: 'from the future' }],
  ])('takes %j for no entry', (value) => {
    expect(parseJournalEntry(value)).toBeUndefined();
  });

  test('rebuilt from live pods keeps their addresses and lets every other one rest', () => {
    const { lease } = add(EMPTY, 'p1');
    const state = withBlocks(replay(rebuild(EMPTY.blocks, [lease], 50), 50), EMPTY.blocks);
    expect(add(state, 'p1', { nowMs: 50 }).lease).toEqual(lease);
    expect(freeAddresses(state, 50 + REST_MS)).toBe(0);
    const acked = acknowledge(state, unacknowledged(state)).state;
    expect(freeAddresses(acked, 50 + REST_MS)).toBe(6);
  });
});
