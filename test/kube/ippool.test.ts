import { expect, test } from '@jest/globals';
import type { IPBlock } from '../../src/api/generated/ipblock.ts';
import type { ServiceCIDR } from '../../src/api/kubernetes.ts';
import { collectionPath, KINDS, objectPath } from '../../src/kube/kinds.ts';
import type { Family } from '../../src/lib/ip.ts';
import { blockName } from '../../src/model/node/names.ts';
import { create, kube, waitUntil } from './cluster.ts';
import {
  api,
  becomes,
  cidrsOf,
  claim,
  claimPatiently,
  condition,
  makeNode,
  makePool,
  overlapping,
  poolNow,
  useReplicas,
} from './pool-replicas.ts';

useReplicas('ippool');

test('of two overlapping pools made at once one is Ready; the other names it, and follows when it goes', async () => {
  const cidrs = { east: '10.50.0.0/16', west: '10.50.128.0/17' };
  await Promise.all([makePool('east', { cidr: cidrs.east }), makePool('west', { cidr: cidrs.west })]);
  await makePool('apart', { cidr: '10.51.0.0/16' });
  await becomes('apart', 'Ready', 'True');
  await waitUntil('both are judged', async () => {
    const judged = await Promise.all([condition('east', 'Ready'), condition('west', 'Ready')]);
    return judged.every((one) => one !== undefined);
  });
  const first = (await condition('east', 'Ready'))?.status === 'True' ? 'east' : 'west';
  const second = first === 'east' ? 'west' : 'east';
  expect(await condition(first, 'Overlapping')).toMatchObject({ status: 'False' });
  const told = await becomes(second, 'Overlapping', 'True');
  expect(told).toContain(`'${first}' (${cidrs[first]})`);
  expect(await condition(second, 'Ready')).toMatchObject({ status: 'False', reason: 'Overlaps', message: told });
  await waitUntil('an Event says so', async () =>
    (await kube('events', '--for', `ippool.weft.dev/${second}`)).includes(`'${first}'`),
  );

  await api.request('DELETE', objectPath(KINDS.ipPool, { name: first }));
  await becomes(second, 'Ready', 'True');
  expect(await condition(second, 'Overlapping')).toMatchObject({ status: 'False' });
});

test('of many overlapping pools made at once exactly one is Ready', async () => {
  const names = Array.from({ length: 6 }, (_, index) => `crowd-${index}`);
  await Promise.all(names.map((name, index) => makePool(name, { cidr: `10.60.0.0/${16 + index}` })));
  await waitUntil('all are judged', async () => {
    const judged = await Promise.all(names.map((name) => condition(name, 'Ready')));
    return judged.every((one) => one !== undefined);
  });
  const ready = await Promise.all(names.map((name) => condition(name, 'Ready')));
  expect(ready.filter((one) => one?.status === 'True')).toHaveLength(1);
});

test.each<{ family: Family; cidr: string; blockSize: number; addresses: number }>([
  { family: 4, cidr: '10.70.0.0/24', blockSize: 28, addresses: 16 },
  { family: 6, cidr: 'fd00:70::/118', blockSize: 122, addresses: 64 },
])(
  'gives no address of $cidr twice to nodes that claim at once at both replicas, until it is used up',
  async ({ family, cidr, blockSize, addresses }) => {
    await makePool('small', { cidr, blockSize });
    await becomes('small', 'Ready', 'True');
    const nodes = await Promise.all(Array.from({ length: 24 }, (_, index) => makeNode(`claimant-${index}`)));
    const answers = await Promise.all(nodes.map((node, index) => claimPatiently(index, node, { family })));
    const cidrs = cidrsOf(answers);
    expect(new Set(cidrs).size).toBe(16);
    expect(overlapping(cidrs)).toEqual([]);
    const refused = answers.flatMap((answer) => ('reason' in answer ? [answer.reason] : []));
    expect(refused).toEqual(Array.from({ length: 8 }, () => 'PoolExhausted'));
    const { items } = await api.request<{ readonly items: readonly IPBlock[] }>('GET', collectionPath(KINDS.ipBlock));
    expect(items.map(({ spec }) => spec.cidr).sort()).toEqual([...cidrs].sort());
    expect(await becomes('small', 'Exhausted', 'True')).toContain('16 of 16 blocks');
    await waitUntil('the count is right', async () => (await poolNow('small'))?.status?.blocks === 16);
    expect((await poolNow('small'))?.status?.capacity).toBe(16 * (addresses - 1));
  },
  60_000,
);

test('gives a node that asks both replicas at once blocks of its own, and a forgotten one again', async () => {
  await makePool('wide', { cidr: '10.71.0.0/16' });
  await becomes('wide', 'Ready', 'True');
  const node = await makeNode('restless');
  const answers = await Promise.all([0, 1, 0, 1].map((which) => claimPatiently(which, node)));
  const cidrs = [...new Set(cidrsOf(answers))];
  expect(overlapping(cidrs)).toEqual([]);
  const known = cidrs.slice(1);
  await waitUntil('the forgotten block comes again', async () => {
    const [again] = cidrsOf([await claim(0, node, { known })]);
    return again === cidrs[0];
  });
});

test('keeps a pool whose blocks are in use, gives out no more of it, and lets it go with the last block', async () => {
  await makePool('used', { cidr: '10.72.0.0/16' });
  await becomes('used', 'Ready', 'True');
  const [node, late] = [await makeNode('holder'), await makeNode('late')];
  const [cidr = ''] = cidrsOf([await claimPatiently(0, node)]);
  await waitUntil('the pool is held', async () =>
    ((await poolNow('used'))?.metadata.finalizers ?? []).includes('weft.dev/in-use'),
  );
  await api.request('DELETE', objectPath(KINDS.ipPool, { name: 'used' }));
  await waitUntil('the pool says what it waits for', async () =>
    ((await condition('used', 'Ready'))?.message ?? '').includes('1 blocks of 1 nodes: holder'),
  );
  await waitUntil('no replica gives out more', async () => {
    const answers = await Promise.all([claim(0, late), claim(1, late)]);
    return answers.every((answer) => 'reason' in answer && answer.reason === 'NoPool');
  });
  expect(await poolNow('used')).toBeDefined();
  const block = blockName(cidr);
  await api.request('DELETE', objectPath(KINDS.ipBlock, { name: block }));
  await waitUntil('the pool is gone', async () => (await poolNow('used')) === undefined);
});

test('drops the finalizer of a pool whose last block is given back, and the pool stays', async () => {
  await makePool('rested', { cidr: '10.73.0.0/16' });
  await becomes('rested', 'Ready', 'True');
  const [cidr = ''] = cidrsOf([await claimPatiently(1, await makeNode('passer-by'))]);
  const finalizers = async () => (await poolNow('rested'))?.metadata.finalizers ?? [];
  await waitUntil('the pool is held', async () => (await finalizers()).length === 1);
  await api.request('DELETE', objectPath(KINDS.ipBlock, { name: blockName(cidr) }));
  await waitUntil('the pool is free', async () => (await finalizers()).length === 0);
  expect((await poolNow('rested'))?.metadata.deletionTimestamp).toBeUndefined();
});

test('says whose addresses are in its range, stays in use, and gives out no block that has one', async () => {
  const path = objectPath(KINDS.serviceCidr, { name: 'kubernetes' });
  const { spec } = await api.request<ServiceCIDR>('GET', path);
  const services = (spec.cidrs ?? []).find((cidr) => !cidr.includes(':')) ?? '';
  const [network = ''] = services.split('/');
  await makePool('meets-services', { cidr: `${network}/24` });
  expect(await becomes('meets-services', 'Overlapping', 'True')).toContain(`Services 'kubernetes' (${services})`);
  expect(await condition('meets-services', 'Overlapping')).toMatchObject({ reason: 'OverlapsServices' });
  expect(await condition('meets-services', 'Ready')).toMatchObject({ status: 'True' });
  expect(await condition('meets-services', 'Exhausted')).toMatchObject({ status: 'True' });
  const asking = await makeNode('asking');
  expect(await claimPatiently(0, asking)).toMatchObject({ reason: 'PoolExhausted' });

  await makePool('meets-node', { cidr: '10.75.0.0/25' });
  await becomes('meets-node', 'Ready', 'True');
  const status = { addresses: [{ type: 'InternalIP', address: '10.75.0.70' }] };
  await create(api, KINDS.node, { metadata: { name: 'within' }, status });
  expect(await becomes('meets-node', 'Overlapping', 'True')).toContain("node 'within' (10.75.0.70/32)");
  expect(cidrsOf([await claimPatiently(1, asking)])).toEqual(['10.75.0.0/26']);
  await waitUntil('that was all of it', async () => (await condition('meets-node', 'Exhausted'))?.status === 'True');
});

test('gives out nothing of a disabled pool, and nothing for a node of another uid', async () => {
  await makePool('off', { cidr: '10.74.0.0/16', disabled: true });
  await waitUntil('it says so', async () => (await condition('off', 'Ready'))?.reason === 'Disabled');
  const node = await makeNode('real');
  await waitUntil('the node is known', async () => {
    const answer = await claim(0, node);
    return 'reason' in answer && answer.reason === 'NoPool';
  });
  const forged = { metadata: { name: 'real', uid: '00000000-0000-0000-0000-000000000000' } };
  expect(await claim(0, forged)).toMatchObject({ reason: 'NodeUnknown' });
});
