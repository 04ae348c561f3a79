import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { IPBlock } from '../../src/api/generated/ipblock.ts';
import type { IPPool } from '../../src/api/generated/ippool.ts';
import type { Node } from '../../src/api/kubernetes.ts';
import { BlockClaimer, type BlockRequest } from '../../src/controllers/ippool/claim.ts';
import { runIPPoolControllers } from '../../src/controllers/ippool/run.ts';
import { StatusWriter } from '../../src/kube/apply.ts';
import { EventRecorder } from '../../src/kube/events.ts';
import { collectionPath, type Kind, KINDS, objectPath } from '../../src/kube/kinds.ts';
import { Reflector } from '../../src/kube/reflector.ts';
import { Store } from '../../src/kube/store.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { type Family, overlaps, parseCidr } from '../../src/lib/ip.ts';
import { blockName } from '../../src/model/node/names.ts';
import type { Problem } from '../../src/model/problem.ts';
import { silentLog } from '../kube-room/fake-clock.ts';
import { connect, create, kube, makeNamespace, read, waitUntil } from './cluster.ts';

const NAMESPACE = 'ippool';
const api = connect();
const stop = new AbortController();
const running: Promise<void>[] = [];
const common = { api, clock: systemClock, random: () => 0.5, log: silentLog };

function follow<T extends KubeObject>(kind: Kind<T>): Store<T> {
  const store = new Store<T>();
  running.push(new Reflector({ ...common, kind, store }).run(stop.signal));
  return store;
}

/** What one operator runs for pools: both replicas here act as leader at once, which is more than they ever do. */
function startReplica(instance: string): BlockClaimer {
  const pools = follow(KINDS.ipPool);
  const blocks = follow(KINDS.ipBlock);
  const nodes = follow(KINDS.node);
  const apply = { api, fieldManager: 'weft-ippool' };
  const controllers = runIPPoolControllers(
    {
      ...{ ...common, pools, blocks, nodes, apply, namespace: NAMESPACE },
      status: new StatusWriter({ ...apply, clock: systemClock }),
      events: new EventRecorder({ ...common, controller: 'weft.dev/operator', instance }),
      allocatedIn: () => 0,
      holderOf: () => undefined,
      onLeased: () => () => undefined,
    },
    stop.signal,
  );
  running.push(controllers);
  return new BlockClaimer({ api, pools, blocks, nodes, log: silentLog });
}

const claimers: BlockClaimer[] = [];
beforeAll(async () => {
  await makeNamespace(api, NAMESPACE);
  claimers.push(startReplica('a'), startReplica('b'));
});

afterEach(async () => {
  for (const path of [KINDS.ipBlock, KINDS.ipPool, KINDS.node].map((kind: Kind<KubeObject>) => collectionPath(kind))) {
    await api.request('DELETE', path);
  }
  await waitUntil('nothing is left', async () => (await kube('get', 'ipp,ipb,nodes', '-o', 'name')) === '');
});

afterAll(async () => {
  stop.abort();
  await Promise.all(running);
  await kube('delete', 'namespace', NAMESPACE, '--wait=false');
  await api.close();
});

const makePool = (name: string, spec: object) =>
  create<IPPool>(api, KINDS.ipPool, { apiVersion: KINDS.ipPool.apiVersion, kind: 'IPPool', metadata: { name }, spec });
const makeNode = (name: string, labels: Readonly<Record<string, string>> = {}) =>
  create<Node>(api, KINDS.node, { metadata: { name, labels } });
const poolNow = (name: string) => read(api, KINDS.ipPool, { name });

async function condition(name: string, type: string) {
  return (await poolNow(name))?.status?.conditions?.find((one) => one.type === type);
}

async function becomes(name: string, type: string, status: string): Promise<string> {
  await waitUntil(`${name} has ${type}=${status}`, async () => (await condition(name, type))?.status === status);
  return (await condition(name, type))?.message ?? '';
}

/** What a node wants, beside who it is; without a family of IPv4. */
type Wish = Partial<Pick<BlockRequest, 'family' | 'pools' | 'address' | 'known'>>;

function claim(which: number, node: Node, wish: Wish = {}): Promise<IPBlock | Problem> {
  const claimer = claimers[which % claimers.length];
  if (claimer === undefined) throw new Error('no claimer runs');
  const { name: nodeName, uid: nodeUid = '' } = node.metadata;
  return claimer.claimBlock({ nodeName, nodeUid, family: 4, known: [], ...wish }, stop.signal);
}

/** As an agent does: asks again until the operator that it asks has seen node and pool. */
async function claimPatiently(which: number, node: Node, wish: Wish = {}): Promise<IPBlock | Problem> {
  let answer = await claim(which, node, wish);
  await waitUntil(`an answer for ${node.metadata.name}`, async () => {
    const isEarly = 'reason' in answer && ['NotSynced', 'NodeUnknown', 'NoPool'].includes(answer.reason);
    if (isEarly) answer = await claim(which, node, wish);
    return !isEarly;
  });
  return answer;
}

function cidrsOf(answers: readonly (IPBlock | Problem)[]): string[] {
  return answers.flatMap((answer) => ('spec' in answer ? [answer.spec.cidr] : []));
}

/** Pairs of ranges that share an address. */
function overlapping(cidrs: readonly string[]): [string, string][] {
  return cidrs.flatMap((a, index) =>
    cidrs.slice(index + 1).flatMap((b): [string, string][] => {
      const [one, other] = [parseCidr(a), parseCidr(b)];
      return one === undefined || other === undefined || overlaps(one, other) ? [[a, b]] : [];
    }),
  );
}

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
