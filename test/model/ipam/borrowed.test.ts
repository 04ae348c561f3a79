import { describe, expect, test } from '@jest/globals';
import { blockOfAddress } from '../../../src/model/ipam/blocks.ts';
import { isUnagreed, lentRanges, withoutParts } from '../../../src/model/ipam/borrowed.ts';
import { checkAddresses } from '../../../src/model/ipam/check-addresses.ts';
import { tunnelAddressesOf } from '../../../src/model/ipam/tunnel.ts';
import { usageOf } from '../../../src/model/ipam/usage.ts';
import { block, inspection, lease, pod, world } from './address-world.ts';

const WHOLE = block('10.42.0.0/26', 'n1');
const OTHER = block('10.42.0.64/26', 'n2');
const PART = block('10.42.0.56/29', 'n2', { lender: 'n1' });
const UNAGREED = block('10.42.0.48/29', 'n1', { lender: 'n1' });

/** Node n2 has a pod on what it has borrowed of n1. */
function lentWorld({ lent = [PART.metadata.uid ?? ''], blocks = [WHOLE, OTHER, PART] } = {}) {
  const [web, db] = [lease('web', ['10.42.0.5']), lease('db', ['10.42.0.57'])];
  return world({
    blocks,
    pods: [pod('web', 'n1', ['10.42.0.5']), pod('db', 'n2', ['10.42.0.57'])],
    inspections: new Map([
      ['n1', inspection(['10.42.0.0/26'], { attachments: [web], lent })],
      ['n2', inspection(['10.42.0.64/26', '10.42.0.56/29'], { attachments: [db] })],
    ]),
  });
}

const found = (facts: Parameters<typeof checkAddresses>[0]) =>
  checkAddresses(facts).map(({ kind, node, subject }) => `${kind} ${node} ${subject}`);

test.each<[string, string[], string[]]>([
  ['10.0.0.0/29', [], ['10.0.0.0/29']],
  ['10.0.0.0/29', ['10.0.0.6/31'], ['10.0.0.0/30', '10.0.0.4/31']],
  ['10.0.0.0/29', ['10.0.0.2/31', '10.0.0.4/30'], ['10.0.0.0/31']],
  ['10.0.0.0/29', ['10.0.0.0/29'], []],
  ['10.0.0.0/29', ['10.0.0.8/29', 'fd00::/126'], ['10.0.0.0/29']],
  ['fd00::/126', ['fd00::2/127'], ['fd00::/127']],
])('%s without %j is %j', (cidr, parts, left) => {
  expect(withoutParts(cidr, parts)).toEqual(left);
});

test('of each block those ranges are lent that are cut from it, also those that its node has not agreed to', () => {
  expect(lentRanges([WHOLE, OTHER, PART, UNAGREED])).toEqual(
    new Map([['10.42.0.0/26', ['10.42.0.48/29', '10.42.0.56/29']]]),
  );
  expect([WHOLE, PART, UNAGREED].map(isUnagreed)).toEqual([false, false, true]);
});

test('the tunnel ends on what is borrowed only where the node has nothing of its own, as it is to be given back', () => {
  const created = (one: typeof PART, creationTimestamp: string) => ({
    ...one,
    metadata: { ...one.metadata, creationTimestamp },
  });
  const [part, own] = [created(PART, '2026-01-01T00:00:00Z'), created(OTHER, '2026-02-01T00:00:00Z')];
  expect(tunnelAddressesOf([part])).toEqual(['10.42.0.56']);
  expect(tunnelAddressesOf([part, own])).toEqual(['10.42.0.64']);
});

test('a fixed address that is borrowed is said to be with its borrower', () => {
  const pool = { name: 'main', uid: 'pool-1', cidr: '10.42.0.0/24', blockSize: 26, reserved: [] };
  const whose = (address: string) => blockOfAddress([pool], [WHOLE, PART], address);
  expect(whose('10.42.0.57')).toMatchObject({ message: expect.stringContaining("node 'n2'") });
  expect(whose('10.42.0.9')).toMatchObject({ message: expect.stringContaining("node 'n1'") });
});

describe('a check', () => {
  test('finds nothing wrong with what is lent, or about to be', () => {
    expect(found(lentWorld())).toEqual([]);
    expect(found(lentWorld({ blocks: [WHOLE, OTHER, PART, UNAGREED] }))).toEqual([]);
  });

  test('finds a range that its lender does not know to be lent', () => {
    expect(found(lentWorld({ lent: [] }))).toEqual(['BlocksOverlap n2 10.42.0.56/29']);
  });

  test('finds two borrowed ranges that share addresses', () => {
    const twice = block('10.42.0.60/30', 'n2', { lender: 'n1' });
    const blocks = [WHOLE, OTHER, PART, twice];
    const all = [PART, twice].map(({ metadata }) => metadata.uid ?? '');
    expect(found(lentWorld({ blocks, lent: all }))).toContain('BlocksOverlap n2 10.42.0.60/30');
  });

  test('finds a lease of the lender in what it has lent', () => {
    const facts = lentWorld();
    const astray = inspection(['10.42.0.0/26'], {
      attachments: [lease('web', ['10.42.0.58'])],
      lent: [PART.metadata.uid ?? ''],
    });
    const inspections = new Map([...facts.inspections, ['n1', astray] as const]);
    const pods = [pod('web', 'n1', ['10.42.0.58']), pod('db', 'n2', ['10.42.0.57'])];
    expect(found({ ...facts, inspections, pods })).toEqual(['LeaseOutsideBlocks n1 10.42.0.58']);
  });
});

test('an address is counted once: what is lent is free with its borrower, and makes no further block', () => {
  const { pools, blocks } = usageOf(lentWorld());
  expect(pools).toMatchObject([{ blocks: 2, held: 2 }]);
  expect(blocks.map(({ block: cidr, node, lender, use }) => [cidr, node, lender, use?.held, use?.free])).toEqual([
    // 63 less two that are reserved, eight that are lent, and one that is held.
    ['10.42.0.0/26', 'n1', undefined, 1, 52],
    ['10.42.0.56/29', 'n2', 'n1', 1, 6],
    ['10.42.0.64/26', 'n2', undefined, 0, 63],
  ]);
});
