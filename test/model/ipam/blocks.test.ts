import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { overlaps, parseCidr4, type Cidr4 } from '../../../src/lib/ipv4.ts';
import { chooseBlock, type BlockChoice, type PoolState } from '../../../src/model/ipam/blocks.ts';
import { leasableAddresses } from '../../../src/model/ipam/capacity.ts';

const POOL: PoolState = { name: 'default', uid: 'p1', cidr: '10.0.0.0/24', blockSize: 26 };

function block(cidr: string) {
  return { spec: { cidr } };
}

function chosen(result: ReturnType<typeof chooseBlock>): BlockChoice {
  if (!('cidr' in result)) throw new Error(`no block: ${result.message}`);
  return result;
}

function range(cidr: string): Cidr4 {
  const parsed = parseCidr4(cidr);
  if (parsed === undefined) throw new Error(`no prefix: ${cidr}`);
  return parsed;
}

describe('chooseBlock', () => {
  test('two operators choose the same block for the same node', () => {
    expect(chooseBlock([POOL], [], 'node-a')).toEqual(chooseBlock([POOL], [], 'node-a'));
  });

  test('different nodes begin at different places of the pool', () => {
    const pool = { ...POOL, cidr: '10.0.0.0/16' };
    const nodes = Array.from({ length: 20 }, (_, index) => `node-${index}`);
    const choices = new Set(nodes.map((node) => chosen(chooseBlock([pool], [], node)).cidr));
    expect(choices.size).toBeGreaterThan(15);
  });

  test('hands out every block of a pool exactly once, and then says that it is exhausted', () => {
    const taken: string[] = [];
    for (let count = 0; count < 4; count += 1) taken.push(chosen(chooseBlock([POOL], taken.map(block), 'node-a')).cidr);
    expect([...taken].sort()).toEqual(['10.0.0.0/26', '10.0.0.128/26', '10.0.0.192/26', '10.0.0.64/26']);
    expect(chooseBlock([POOL], taken.map(block), 'node-a')).toMatchObject({ reason: 'PoolExhausted' });
  });

  test('goes on to the next pool by name when one is full', () => {
    const second = { ...POOL, name: 'extra', uid: 'p2', cidr: '10.1.0.0/26' };
    const full = ['10.0.0.0/24'].map(block);
    expect(chooseBlock([second, POOL], full, 'node-a')).toEqual({ cidr: '10.1.0.0/26', pool: 'extra', poolUid: 'p2' });
  });

  test('takes nothing from a disabled pool', () => {
    expect(chooseBlock([{ ...POOL, disabled: true }], [], 'node-a')).toMatchObject({ reason: 'NoPool' });
    expect(chooseBlock([], [], 'node-a')).toMatchObject({ reason: 'NoPool' });
  });

  test('never overlaps a block that is there, whatever its size', () => {
    const sizes = fc.integer({ min: 22, max: 30 });
    const existing = fc.array(fc.tuple(fc.integer({ min: 0, max: 1023 }), fc.integer({ min: 24, max: 30 })), {
      maxLength: 30,
    });
    fc.assert(
      fc.property(sizes, existing, fc.string(), (blockSize, blocks, nodeUid) => {
        const there = blocks.map(([offset, length]) => {
          const base = offset - (offset % 2 ** (32 - length));
          return `10.0.${base >>> 8}.${base & 255}/${length}`;
        });
        const choice = chooseBlock([{ ...POOL, cidr: '10.0.0.0/22', blockSize }], there.map(block), nodeUid);
        if (!('cidr' in choice)) return;
        const got = range(choice.cidr);
        expect(got.length).toBe(blockSize);
        expect(there.filter((cidr) => overlaps(range(cidr), got))).toEqual([]);
        expect(overlaps(range('10.0.0.0/22'), got)).toBe(true);
      }),
    );
  });
});

describe('leasableAddresses', () => {
  test('counts all but the first address of each block', () => {
    expect(leasableAddresses('10.0.0.0/24', 26)).toBe(4 * 63);
    expect(leasableAddresses('10.0.0.0/26', 26)).toBe(63);
    expect(leasableAddresses('10.0.0.0/28', 26)).toBe(0);
    expect(leasableAddresses('nonsense', 26)).toBe(0);
  });
});
