import { beforeEach, describe, expect, test } from '@jest/globals';
import type { IPBlock } from '../../src/api/generated/ipblock.ts';
import type { IPPoolSpec } from '../../src/api/generated/ippool.ts';
import type { BlockIr, NodeIr, PeerIr, PoolIr } from '../../src/model/node/ir.ts';
import { blockName } from '../../src/model/node/names.ts';
import { Cluster } from './compiled-cluster.ts';

const FOUR: IPPoolSpec = { cidr: '10.0.0.0/16' };
const SIX: IPPoolSpec = { cidr: 'fd00::/64' };
const PODS = ['blue/a', 'blue/b', 'red/a', 'red/b'];

let cluster: Cluster;

/** Two nodes with a pod of each namespace, and pools of both families. */
beforeEach(() => {
  cluster = new Cluster();
  cluster.node('n1', { labels: { zone: 'a' } });
  cluster.node('n2', { labels: { zone: 'b' } });
  cluster.namespace('blue', { labels: { team: 'blue' } });
  cluster.namespace('red', { labels: { team: 'red' } });
  cluster.pool('four', FOUR);
  cluster.pool('six', SIX);
  for (const key of PODS) cluster.pod(key, key.endsWith('a') ? 'n1' : 'n2');
  cluster.flush();
});

describe('a pod', () => {
  test('is told of with its pools and families, on its own node alone', () => {
    expect(cluster.podOf('blue/a')?.addressing).toEqual({ pools: ['four', 'six'], families: [4, 6], fixed: [] });
    expect(cluster.held('n1', 'pod')).toEqual(['blue/a', 'red/a']);
    expect(cluster.flush()).toEqual([]);
  });

  test('is told of again, and no other, when its own annotation changes', () => {
    cluster.pod('blue/a', 'n1', { 'weft.dev/ip-pools': 'six', 'weft.dev/ip-addresses': 'FD00::0:7' });
    expect(cluster.flush()).toEqual(['n1 blue/a']);
    expect(cluster.podOf('blue/a')?.addressing).toEqual({ pools: ['six'], families: [6], fixed: ['fd00::7'] });
  });

  test('whose annotation cannot be has a text that says why, and gets addresses when it can be', () => {
    cluster.pod('blue/a', 'n1', { 'weft.dev/ip-pools': 'more' });
    cluster.flush();
    expect(cluster.podOf('blue/a')?.addressing).toBe(
      "metadata.annotations[weft.dev/ip-pools] there is no IPPool 'more'",
    );
    cluster.pool('more', { cidr: '10.9.0.0/16', assignment: 'Manual' });
    expect(cluster.flush()).toEqual(['n1 blue/a']);
    expect(cluster.poolsOf('blue/a')).toEqual(['more']);
  });
});

describe('a change of a pool', () => {
  test('for everybody concerns all pods', () => {
    cluster.pool('more', { cidr: '10.9.0.0/16' });
    expect(cluster.flush()).toEqual(['n1 blue/a', 'n1 red/a', 'n2 blue/b', 'n2 red/b']);
    expect(cluster.poolsOf('red/b')).toEqual(['four', 'more', 'six']);
  });

  test('for some namespaces concerns the pods of these', () => {
    cluster.pool('more', { cidr: '10.9.0.0/16', namespaceSelector: { matchLabels: { team: 'red' } } });
    expect(cluster.flush()).toEqual(['n1 red/a', 'n2 red/b']);
    expect(cluster.poolsOf('red/a')).toEqual(['more', 'six']);
    expect(cluster.poolsOf('blue/a')).toEqual(['four', 'six']);
  });

  test('for some nodes concerns the pods of these', () => {
    cluster.pool('more', { cidr: '10.9.0.0/16', nodeSelector: { matchLabels: { zone: 'b' } } });
    expect(cluster.flush()).toEqual(['n2 blue/b', 'n2 red/b']);
  });

  test('that gives out nothing unasked concerns nobody', () => {
    cluster.pool('more', { cidr: '10.9.0.0/16', assignment: 'Manual' });
    expect(cluster.flush()).toEqual([]);
    expect(cluster.held('n1', 'pool')).toEqual(['four', 'more', 'six']);
  });

  test('that is disabled, not Ready any more, or deleted concerns those who had it', () => {
    cluster.pod('red/a', 'n1', { 'weft.dev/ip-pools': 'four' });
    cluster.flush();
    cluster.pool('six', { ...SIX, disabled: true });
    expect(cluster.flush()).toEqual(['n1 blue/a', 'n2 blue/b', 'n2 red/b']);
    cluster.pool('six', SIX);
    expect(cluster.flush()).toHaveLength(3);
    cluster.pool('six', SIX, { conditions: [] });
    expect(cluster.flush()).toEqual(['n1 blue/a', 'n2 blue/b', 'n2 red/b']);
    cluster.pool('six', SIX);
    cluster.flush();
    cluster.stores.pools.delete({ metadata: cluster.meta('six'), spec: SIX });
    expect(cluster.flush()).toEqual(['n1 blue/a', 'n2 blue/b', 'n2 red/b']);
    expect(cluster.poolsOf('blue/b')).toEqual(['four']);
    expect(cluster.held('n2', 'pool')).toEqual(['four']);
  });

  test("'s counts alone concerns nobody", () => {
    cluster.pool('six', SIX, { allocated: 7, blocks: 3, capacity: 9 });
    expect(cluster.flush()).toEqual([]);
  });

  test("'s encapsulation or reserved ranges is told to the nodes, and concerns no pod", () => {
    cluster.pool('six', { ...SIX, encapsulation: 'VXLANCrossSubnet', reserved: ['fd00::80/121', 'fd00::/121'] });
    expect(cluster.flush()).toEqual([]);
    const pool = cluster.table.body('n2', { kind: 'pool', key: 'six' }) as PoolIr;
    expect(pool).toMatchObject({ encapsulation: 'VXLANCrossSubnet', reserved: ['fd00::/121', 'fd00::80/121'] });
  });
});

describe('a change of a namespace', () => {
  test("'s annotation concerns its pods", () => {
    cluster.namespace('red', { labels: { team: 'red' }, annotations: { 'weft.dev/ip-pools': 'six' } });
    expect(cluster.flush()).toEqual(['n1 red/a', 'n2 red/b']);
    expect(cluster.poolsOf('red/b')).toEqual(['six']);
    cluster.namespace('red', { labels: { team: 'red' } });
    expect(cluster.flush()).toEqual(['n1 red/a', 'n2 red/b']);
  });

  test("'s annotation concerns none that names pools itself", () => {
    cluster.pod('red/a', 'n1', { 'weft.dev/ip-pools': 'four' });
    cluster.flush();
    cluster.namespace('red', { labels: { team: 'red' }, annotations: { 'weft.dev/ip-pools': 'six' } });
    expect(cluster.flush()).toEqual(['n2 red/b']);
  });

  test("'s labels concerns its pods, when a pool looks at them", () => {
    cluster.pool('more', { cidr: '10.9.0.0/16', namespaceSelector: { matchLabels: { team: 'green' } } });
    cluster.flush();
    cluster.namespace('blue', { labels: { team: 'blue', tier: 'front' } });
    expect(cluster.flush()).toEqual([]);
    cluster.namespace('blue', { labels: { team: 'green' } });
    expect(cluster.flush()).toEqual(['n1 blue/a', 'n2 blue/b']);
  });

  test('that comes after its pods concerns them', () => {
    cluster.pool('more', { cidr: '10.9.0.0/16', namespaceSelector: { matchLabels: { team: 'green' } } });
    cluster.pod('green/a', 'n1');
    cluster.flush();
    expect(cluster.poolsOf('green/a')).toEqual(['four', 'six']);
    cluster.namespace('green', { labels: { team: 'green' } });
    expect(cluster.flush()).toEqual(['n1 green/a']);
    expect(cluster.poolsOf('green/a')).toEqual(['more', 'six']);
  });
});

describe('a change of a node', () => {
  test("'s labels concerns its pods, when a pool looks at them", () => {
    cluster.pool('more', { cidr: '10.9.0.0/16', nodeSelector: { matchLabels: { zone: 'c' } } });
    expect(cluster.flush()).toEqual([]);
    cluster.node('n1', { labels: { zone: 'c' } });
    expect(cluster.flush()).toEqual(['n1 blue/a', 'n1 red/a']);
    expect(cluster.poolsOf('red/a')).toEqual(['four', 'more', 'six']);
    cluster.node('n1', { labels: { zone: 'c', rack: '7' } });
    expect(cluster.flush()).toEqual([]);
  });
});

describe('a block', () => {
  const six = 'fd00::40/122';

  test('is told to its node, and is what the others reach it by', () => {
    cluster.block('10.0.0.64/26', 'n1');
    cluster.block(six, 'n1');
    cluster.flush();
    expect(cluster.held('n1', 'block')).toEqual(['10.0.0.64/26', six]);
    expect(cluster.held('n2', 'block')).toEqual([]);
    const self = cluster.table.body('n1', { kind: 'node', key: 'self' }) as NodeIr;
    expect(self).toMatchObject({
      addresses: ['192.0.2.1', '2001:db8::1'],
      tunnelAddresses: ['10.0.0.64', 'fd00::40'],
    });
    const peer = cluster.table.body('n2', { kind: 'peer', key: 'n1' }) as PeerIr;
    expect(peer).toMatchObject({ tunnelAddresses: ['10.0.0.64', 'fd00::40'], blocks: ['10.0.0.64/26', six] });
  });

  test('that is given back goes, and claimed by another node is another block', () => {
    cluster.block(six, 'n1');
    cluster.flush();
    cluster.stores.blocks.delete({
      ...cluster.stores.blocks.get(blockName(six)),
      metadata: cluster.meta(blockName(six)),
    } as IPBlock);
    cluster.flush();
    expect(cluster.held('n1', 'block')).toEqual([]);
    expect(cluster.held('n2', 'peer')).toEqual([]);
    cluster.block(six, 'n2', 'uid-n2', 'second');
    cluster.flush();
    expect(cluster.held('n1', 'block')).toEqual([]);
    expect((cluster.table.body('n2', { kind: 'block', key: six }) as BlockIr).uid).toBe('second');
  });

  test('that is borrowed is told to nobody until its lender agrees, who is told of it at once', () => {
    cluster.block('10.0.0.64/26', 'n1');
    cluster.block('10.0.0.96/29', 'n1', 'uid-n1', 'loan', 'n1');
    cluster.flush();
    const whole = () => cluster.table.body('n1', { kind: 'block', key: '10.0.0.64/26' }) as BlockIr;
    expect(whole().lent).toEqual(['10.0.0.96/29']);
    expect([cluster.held('n1', 'block'), cluster.held('n2', 'block')]).toEqual([['10.0.0.64/26'], []]);
    cluster.block('10.0.0.96/29', 'n2', 'uid-n2', 'loan', 'n1');
    cluster.flush();
    expect([cluster.held('n1', 'block'), cluster.held('n2', 'block')]).toEqual([['10.0.0.64/26'], ['10.0.0.96/29']]);
    expect(cluster.table.body('n2', { kind: 'block', key: '10.0.0.96/29' })).toMatchObject({ lender: 'n1', lent: [] });
    const peer = cluster.table.body('n1', { kind: 'peer', key: 'n2' }) as PeerIr;
    expect(peer).toMatchObject({ tunnelAddresses: ['10.0.0.96'], blocks: ['10.0.0.96/29'] });
    expect(whole().lent).toEqual(['10.0.0.96/29']);
  });

  test('that changes hands between two looks is with its new owner alone', () => {
    cluster.block(six, 'n1');
    cluster.flush();
    cluster.block(six, 'n2', 'uid-n2', 'second');
    cluster.flush();
    expect([cluster.held('n1', 'block'), cluster.held('n2', 'block')]).toEqual([[], [six]]);
  });
});

test('every change wakes, and what is woken for is done in one flush', () => {
  const before = cluster.wakes;
  cluster.pool('more', { cidr: '10.9.0.0/16' });
  cluster.namespace('red', { annotations: { 'weft.dev/ip-pools': 'more' } });
  expect(cluster.wakes).toBe(before + 2);
  cluster.flush();
  expect(cluster.poolsOf('red/a')).toEqual(['more']);
});
