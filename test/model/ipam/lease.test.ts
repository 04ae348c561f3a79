import { describe, expect, test } from '@jest/globals';
import { parseJournalEntry, type LeaseEntry } from '../../../src/model/ipam/lease-journal.ts';
import { entriesOf, rebuild, replay } from '../../../src/model/ipam/lease-replay.ts';
import { findLeases, type LeasableBlock, type LeaseState, NO_LEASES } from '../../../src/model/ipam/lease-state.ts';
import {
  acknowledge,
  allocate,
  closeBlock,
  freeAddresses,
  freeUnlisted,
  needsBlock,
  type LeaseRequest,
  release,
  REST_MS,
  spareBlocks,
  unacknowledged,
  withBlocks,
} from '../../../src/model/ipam/lease.ts';

const EMPTY = withBlocks(NO_LEASES, [block('10.0.0.0/29')]);

function block(
  cidr: string,
  { pool = 'main', reserved = [] as readonly string[], uid = `uid of ${cidr}` } = {},
): LeasableBlock {
  return { uid, cidr, pool, reserved };
}

type Wish = Partial<LeaseRequest>;

/** What pod `uid` asks through container `c-uid`, unless said otherwise: an IPv4 address of any pool. */
function wish(podUid: string, { containerId = `c-${podUid}`, ...more }: Wish = {}): LeaseRequest {
  const netns = `/run/netns/${containerId}`;
  return { podUid, containerId, ifname: 'eth0', netns, families: [4], nowMs: 0, ...more };
}

/** ADD that gets what it wishes; `lease` is the first. */
function add(state: LeaseState, podUid: string, more: Wish = {}) {
  const result = allocate(state, wish(podUid, more));
  if ('reason' in result) throw new Error(`no address: ${result.message}`);
  const [lease] = result.leases;
  if (lease === undefined) throw new Error('no family was asked for');
  return { ...result, lease, addresses: result.leases.map(({ address }) => address) };
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

describe('with both families', () => {
  const SIX = block('fd00::/125', { pool: 'main6' });
  const DUAL = withBlocks(NO_LEASES, [block('10.0.0.0/29'), SIX]);
  const BOTH = { families: [4, 6] } as const;

  test('a pod gets one address of each, and one entry for each', () => {
    const { state, addresses, entries } = add(DUAL, 'p1', BOTH);
    expect(addresses).toEqual(['10.0.0.1', 'fd00::1']);
    expect(entries.map(({ op }) => op)).toEqual(['lease', 'lease']);
    const found = findLeases(state, { containerId: 'c-p1', ifname: 'eth0' });
    expect(found.map(({ address }) => address)).toEqual(addresses);
  });

  test.each([
    ['has no block', withBlocks(NO_LEASES, [block('10.0.0.0/29')]), 'NoBlock'],
    ['is used up', withBlocks(NO_LEASES, [block('10.0.0.0/29'), block('fd00::/128')]), 'AddressesExhausted'],
  ])('a pod gets none of the first when the second %s, and nothing changes', (_, state, reason) => {
    const before = structuredClone(state);
    const answer = allocate(state, wish('p1', BOTH));
    expect(answer).toMatchObject({ reason, family: 6, isTemporary: true });
    expect(answer).not.toHaveProperty('state');
    expect(state).toEqual(before);
    expect(freeAddresses(state, 4, 0)).toBe(7);
  });

  test('a pod that wants both and had one keeps it, and gets the other beside it', () => {
    const one = add(DUAL, 'p1').state;
    const both = add(one, 'p1', { ...BOTH, containerId: 'c-new' });
    expect(both.addresses).toEqual(['10.0.0.1', 'fd00::1']);
    expect(both.entries).toHaveLength(2);
    expect(unacknowledged(both.state)).toEqual([]);
  });

  test('a pod that wants one and had both loses the other when its old sandbox goes, and not before', () => {
    const both = add(DUAL, 'p1', BOTH).state;
    const one = add(both, 'p1', { families: [6], containerId: 'c-new' }).state;
    expect(unacknowledged(one)).toEqual([]);
    const after = del(one, 'p1').state;
    expect(unacknowledged(after)).toEqual(['10.0.0.1']);
    expect(findLeases(after, { containerId: 'c-new', ifname: 'eth0' })).toMatchObject([{ address: 'fd00::1' }]);
  });

  test('DEL lets both rest, and a pod that comes back has both again', () => {
    const released = del(add(DUAL, 'p1', BOTH).state, 'p1', { nowMs: 5 });
    expect(released.entries).toHaveLength(1);
    expect(unacknowledged(released.state)).toEqual(['10.0.0.1', 'fd00::1']);
    expect(add(released.state, 'p2', { ...BOTH, nowMs: 6 }).addresses).toEqual(['10.0.0.2', 'fd00::2']);
    expect(add(released.state, 'p1', { ...BOTH, nowMs: 6 }).addresses).toEqual(['10.0.0.1', 'fd00::1']);
  });

  test('each family counts its own free addresses', () => {
    const { state } = add(DUAL, 'p1', { families: [6] });
    expect([freeAddresses(state, 4, 0), freeAddresses(state, 6, 0)]).toEqual([7, 6]);
    const roomy = withBlocks(NO_LEASES, [block('fd00:1::/122')]);
    expect([needsBlock(roomy, 4, 0), needsBlock(roomy, 6, 0)]).toEqual([true, false]);
  });

  test('a container that another pod takes over gives up all addresses of the first', () => {
    const { state } = add(add(DUAL, 'p1', { ...BOTH, containerId: 'c' }).state, 'p2', { ...BOTH, containerId: 'c' });
    expect(unacknowledged(state)).toEqual(['10.0.0.1', 'fd00::1']);
    expect([...state.leases.values()].map(({ podUid }) => podUid)).toEqual(['p2', 'p2']);
  });
});

describe('pools', () => {
  const TWO = withBlocks(NO_LEASES, [block('10.0.0.0/29', { pool: 'a' }), block('10.0.9.0/29', { pool: 'b' })]);

  test('that a pod may use give its address, whatever comes first', () => {
    expect(add(TWO, 'p1', { pools: ['b'] }).addresses).toEqual(['10.0.9.1']);
    expect(add(TWO, 'p1', { pools: ['a', 'b'] }).addresses).toEqual(['10.0.0.1']);
    expect(allocate(TWO, wish('p1', { pools: ['c'] }))).toMatchObject({ reason: 'NoBlock' });
  });

  test('that are used up are not helped by others', () => {
    const full = ['p1', 'p2', 'p3', 'p4', 'p5', 'p6', 'p7'].reduce(
      (state, pod) => add(state, pod, { pools: ['b'] }).state,
      TWO,
    );
    expect(allocate(full, wish('p8', { pools: ['b'] }))).toMatchObject({ reason: 'AddressesExhausted' });
  });

  test('that a pod may not use any more give nothing back to it, and take nothing from it while it runs', () => {
    const { state } = add(TWO, 'p1', { pools: ['a'] });
    expect(add(state, 'p1', { pools: ['b'], containerId: 'c-new' }).addresses).toEqual(['10.0.0.1']);
    expect(add(del(state, 'p1').state, 'p1', { pools: ['b'] }).addresses).toEqual(['10.0.9.1']);
  });

  test('that a pod may not use give it no rested address either', () => {
    let state = add(TWO, 'p0', { pools: ['a'] }).state;
    state = acknowledge(del(state, 'p0').state, ['10.0.0.1']).state;
    for (let count = 1; count <= 6; count += 1) state = add(state, `p${count}`, { pools: ['a'] }).state;
    for (let count = 1; count <= 7; count += 1) state = add(state, `q${count}`, { pools: ['b'] }).state;
    expect(allocate(state, wish('new', { pools: ['b'], nowMs: REST_MS }))).toMatchObject({
      reason: 'AddressesExhausted',
    });
    expect(add(state, 'new', { pools: ['a'], nowMs: REST_MS }).addresses).toEqual(['10.0.0.1']);
  });
});

describe('reserved prefixes', () => {
  const reserving = (cidr: string, ...reserved: string[]) => withBlocks(NO_LEASES, [block(cidr, { reserved })]);
  const BOTH = { families: [4, 6] } as const;

  test.each<[LeaseState, string[]]>([
    [reserving('10.0.0.0/29', '10.0.0.2/31', '10.0.0.6/32'), ['10.0.0.1', '10.0.0.4', '10.0.0.5', '10.0.0.7']],
    [reserving('10.0.0.0/29', '10.0.0.0/30'), ['10.0.0.4', '10.0.0.5', '10.0.0.6', '10.0.0.7']],
    [reserving('10.0.0.0/29', '10.0.0.0/8'), []],
    [reserving('10.0.0.0/30', '10.9.0.0/16', 'fd00::/8'), ['10.0.0.1', '10.0.0.2', '10.0.0.3']],
    [reserving('fd00::/125', 'fd00::4/126'), ['fd00::1', 'fd00::2', 'fd00::3']],
    [reserving('fd00::/125', 'fd00::/64'), []],
  ])('%# are never given, and are not counted as free', (state, expected) => {
    const family = state.blocks[0]?.cidr.includes(':') === true ? 6 : 4;
    expect(freeAddresses(state, family, 0)).toBe(expected.length);
    let now = state;
    const given: string[] = [];
    for (let left = expected.length; left > 0; left -= 1) {
      const { state: next, lease } = add(now, `p${left}`, { families: [family] });
      given.push(lease.address);
      expect(freeAddresses(next, family, 0)).toBe(left - 1);
      now = next;
    }
    expect(given).toEqual(expected);
    expect(allocate(now, wish('last', { families: [family] }))).toMatchObject({ reason: 'AddressesExhausted' });
  });

  test('that came later leave their holders alone, and are not given again, to nobody', () => {
    const held = add(EMPTY, 'p1').state;
    const later = withBlocks(held, [block('10.0.0.0/29', { reserved: ['10.0.0.1/32'] })]);
    expect(freeAddresses(later, 4, 0)).toBe(6);
    expect(add(later, 'p1', { containerId: 'c-new' }).addresses).toEqual(['10.0.0.1']);
    const rested = acknowledge(del(later, 'p1').state, ['10.0.0.1']).state;
    expect(freeAddresses(rested, 4, 0)).toBe(6);
    expect(add(rested, 'p1', { nowMs: REST_MS }).addresses).toEqual(['10.0.0.2']);
    const full = ['a', 'b', 'c', 'd', 'e', 'f'].reduce((state, pod) => add(state, pod).state, rested);
    expect(allocate(full, wish('new', { nowMs: REST_MS }))).toMatchObject({ reason: 'AddressesExhausted' });
  });

  test('of one family hold nothing of the other back', () => {
    const state = withBlocks(NO_LEASES, [
      block('10.0.0.0/30', { reserved: ['10.0.0.1/32'] }),
      block('fd00::/126', { reserved: ['fd00::2/128'] }),
    ]);
    expect(add(state, 'p1', BOTH).addresses).toEqual(['10.0.0.2', 'fd00::1']);
  });
});

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

function cidrsOf({ blocks }: LeaseState): string[] {
  return blocks.map(({ cidr }) => cidr);
}

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

  test('of both families, with a fixed address that changed and a block given back, says the same too', () => {
    const blocks = [block('10.0.0.0/29'), block('fd00::/125')];
    const both = { families: [4, 6] } as const;
    const first = add(withBlocks(NO_LEASES, blocks), 'p1', both);
    const moved = add(first.state, 'p1', { ...both, fixed: ['fd00::5'], containerId: 'c-new', nowMs: 3 });
    const other = add(moved.state, 'p2', both);
    const gone = del(other.state, 'p2', { nowMs: 4 });
    const closed = closeBlock(gone.state, 'some block');
    const entries = [first, moved, other, gone, closed].flatMap((change) => change.entries);
    const read = entries.flatMap((entry) => parseJournalEntry(JSON.parse(JSON.stringify(entry))) ?? []);
    expect(withBlocks(replay(read, 100), blocks)).toEqual(closed.state);
    expect(withBlocks(replay(entriesOf(closed.state), 100), blocks)).toEqual(closed.state);
    expect(unacknowledged(closed.state)).toEqual(['10.0.0.2', 'fd00::1', 'fd00::2']);
  });

  test('of a version that knew IPv4 alone says of it what that version meant', () => {
    const lines = [
      '{"op":"rest","address":"10.0.0.7","podUid":"old","ifname":"eth0","atMs":1,"acknowledged":true}',
      '{"op":"rest","address":"10.0.0.6","podUid":"","ifname":"","atMs":1,"acknowledged":false}',
      '{"op":"lease","podUid":"p1","ifname":"eth0","containerId":"c-p1","netns":"/run/netns/c-p1","address":"10.0.0.1"}',
      '{"op":"lease","podUid":"p2","ifname":"eth0","containerId":"c-p2","address":"10.0.0.2"}',
      '{"op":"lease","podUid":"p2","ifname":"eth0","containerId":"c-new","address":"10.0.0.2"}',
      '{"op":"lease","podUid":"p3","ifname":"eth0","containerId":"c-p3","address":"10.0.0.3"}',
      '{"op":"release","containerId":"c-p3","ifname":"eth0","atMs":30}',
      '{"op":"release","containerId":"c-p2","ifname":"eth0","atMs":31}',
      '{"op":"acknowledge","addresses":["10.0.0.3"]}',
    ];
    const entries = lines.flatMap((line) => parseJournalEntry(JSON.parse(line)) ?? []);
    expect(entries).toHaveLength(lines.length);
    const state = withBlocks(replay(entries, 100), EMPTY.blocks);
    expect([...state.leases.values()]).toEqual([
      { podUid: 'p1', ifname: 'eth0', containerId: 'c-p1', netns: '/run/netns/c-p1', address: '10.0.0.1' },
      { podUid: 'p2', ifname: 'eth0', containerId: 'c-new', address: '10.0.0.2' },
    ]);
    expect(Object.fromEntries(state.resting)).toEqual({
      '10.0.0.3': { lastHolder: 'p3|eth0', releasedAtMs: 30, acknowledged: true },
      '10.0.0.6': { lastHolder: '|', releasedAtMs: 1, acknowledged: false },
      '10.0.0.7': { lastHolder: 'old|eth0', releasedAtMs: 1, acknowledged: true },
    });
    expect(add(state, 'p1').entries).toEqual([]);
    const dual = withBlocks(state, [...EMPTY.blocks, block('fd00::/125')]);
    expect(add(dual, 'p1', { families: [4, 6], containerId: 'c-new' }).addresses).toEqual(['10.0.0.1', 'fd00::1']);
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
    const state = withBlocks(replay(rebuild(cidrsOf(EMPTY), [lease], 50), 50), EMPTY.blocks);
    expect(add(state, 'p1', { nowMs: 50 }).lease).toEqual(lease);
    expect(freeAddresses(state, 4, 50 + REST_MS)).toBe(0);
    const acked = acknowledge(state, unacknowledged(state)).state;
    expect(freeAddresses(acked, 4, 50 + REST_MS)).toBe(6);
  });
});
