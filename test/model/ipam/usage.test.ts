import { describe, expect, test } from '@jest/globals';
import { usageOf, whoHas } from '../../../src/model/ipam/usage.ts';
import { block, inspection, POOL, pod, whereFirstSays, world } from './address-world.ts';

const rest = (address: string, restsForMs: number, isAcknowledged = true) => {
  return { address, lastPodUid: 'uid-old', restsForMs, isAcknowledged };
};
const RESTING = [rest('10.42.0.6', 60_000), rest('10.42.0.7', 3_000), rest('10.42.0.9', 60_000, false)];

describe('what is used', () => {
  test('of a block: what is held, what nobody else is given yet, and the rest less what is reserved', () => {
    const { blocks, pools } = usageOf(whereFirstSays({ resting: RESTING }));
    expect(blocks).toEqual([
      { block: '10.42.0.0/26', pool: 'main', node: 'n1', use: { held: 1, resting: 2, free: 63 - 2 - 1 - 2 } },
      { block: '10.42.0.64/26', pool: 'main', node: 'n2', use: { held: 1, resting: 0, free: 62 } },
    ]);
    expect(pools).toEqual([
      { pool: 'main', cidr: '10.42.0.0/24', blocks: 2, blocksInAll: 4, held: 2, resting: 2, capacity: 4 * 63 - 2 },
    ]);
  });

  test('by a node that is away is not said to be nothing', () => {
    const facts = world();
    const usage = usageOf({ ...facts, inspections: new Map([...facts.inspections, ['n1', 'gone home'] as const]) });
    expect(usage.blocks[0]).toEqual({ block: '10.42.0.0/26', pool: 'main', node: 'n1' });
    expect(usage.notAsked).toEqual([{ node: 'n1', reason: 'gone home' }]);
  });
});

describe('one address', () => {
  const facts = whereFirstSays({ resting: RESTING });
  const state = (address: string) => {
    const answer = whoHas(facts, address);
    return typeof answer === 'string' ? answer : answer.state;
  };

  test.each([
    ['10.42.0.5', 'held'],
    ['10.42.0.6', 'free'],
    ['10.42.0.7', 'resting'],
    ['10.42.0.9', 'resting'],
    ['10.42.0.8', 'reserved'],
    ['10.42.0.64', 'reserved'],
    ['10.42.0.11', 'free'],
    ['10.42.0.200', 'unclaimed'],
    ['192.0.2.1', 'outside'],
    ['ten', "'ten' must be an IP address, such as 10.244.7.7"],
  ])('%s: %s', (address, expected) => {
    expect(state(address)).toBe(expected);
  });

  test('names who holds it, where, and who had it last', () => {
    expect(whoHas(facts, '10.42.0.5')).toMatchObject({
      ...{ pool: 'main', block: '10.42.0.0/26', node: 'n1' },
      holders: ['pod shop/web, on n1, eth0 of container sandbox-web'],
    });
    expect(whoHas(facts, '10.42.0.9')).toMatchObject({
      holders: ['pod uid uid-old had it until 60 s ago, and some node has not forgotten that yet'],
    });
  });

  test('names every holder there is, also one whose status alone says so', () => {
    const twin = world({ pods: [...world().pods, pod('twin', 'n2', ['10.42.0.5'])] });
    expect(whoHas(twin, '10.42.0.5')).toMatchObject({
      holders: [expect.stringContaining('shop/web'), 'pod shop/twin, on n2, by its status alone'],
    });
  });

  test('of a node that is away is not called free', () => {
    const away = world({ inspections: new Map([['n1', 'it is off']]), pods: [] });
    expect(whoHas(away, '10.42.0.5')).toMatchObject({ state: 'unknown' });
  });

  test('of IPv6 is found by any of its texts', () => {
    const pools = [{ ...POOL, spec: { cidr: 'fd00::/112' } }];
    const blocks = [block('fd00::40/122', 'n1')];
    const inspections = new Map([['n1', inspection(['fd00::40/122'])]]);
    expect(whoHas(world({ pools, blocks, inspections }), 'fd00:0::0041')).toMatchObject({
      ...{ address: 'fd00::41', state: 'free', block: 'fd00::40/122' },
    });
  });
});
