import { describe, expect, test } from '@jest/globals';
import { findLeases, NO_LEASES, type LeaseState } from '../../../src/model/ipam/lease-state.ts';
import {
  acknowledge,
  allocate,
  freeAddresses,
  needsBlock,
  REST_MS,
  unacknowledged,
  withBlocks,
} from '../../../src/model/ipam/lease.ts';
import { add, block, del, EMPTY, wish } from './leasing.ts';

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
