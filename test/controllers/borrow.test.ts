import { beforeEach, expect, test } from '@jest/globals';
import type { IPBlock } from '../../src/api/generated/ipblock.ts';
import type { Node } from '../../src/api/kubernetes.ts';
import { Borrower } from '../../src/controllers/ippool/borrow.ts';
import type { KubeApi } from '../../src/kube/client.ts';
import { Store } from '../../src/kube/store.ts';
import type { ForeignRange } from '../../src/model/ipam/foreign-ranges.ts';
import { blockName } from '../../src/model/node/names.ts';
import { silentLog } from '../kube-room/fake-clock.ts';

const POOLS = [{ name: 'main', uid: 'p1', cidr: '10.0.0.0/16', blockSize: 26, reserved: [] }];
const NAMES = Array.from({ length: 6 }, (_, index) => `n${index}`);

let asked: string[];
let nodes: Store<Node>;
let blocks: Store<IPBlock>;
let borrower: Borrower;

/** Six nodes with a block each, none of which has anything to spare. */
beforeEach(() => {
  asked = [];
  nodes = new Store();
  blocks = new Store();
  nodes.replace(
    NAMES.map((name) => ({ metadata: { name, uid: `uid-${name}` } })),
    '1',
  );
  blocks.replace(
    NAMES.map((name, index) => block(`10.0.${index}.0/26`, name)),
    '1',
  );
  const api = { request: () => Promise.reject(new Error('asked')) } as unknown as KubeApi;
  const lend = async (node: string) => {
    asked.push(node);
    return { problem: 'nothing to spare' };
  };
  borrower = new Borrower({ api, blocks, nodes, lend, log: silentLog });
});

function block(cidr: string, nodeName: string, more: Partial<IPBlock['spec']> = {}): IPBlock {
  const spec = { cidr, poolName: 'main', poolUid: 'p1', nodeName, nodeUid: `uid-${nodeName}`, ...more };
  return { metadata: { name: blockName(cidr), uid: `uid of ${cidr}` }, spec };
}

function borrow(foreign: readonly ForeignRange[] = []): Promise<unknown> {
  const node = { nodeName: 'new', nodeUid: 'uid-new', foreign };
  return borrower.borrow(POOLS, node, new AbortController().signal);
}

test('who had nothing to spare is asked last the next time, so that all are asked in turn', async () => {
  expect(await borrow()).toBeUndefined();
  const first = [...asked];
  expect(new Set(first).size).toBe(4);
  await borrow();
  expect([...new Set(asked)].sort()).toEqual(NAMES);
  expect(asked.slice(6)).toEqual(first.slice(0, 2));
});

test.each<[string, () => readonly ForeignRange[] | undefined]>([
  ["whose block has an address that is not a pod's", () => [{ cidr: '10.0.0.7/32', of: 'node', name: 'n3' }]],
  ['whose Node is another by now', () => void nodes.set({ metadata: { name: 'n0', uid: 'anew' } })],
  ['that has borrowed itself', () => void blocks.set(block('10.0.0.0/26', 'n0', { lender: 'n9' }))],
  ['whose block is of another pool', () => void blocks.set(block('10.0.0.0/26', 'n0', { poolUid: 'p2' }))],
])('a node is not asked %s', async (_, make) => {
  const foreign = make() ?? [];
  for (let count = 0; count < 3; count += 1) await borrow(foreign);
  expect([...new Set(asked)].sort()).toEqual(NAMES.slice(1));
});
