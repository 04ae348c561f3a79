import { describe, expect, test } from '@jest/globals';
import { parseJournalEntry } from '../../../src/model/ipam/lease-journal.ts';
import { entriesOf, rebuild, replay } from '../../../src/model/ipam/lease-replay.ts';
import type { LeaseState } from '../../../src/model/ipam/lease-state.ts';
import {
  allocate,
  needsBlock,
  REST_MS,
  spareBlocks,
  unacknowledged,
  withBlocks,
} from '../../../src/model/ipam/lease.ts';
import { endLoans, learnLost, lend, type Loan, proposeLoan } from '../../../src/model/ipam/loan.ts';
import { add, block, EMPTY, filled, wish } from './leasing.ts';

const BLOCKS = [block('10.0.0.0/29')];
const LOAN: Loan = { uid: 'l1', cidr: '10.0.0.6/31' };

function lent(state: LeaseState = EMPTY, loan = LOAN): LeaseState {
  const change = lend(state, loan, 0);
  if (typeof change === 'string') throw new Error(change);
  return change.state;
}

/** What the next process makes of the journal that this one wrote, as a whole or entry by entry. */
function restarted(state: LeaseState): LeaseState {
  const lines = JSON.parse(JSON.stringify(entriesOf(state))) as unknown[];
  return withBlocks(
    replay(
      lines.flatMap((line) => parseJournalEntry(line) ?? []),
      0,
    ),
    BLOCKS,
  );
}

function addressesLeft(state: LeaseState): string[] {
  const addresses: string[] = [];
  for (let now = state, count = 0; ; count += 1) {
    const answer = allocate(now, wish(`left-${count}`));
    if ('reason' in answer) return addresses;
    now = answer.state;
    addresses.push(...answer.leases.map(({ address }) => address));
  }
}

describe('a node proposes to lend', () => {
  test.each([
    ['a quarter of what is free', 0, '10.0.0.0/24', '10.0.0.240/28'],
    ['no more of a small block', 0, '10.0.0.0/26', '10.0.0.56/29'],
    ['two addresses at least', 2, '10.0.0.0/29', '10.0.0.6/31'],
    ['what is left behind the first, which is never lent', 3, '10.0.0.0/29', '10.0.0.6/31'],
  ])('%s, the last of the block', (_, pods, cidr, expected) => {
    const state = filled(pods, withBlocks(EMPTY, [block(cidr)]));
    expect(proposeLoan(state, cidr, 0)).toEqual({ cidr: expected });
  });

  test('nothing that is held, rests, is reserved, or is lent already', () => {
    const state = withBlocks(EMPTY, [block('10.0.0.0/29', { reserved: ['10.0.0.7/32'] })]);
    expect(proposeLoan(state, '10.0.0.0/29', 0)).toEqual({ cidr: '10.0.0.4/31' });
    expect(proposeLoan(lent(state, { uid: 'l1', cidr: '10.0.0.4/31' }), '10.0.0.0/29', 0)).toEqual({
      cidr: '10.0.0.2/31',
    });
    expect(proposeLoan(filled(4, state), '10.0.0.0/29', 0)).toHaveProperty('problem');
  });

  test('nothing of a block that it does not lease from', () => {
    expect(proposeLoan(EMPTY, '10.0.0.8/29', 0)).toHaveProperty('problem');
  });
});

describe('what is lent', () => {
  test('is leased to nobody, also after a restart', () => {
    const all = addressesLeft(EMPTY);
    expect(addressesLeft(lent())).toEqual(all.filter((address) => !['10.0.0.6', '10.0.0.7'].includes(address)));
    expect(addressesLeft(restarted(lent()))).toEqual(addressesLeft(lent()));
    expect(allocate(lent(), wish('p', { fixed: ['10.0.0.7'] }))).toMatchObject({ reason: 'AddressElsewhere' });
  });

  test('keeps its block from going back', () => {
    expect(spareBlocks(EMPTY, BLOCKS, () => false, 0)).toEqual(BLOCKS);
    expect(spareBlocks(lent(), BLOCKS, () => false, 0)).toEqual([]);
  });

  test('is asked for twice, and is written twice: the first time may not have reached the disk', () => {
    expect(lend(lent(), LOAN, 0)).toMatchObject({ entries: [{ op: 'lend', ...LOAN }] });
  });

  test.each([
    ['is held', filled(6), LOAN],
    ['is the first of the block', EMPTY, { uid: 'l1', cidr: '10.0.0.0/31' }],
    ['is the whole block', EMPTY, { uid: 'l1', cidr: '10.0.0.0/29' }],
    ['is lent to another', lent(), { uid: 'l2', cidr: '10.0.0.4/30' }],
    ["is not this node's", EMPTY, { uid: 'l1', cidr: '10.0.0.8/31' }],
    ['is no range', EMPTY, { uid: 'l1', cidr: '10.0.0.7/31' }],
  ])('was never what %s', (_, state, loan) => {
    expect(typeof lend(state, loan, 0)).toBe('string');
  });

  test('rests when it is back, until every node has forgotten who had it', () => {
    const { state } = endLoans(lent(), ['l1', 'unknown'], 0);
    expect(unacknowledged(state)).toEqual(['10.0.0.6', '10.0.0.7']);
    expect(addressesLeft(restarted(state))).toEqual(addressesLeft(lent()));
    expect(allocate(state, wish('p', { fixed: ['10.0.0.7'], nowMs: REST_MS }))).toMatchObject({
      reason: 'AddressResting',
    });
  });
});

describe('after a lost journal', () => {
  const blocks = BLOCKS.map(({ uid }) => uid);
  const lost = () => withBlocks(replay(rebuild([], [], 0), 0), BLOCKS);

  test('nothing is leased, lent or asked for until it is known what is lent', () => {
    const state = lost();
    expect(allocate(state, wish('p'))).toMatchObject({ reason: 'NotSynced', isTemporary: true });
    expect(lend(state, LOAN, 0)).toContain('journal was lost');
    expect(proposeLoan(state, '10.0.0.0/29', 0)).toHaveProperty('problem');
    expect(needsBlock(state, 4, 0)).toBe(false);
    expect(spareBlocks(state, BLOCKS, () => false, 0)).toEqual([]);
    expect(allocate(withBlocks(restarted(state), BLOCKS), wish('p'))).toMatchObject({ reason: 'NotSynced' });
    const known = withBlocks(learnLost(state, { loans: [LOAN], blocks }, blocks).state, BLOCKS);
    expect(addressesLeft(known)).toEqual(addressesLeft(lent()));
    expect(addressesLeft(withBlocks(restarted(known), BLOCKS))).toEqual(addressesLeft(lent()));
  });

  test('nothing is leased of a block that was given back, whatever the node is told of it still', () => {
    const known = withBlocks(learnLost(lost(), { loans: [], blocks: [] }, blocks).state, BLOCKS);
    expect(addressesLeft(known)).toEqual([]);
    expect(addressesLeft(withBlocks(restarted(known), BLOCKS))).toEqual([]);
    expect(needsBlock(known, 4, 0)).toBe(true);
  });

  test('a range of which a pod holds an address was asked for and never lent', () => {
    const { leases } = add(EMPTY, 'p', { fixed: ['10.0.0.7'] });
    const loans = [LOAN, { uid: 'l2', cidr: '10.0.0.4/31' }];
    const state = withBlocks(replay(rebuild([], leases, 0), 0), BLOCKS);
    expect(learnLost(state, { loans, blocks }, blocks).state.lent).toEqual(new Map([['l2', '10.0.0.4/31']]));
  });
});
