import { expect, test } from '@jest/globals';
import type { IPBlock } from '../../src/api/generated/ipblock.ts';
import type { Node } from '../../src/api/kubernetes.ts';
import { deleteBlock } from '../../src/controllers/ippool/delete-block.ts';
import { loansOf } from '../../src/controllers/ippool/loans.ts';
import { collectionPath, KINDS } from '../../src/kube/kinds.ts';
import { Store } from '../../src/kube/store.ts';
import { NO_LEASES } from '../../src/model/ipam/lease-state.ts';
import { allocate, withBlocks } from '../../src/model/ipam/lease.ts';
import { endLoans, lend, type LendAsk, proposeLoan } from '../../src/model/ipam/loan.ts';
import { waitUntil } from './cluster.ts';
import {
  api,
  becomes,
  cidrsOf,
  claim,
  claimPatiently,
  lenders,
  makeNode,
  makePool,
  overlapping,
  useReplicas,
} from './pool-replicas.ts';

useReplicas('borrowing');

const never = new AbortController().signal;
const WISH = { pools: ['tight'] };

/** A node that lends as an agent does, without a disk. */
class Lender {
  state = NO_LEASES;
  readonly asked: LendAsk[] = [];

  constructor(node: Node, { spec, metadata }: IPBlock) {
    const { cidr, poolName: pool } = spec;
    this.state = withBlocks(NO_LEASES, [{ uid: metadata.uid ?? '', cidr, pool, reserved: [] }]);
    lenders.set(node.metadata.name, (ask) => this.answer(ask));
  }

  async answer(ask: LendAsk) {
    this.asked.push(ask);
    const { uid, cidr } = ask;
    if (uid === undefined) return proposeLoan(this.state, cidr, 0);
    const change = lend(this.state, { uid, cidr }, 0);
    if (typeof change === 'string') return { problem: change };
    this.state = change.state;
    return { cidr };
  }
}

/** A pool of one block, which node `rich` has. */
async function tightPool(spec: object = {}): Promise<{ rich: Node; poor: Node; whole: IPBlock; lender: Lender }> {
  await makePool('tight', { cidr: '10.84.0.0/28', blockSize: 28, ...spec });
  await becomes('tight', 'Ready', 'True');
  const [rich, poor] = [await makeNode('rich'), await makeNode('poor')];
  const whole = await claimPatiently(0, rich);
  if (!('spec' in whole)) throw new Error(whole.message);
  return { rich, poor, whole, lender: new Lender(rich, whole) };
}

async function stored(): Promise<readonly IPBlock[]> {
  return (await api.request<{ items: readonly IPBlock[] }>('GET', collectionPath(KINDS.ipBlock))).items;
}

test('a node that no block is left for gets a range that the lender keeps off from then on', async () => {
  const { rich, poor, whole, lender } = await tightPool();
  const answer = await claimPatiently(1, poor);
  expect(answer).toMatchObject({ spec: { nodeName: 'poor', nodeUid: poor.metadata.uid, lender: 'rich' } });
  expect([...lender.state.lent.values()]).toEqual(cidrsOf([answer]));
  // One that has something gets no more to have it ready; for a pod that waits it does.
  const known = cidrsOf([answer]);
  expect(await claimPatiently(0, poor, { known })).toMatchObject({ reason: 'PoolExhausted' });
  const more = await claimPatiently(0, poor, { ...WISH, known });
  expect(more).toMatchObject({ spec: { nodeName: 'poor' } });
  expect(overlapping(cidrsOf([answer, more]))).toEqual([]);
  expect(await becomes('tight', 'Exhausted', 'True')).toContain('1 of 1 blocks belong to nodes');
  // The lender asks what it has lent, and what of that has ended.
  const deps = { api, blocks: new Store<IPBlock>() };
  const ask = { uids: [...lender.state.lent.keys()], isLost: true, nodeUid: rich.metadata.uid ?? '' };
  const loans = [...lender.state.lent].map(([uid, cidr]) => ({ uid, cidr }));
  const known2 = await loansOf(deps, ask, never);
  expect(known2.over).toEqual([]);
  expect(new Set(known2.loans)).toEqual(new Set(loans));
  expect(known2.blocks).toEqual([whole.metadata.uid]);
  // A store that has blocks of the node still that are gone would tell it so.
  const gone = { ...whole, metadata: { ...whole.metadata, name: 'gone', uid: 'gone' } };
  const lagging = new Store<IPBlock>();
  lagging.replace([gone], '1');
  await expect(loansOf({ api, blocks: lagging }, ask, never)).rejects.toThrow('ask again');
  if ('spec' in more) await deleteBlock(api, more, { uid: more.metadata.uid }, never);
  const { over } = await loansOf(deps, ask, never);
  expect(over).toEqual('metadata' in more ? [more.metadata.uid] : []);
  expect(endLoans(lender.state, over, 0).state.lent.size).toBe(1);
});

test('two replicas that borrow at once for two nodes get ranges that have nothing in common', async () => {
  const { poor } = await tightPool();
  const others = [poor, await makeNode('poorer'), await makeNode('poorest')];
  const got: IPBlock[] = [];
  await Promise.all(
    others.map((node, which) =>
      // Whoever came second to the same range asks again.
      waitUntil(`a range for ${node.metadata.name}`, async () => {
        const answer = await claimPatiently(which, node, WISH);
        if ('spec' in answer) got.push(answer);
        return 'spec' in answer;
      }),
    ),
  );
  expect(got.map(({ spec }) => spec.nodeName).sort()).toEqual(['poor', 'poorer', 'poorest']);
  expect(overlapping(cidrsOf(got))).toEqual([]);
});

test.each([
  ['has nothing to spare', async (lender: Lender) => void (lender.state = full(lender.state))],
  [
    'refuses what it proposed, as a pod was faster',
    async (lender: Lender) => {
      const { answer } = lender;
      lenders.set('rich', async (ask) => (ask.uid === undefined ? answer.call(lender, ask) : { problem: 'too late' }));
    },
  ],
  ['is away', async () => void lenders.clear()],
])('nothing is borrowed, and nothing left behind, when the lender %s', async (_, make) => {
  const { poor, lender } = await tightPool();
  await make(lender);
  const answer = await claimPatiently(0, poor, WISH);
  expect(answer).toMatchObject({ reason: 'PoolExhausted', message: expect.stringContaining('no node that was asked') });
  expect((await stored()).map(({ spec }) => spec.cidr)).toEqual(['10.84.0.0/28']);
});

test('nothing is handed over when the leader has deleted the range before its lender agreed', async () => {
  const { poor, lender } = await tightPool();
  lenders.set('rich', async (ask) => {
    const block = (await stored()).find(({ metadata }) => metadata.uid === ask.uid);
    if (block !== undefined) await deleteBlock(api, block, { uid: ask.uid }, never);
    return lender.answer(ask);
  });
  expect(await claimPatiently(0, poor, WISH)).toMatchObject({ reason: 'PoolExhausted' });
  expect(await stored()).toHaveLength(1);
});

test('a pool whose borrowing is disabled lends nothing, and says so', async () => {
  const { poor, lender } = await tightPool({ borrowing: 'Disabled' });
  const answer = await claimPatiently(0, poor, WISH);
  expect(answer).toMatchObject({
    reason: 'PoolExhausted',
    message: expect.stringContaining('spec.borrowing is Disabled'),
  });
  expect(lender.asked).toEqual([]);
  expect(await becomes('tight', 'Exhausted', 'True')).toContain('spec.borrowing is Disabled');
});

test("a fixed address of another node's block is not borrowed", async () => {
  const { poor } = await tightPool();
  await claimPatiently(0, poor, WISH);
  const fixed = await claim(0, poor, { ...WISH, address: '10.84.0.3' });
  expect(fixed).toMatchObject({ reason: 'AddressElsewhere', message: expect.stringContaining("node 'rich'") });
});

function full(state: typeof NO_LEASES): typeof NO_LEASES {
  for (let count = 0; ; count += 1) {
    const pod = { podUid: `p${count}`, containerId: `c${count}`, ifname: 'eth0', families: [4] as const, nowMs: 0 };
    const answer = allocate(state, pod);
    if ('reason' in answer) return state;
    state = answer.state;
  }
}
