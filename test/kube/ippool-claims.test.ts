import { expect, test } from '@jest/globals';
import type { Node } from '../../src/api/kubernetes.ts';
import type { Family } from '../../src/lib/ip.ts';
import { blockName } from '../../src/model/node/names.ts';
import { waitUntil } from './cluster.ts';
import { becomes, cidrsOf, claim, claimPatiently, makeNode, makePool, poolNow, useReplicas } from './pool-replicas.ts';

useReplicas('ippool-claims');

test('gives a node blocks of both families, each of its own pool, and counts a pool of IPv6 however large', async () => {
  await makePool('four', { cidr: '10.75.0.0/16' });
  await makePool('six', { cidr: 'fd00:75::/64' });
  await makePool('vast', { cidr: 'fd00:76::/32', assignment: 'Manual' });
  for (const name of ['four', 'six', 'vast']) await becomes(name, 'Ready', 'True');
  const node = await makeNode('both');
  const [four, six] = [await claimPatiently(0, node), await claimPatiently(1, node, { family: 6 })];
  expect(four).toMatchObject({ spec: { poolName: 'four', cidr: expect.stringMatching(/^10\.75\.\d+\.\d+\/26$/) } });
  expect(six).toMatchObject({ spec: { poolName: 'six', cidr: expect.stringMatching(/^fd00:75::[0-9a-f:]*\/122$/) } });
  for (const answer of [four, six])
    expect('metadata' in answer && answer.metadata.name).toBe(blockName(cidrsOf([answer])[0] ?? ''));
  await waitUntil('both are counted', async () => {
    const blocks = await Promise.all(['four', 'six'].map(async (name) => (await poolNow(name))?.status?.blocks));
    return blocks.every((count) => count === 1);
  });
  expect((await poolNow('vast'))?.status?.capacity).toBe(Number.MAX_SAFE_INTEGER);
});

test('of a pool of IPv6 that overlaps with another nothing is given out, and one of IPv4 is never in its way', async () => {
  await makePool('first', { cidr: 'fd00:77::/64' });
  await becomes('first', 'Ready', 'True');
  await Promise.all([makePool('second', { cidr: 'fd00:77::/48' }), makePool('other', { cidr: '10.77.0.0/16' })]);
  expect(await becomes('second', 'Overlapping', 'True')).toContain("'first' (fd00:77::/64)");
  await becomes('other', 'Ready', 'True');
  const node = await makeNode('six');
  expect(await claimPatiently(0, node, { family: 6 })).toMatchObject({ spec: { poolName: 'first' } });
  expect(await claim(0, node, { family: 6, pools: ['second'] })).toMatchObject({ reason: 'NoPool' });
});

test('gives a node by itself only what is for all namespaces and for this node, and by name what was named', async () => {
  await makePool('common', { cidr: '10.78.0.0/24' });
  await makePool('annotated', { cidr: '10.78.1.0/24', assignment: 'Manual' });
  await makePool('chosen', { cidr: '10.78.2.0/24', namespaceSelector: { matchLabels: { team: 'a' } } });
  await makePool('zone', { cidr: '10.78.3.0/24', nodeSelector: { matchLabels: { zone: 'a' } } });
  for (const name of ['common', 'annotated', 'chosen', 'zone']) await becomes(name, 'Ready', 'True');
  const [inside, outside] = [await makeNode('inside', { zone: 'a' }), await makeNode('outside', { zone: 'b' })];
  const poolsOf = async (node: Node) => {
    const names: string[] = [];
    const known: string[] = [];
    for (;;) {
      const answer = await claimPatiently(0, node, { known });
      if (!('spec' in answer)) return { names: [...new Set(names)].sort(), reason: answer.reason };
      names.push(answer.spec.poolName);
      known.push(answer.spec.cidr);
    }
  };
  expect(await poolsOf(inside)).toEqual({ names: ['common', 'zone'], reason: 'PoolExhausted' });
  expect(await claimPatiently(0, outside)).toMatchObject({ reason: 'PoolExhausted' });
  for (const name of ['annotated', 'chosen'])
    expect(await claimPatiently(1, outside, { pools: [name] })).toMatchObject({ spec: { poolName: name } });
});

test.each<{ family: Family; cidr: string; address: string; block: string }>([
  { family: 4, cidr: '10.79.0.0/16', address: '10.79.7.77', block: '10.79.7.64/26' },
  { family: 6, cidr: 'fd00:79::/64', address: 'fd00:79::7:77', block: 'fd00:79::7:40/122' },
])(
  'gives the block of $address to the first who asks for it, and says to the next whose it is',
  async ({ family, cidr, address, block }) => {
    await makePool('fixed', { cidr });
    await becomes('fixed', 'Ready', 'True');
    const nodes = [await makeNode('early'), await makeNode('late')];
    const wish = { family, pools: ['fixed'], address };
    const answers = await Promise.all(nodes.map((node, which) => claimPatiently(which, node, wish)));
    expect(cidrsOf(answers)).toEqual([block]);
    const owner = answers.flatMap((answer) => ('spec' in answer ? [answer.spec.nodeName] : []))[0];
    const refused = answers.find((answer) => 'reason' in answer);
    expect(refused).toMatchObject({ reason: 'AddressElsewhere', message: expect.stringContaining(`node '${owner}'`) });
    const elsewhere = family === 4 ? '10.80.0.1' : 'fd00:80::1';
    const [node] = nodes;
    if (node === undefined) throw new Error('no node');
    expect(await claim(0, node, { ...wish, address: elsewhere })).toMatchObject({ reason: 'AddressOutside' });
  },
);
