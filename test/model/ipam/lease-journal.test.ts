import { describe, expect, test } from '@jest/globals';
import { parseJournalEntry, type LeaseEntry } from '../../../src/model/ipam/lease-journal.ts';
import { entriesOf, rebuild, replay } from '../../../src/model/ipam/lease-replay.ts';
import { NO_LEASES, type LeaseState } from '../../../src/model/ipam/lease-state.ts';
import {
  acknowledge,
  closeBlock,
  freeAddresses,
  REST_MS,
  unacknowledged,
  withBlocks,
} from '../../../src/model/ipam/lease.ts';
import { learnLost } from '../../../src/model/ipam/loan.ts';
import { add, block, del, EMPTY } from './leasing.ts';

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
    expect(withBlocks(replay(entries, 100), EMPTY.blocks)).toEqual(withBlocks(state, EMPTY.blocks));
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
    const known = withBlocks(closed.state, blocks);
    expect(withBlocks(replay(read, 100), blocks)).toEqual(known);
    expect(withBlocks(replay(entriesOf(closed.state), 100), blocks)).toEqual(known);
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
    expect(withBlocks(replay(entriesOf(state), 100), EMPTY.blocks)).toEqual(withBlocks(state, EMPTY.blocks));
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

  test('rebuilt from live pods of both families lets every other address of all blocks rest', () => {
    const blocks = [block('10.0.0.0/29'), block('fd00::/125')];
    const { leases } = add(withBlocks(NO_LEASES, blocks), 'p1', { families: [4, 6] });
    const cidrs = blocks.map(({ cidr }) => cidr);
    const state = withBlocks(replay(rebuild(cidrs, leases, 50), 50), blocks);
    const others = [2, 3, 4, 5, 6, 7];
    expect(unacknowledged(state)).toEqual([
      ...others.map((of) => `10.0.0.${of}`),
      ...others.map((of) => `fd00::${of}`),
    ]);
    expect(add(state, 'p1', { families: [4, 6], nowMs: 50 }).leases).toEqual(leases);
    expect(freeAddresses(state, 6, 50 + REST_MS)).toBe(0);
  });

  test('rebuilt from live pods keeps their addresses and lets every other one rest', () => {
    const { lease } = add(EMPTY, 'p1');
    const lost = withBlocks(replay(rebuild(cidrsOf(EMPTY), [lease], 50), 50), EMPTY.blocks);
    expect(add(lost, 'p1', { nowMs: 50 }).lease).toEqual(lease);
    const uids = EMPTY.blocks.map(({ uid }) => uid);
    const state = withBlocks(learnLost(lost, { loans: [], blocks: uids }, uids).state, EMPTY.blocks);
    expect(freeAddresses(state, 4, 50 + REST_MS)).toBe(0);
    const acked = acknowledge(state, unacknowledged(state)).state;
    expect(freeAddresses(acked, 4, 50 + REST_MS)).toBe(6);
  });
});
