import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Cidr, formatCidr, hostCidr, overlaps, parseCidr } from '../../../src/lib/ip.ts';
import { blockOfAddress, chooseBlock, type BlockChoice, type PoolState } from '../../../src/model/ipam/blocks.ts';
import type { ForeignRange } from '../../../src/model/ipam/foreign-ranges.ts';
import { disjointRanges, leasableIn } from '../../../src/model/ipam/capacity.ts';

const POOL: PoolState = { name: 'default', uid: 'p1', cidr: '10.0.0.0/24', blockSize: 26, reserved: [] };

function block(cidr: string) {
  return { spec: { cidr, nodeName: 'node-b' } };
}

function chosen(result: ReturnType<typeof chooseBlock>): BlockChoice {
  if (!('cidr' in result)) throw new Error(`no block: ${result.message}`);
  return result;
}

function range(cidr: string): Cidr {
  const parsed = parseCidr(cidr);
  if (parsed === undefined) throw new Error(`no prefix: ${cidr}`);
  return parsed;
}

function canonicalCidr(text: string): string {
  return formatCidr(range(text));
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

  test('without a pool says that there is none', () => {
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

describe('chooseBlock where addresses are reserved', () => {
  test('gives no block that is reserved whole, in one piece or in many, and every other one', () => {
    const reserved = ['10.0.0.0/26', '10.0.0.64/27', '10.0.0.96/28', '10.0.0.112/28', '10.0.0.130/32'];
    const pool = { ...POOL, reserved };
    const taken: string[] = [];
    for (let count = 0; count < 2; count += 1) taken.push(chosen(chooseBlock([pool], taken.map(block), 'node-a')).cidr);
    expect([...taken].sort()).toEqual(['10.0.0.128/26', '10.0.0.192/26']);
    expect(chooseBlock([pool], taken.map(block), 'node-a')).toMatchObject({ reason: 'PoolExhausted' });
  });

  test('always gives one of which an address can be leased', () => {
    const part = fc.tuple(fc.nat({ max: 1023 }), fc.integer({ min: 24, max: 32 }));
    fc.assert(
      fc.property(
        fc.integer({ min: 24, max: 30 }),
        fc.array(part, { maxLength: 30 }),
        fc.string(),
        (size, parts, uid) => {
          const reserved = parts.map(([offset, length]) => {
            const base = offset - (offset % 2 ** (32 - length));
            return `10.0.${base >>> 8}.${base & 255}/${length}`;
          });
          const choice = chooseBlock([{ ...POOL, cidr: '10.0.0.0/22', blockSize: size, reserved }], [], uid);
          if ('cidr' in choice) expect(leasableIn(range(choice.cidr), disjointRanges(reserved))).toBeGreaterThan(0);
        },
      ),
    );
  });
});

describe('where nodes and Services have addresses', () => {
  const foreign: ForeignRange[] = [
    { cidr: '10.0.0.70/32', of: 'node', name: 'n1' },
    { cidr: '10.0.0.128/25', of: 'services', name: 'kubernetes' },
  ];

  test('chooseBlock gives the blocks without such an address, and no other', () => {
    expect(chosen(chooseBlock([POOL], [], 'node-a', foreign)).cidr).toBe('10.0.0.0/26');
    expect(chooseBlock([POOL], [block('10.0.0.0/26')], 'node-a', foreign)).toMatchObject({ reason: 'PoolExhausted' });
  });

  test('a pool within a range of Services gives none', () => {
    const all: ForeignRange = { cidr: '10.0.0.0/12', of: 'services', name: 'kubernetes' };
    expect(chooseBlock([POOL], [], 'node-a', [all])).toMatchObject({ reason: 'PoolExhausted' });
  });

  test.each([
    ['10.0.0.71', "node 'n1' has 10.0.0.70/32"],
    ['10.0.0.200', "Services (ServiceCIDR 'kubernetes') has 10.0.0.128/25"],
  ])('no block is claimed for %s in such a block, and the refusal says who has it', (address, why) => {
    const refusal = blockOfAddress([POOL], [], address, foreign);
    expect(refusal).toMatchObject({ reason: 'AddressReserved', message: expect.stringContaining(why) });
  });

  test('no block that is chosen has an address of theirs', () => {
    const ranges = fc.tuple(fc.nat({ max: 1023 }), fc.integer({ min: 23, max: 32 })).map(([offset, length]) => {
      const base = offset - (offset % 2 ** (32 - length));
      return { cidr: `10.0.${base >>> 8}.${base & 255}/${length}`, of: 'services', name: 'x' } as const;
    });
    fc.assert(
      fc.property(
        fc.integer({ min: 22, max: 30 }),
        fc.array(ranges, { maxLength: 12 }),
        fc.string(),
        (size, all, uid) => {
          const choice = chooseBlock([{ ...POOL, cidr: '10.0.0.0/22', blockSize: size }], [], uid, all);
          const isFree = (cidr: string) => all.every((other) => !overlaps(range(other.cidr), range(cidr)));
          if ('cidr' in choice) expect(isFree(choice.cidr)).toBe(true);
          else expect(all).not.toEqual([]);
        },
      ),
    );
  });
});

describe('chooseBlock for IPv6', () => {
  const WIDE: PoolState = { name: 'six', uid: 'p6', cidr: 'fd00:10:244::/48', blockSize: 122, reserved: [] };

  test('cuts a pool of 2^74 blocks where nodes begin, and goes on when that is taken', () => {
    const nodes = Array.from({ length: 50 }, (_, index) => `node-${index}`);
    const taken: string[] = [];
    for (const node of nodes) {
      for (let count = 0; count < 3; count += 1) taken.push(chosen(chooseBlock([WIDE], taken.map(block), node)).cidr);
    }
    expect(new Set(taken).size).toBe(150);
    for (const cidr of taken) {
      expect(range(cidr)).toMatchObject({ family: 6, length: 122 });
      expect(overlaps(range(WIDE.cidr), range(cidr))).toBe(true);
      expect(canonicalCidr(cidr)).toBe(cidr);
    }
  });

  test('hands out every block of a small pool once, whatever of it is taken already', () => {
    const small = { ...WIDE, cidr: 'fd00::/120' };
    const taken = ['fd00::40/122', '10.0.0.0/8'];
    for (let count = 0; count < 3; count += 1)
      taken.push(chosen(chooseBlock([small], taken.map(block), 'node-a')).cidr);
    expect([...taken].sort()).toEqual(['10.0.0.0/8', 'fd00::/122', 'fd00::40/122', 'fd00::80/122', 'fd00::c0/122']);
    expect(chooseBlock([small], taken.map(block), 'node-a')).toMatchObject({ reason: 'PoolExhausted' });
  });
});

describe('blockOfAddress', () => {
  const SIX: PoolState = { name: 'six', uid: 'p6', cidr: 'fd00::/64', blockSize: 122, reserved: [] };
  const pools = [POOL, SIX];

  test.each([
    ['10.0.0.1', { cidr: '10.0.0.0/26', pool: 'default', poolUid: 'p1' }],
    ['10.0.0.77', { cidr: '10.0.0.64/26', pool: 'default', poolUid: 'p1' }],
    ['10.0.0.255', { cidr: '10.0.0.192/26', pool: 'default', poolUid: 'p1' }],
    ['fd00::1:7f', { cidr: 'fd00::1:40/122', pool: 'six', poolUid: 'p6' }],
    ['fd00::ffff:ffff:ffff:ffff', { cidr: 'fd00::ffff:ffff:ffff:ffc0/122', pool: 'six', poolUid: 'p6' }],
  ])('of %s is the one that has it', (address, expected) => {
    expect(blockOfAddress(pools, [], address)).toEqual(expected);
  });

  test('is the block that the address lies in, of any pool and block size', () => {
    const sizes = fc.integer({ min: 20, max: 30 });
    fc.assert(
      fc.property(sizes, fc.nat({ max: 255 }), fc.nat({ max: 255 }), fc.boolean(), (blockSize, high, low, isSix) => {
        const pool = isSix
          ? { ...SIX, cidr: 'fd00::/104', blockSize: blockSize + 96 }
          : { ...POOL, cidr: '10.0.0.0/16', blockSize };
        const address = isSix ? `fd00::${(high * 256 + low).toString(16)}` : `10.0.${high}.${low}`;
        const answer = blockOfAddress([pool], [], address);
        if (!('cidr' in answer)) {
          expect(answer).toMatchObject({ reason: 'AddressReserved' });
          return;
        }
        const { cidr } = answer;
        expect(range(cidr).length).toBe(pool.blockSize);
        expect(overlaps(range(cidr), range(hostCidr(address)))).toBe(true);
      }),
    );
  });

  test.each([
    ['in no pool', '10.0.1.0', 'AddressOutside'],
    ['in no pool of its family', 'fd01::1', 'AddressOutside'],
    ['no address', 'ten', 'AddressOutside'],
  ])('of what is %s is none', (_, address, reason) => {
    expect(blockOfAddress(pools, [], address)).toMatchObject({ reason });
  });

  test.each([
    ['the first of its block', '10.0.0.64'],
    ['reserved', '10.0.0.77'],
    ['reserved with many others', '10.0.0.200'],
  ])('of an address that is %s is none, before a block is claimed for it', (_, address) => {
    const pool = { ...POOL, reserved: ['10.0.0.77/32', '10.0.0.192/26'] };
    expect(blockOfAddress([pool], [], address)).toMatchObject({ reason: 'AddressReserved' });
  });

  test.each([
    ['the same block', '10.0.0.64/26'],
    ['a smaller one of an older pool, without the address', '10.0.0.112/28'],
    ['a larger one', '10.0.0.0/24'],
  ])("that overlaps %s of a node is that node's", (_, taken) => {
    const answer = blockOfAddress(pools, [block(taken)], '10.0.0.77');
    expect(answer).toMatchObject({ reason: 'AddressElsewhere', message: expect.stringContaining(`block ${taken}`) });
    expect(answer).toMatchObject({ message: expect.stringContaining("node 'node-b'") });
  });

  test('beside blocks of others, and of the other family, is free', () => {
    const others = [block('10.0.0.0/26'), block('10.0.0.128/25'), block('fd00::/64')];
    expect(blockOfAddress(pools, others, '10.0.0.77')).toMatchObject({ cidr: '10.0.0.64/26' });
  });
});
