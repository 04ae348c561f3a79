import { beforeEach, expect, test } from '@jest/globals';
import type { IPBlock } from '../../src/api/generated/ipblock.ts';
import type { Node } from '../../src/api/kubernetes.ts';
import { QuarantineReconciler } from '../../src/controllers/ippool/quarantine.ts';
import { DONE } from '../../src/kube/controller.ts';
import type { KubeApi } from '../../src/kube/client.ts';
import { EventRecorder } from '../../src/kube/events.ts';
import { Store } from '../../src/kube/store.ts';
import { FakeClock, silentLog } from '../kube-room/fake-clock.ts';

const BLOCK: IPBlock = {
  metadata: { name: 'b', uid: 'uid-b' },
  spec: { cidr: '10.0.0.0/26', poolName: 'main', poolUid: 'p', nodeName: 'n1', nodeUid: 'u1' },
};
const NODE: Node = { metadata: { name: 'n1', uid: 'u1' } };

let clock: FakeClock;
let nodes: Store<Node>;
let blocks: Store<IPBlock>;
let holder: string | undefined;
let told: [string, number | undefined][];
let reconciler: QuarantineReconciler;

beforeEach(() => {
  clock = new FakeClock();
  nodes = new Store();
  holder = undefined;
  told = [];
  blocks = new Store();
  blocks.replace([BLOCK], '1');
  // Nothing is deleted here, and no Event gets through.
  const api = { request: () => Promise.reject(new Error('asked')) } as unknown as KubeApi;
  const events = new EventRecorder({ api, clock, log: silentLog, controller: 'test', instance: 'test' });
  reconciler = new QuarantineReconciler({
    ...{ api, blocks, nodes, events, clock, log: silentLog },
    holderOf: () => holder,
    onQuarantine: (uid, sinceMs) => told.push([uid, sinceMs]),
  });
});

const reconcile = () => reconciler.reconcile('b', new AbortController().signal);

test('tells since when a block rests, once, and when that is over because its Node is back', async () => {
  const sinceMs = clock.monotonic();
  await reconcile();
  await clock.advance(60_000);
  await reconcile();
  expect(told).toEqual([['uid-b', sinceMs]]);
  nodes.replace([NODE], '2');
  await reconcile();
  expect(told.at(-1)).toEqual(['uid-b', undefined]);
});

test('a block that somebody still holds does not rest', async () => {
  await reconcile();
  holder = 'n1';
  await reconcile();
  expect(told.at(-1)).toEqual(['uid-b', undefined]);
});

test('a range that its lender has not agreed to is left after a minute, and not before', async () => {
  nodes.replace([NODE], '2');
  blocks.replace([{ ...BLOCK, spec: { ...BLOCK.spec, lender: 'n1' } }], '2');
  expect(await reconcile()).toEqual({ requeueAfterMs: 60_000 });
  await clock.advance(59_000);
  expect(await reconcile()).toEqual({ requeueAfterMs: 1_000 });
  await clock.advance(1_000);
  await expect(reconcile()).rejects.toThrow('asked');
  // Once it is its borrower's, it is a block as any other.
  nodes.replace([NODE, { metadata: { name: 'n2', uid: 'u2' } }], '3');
  blocks.replace([{ ...BLOCK, spec: { ...BLOCK.spec, lender: 'n1', nodeName: 'n2', nodeUid: 'u2' } }], '3');
  expect(await reconcile()).toEqual(DONE);
});
