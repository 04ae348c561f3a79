import { expect, test } from '@jest/globals';
import type { TrafficSplit } from '../../src/api/generated/trafficsplit.ts';
import { RecentCalls } from '../../src/controllers/mesh/recent-calls.ts';
import { Store } from '../../src/kube/store.ts';
import type { ClusterCalls } from '../../src/model/mesh/cluster-calls.ts';
import { backendsOf, measuredShares } from '../../src/model/mesh/measured-shares.ts';
import { indexMesh } from '../../src/model/mesh/mesh-index.ts';
import { FakeClock } from '../kube-room/fake-clock.ts';

const SPLIT: TrafficSplit = {
  metadata: { name: 'web', namespace: 'shop' },
  spec: {
    ...{ service: 'web', port: 80 },
    rules: [
      { matches: [{ method: 'POST' }], backends: [{ subset: 'v2' }] },
      { backends: [{ subset: 'v1', weight: 9 }, { subset: 'v2' }, { service: 'old', port: 81 }] },
    ],
  },
};
const [V1, V2, OLD] = ['shop/web:80|v1', 'shop/web:80|v2', 'shop/old:81'];

function world() {
  const trafficSplits = new Store<TrafficSplit>();
  trafficSplits.replace([SPLIT], '1');
  const index = indexMesh({
    ...{ services: [], endpointSlices: [], pods: [], meshServices: [], trafficSplits: [SPLIT], httpRoutes: [] },
    ...{ referenceGrants: [], trustDomain: 'cluster.local' },
  });
  const answers = new Map<string, readonly ClusterCalls[] | Error>();
  const asked: string[] = [];
  const recent = new RecentCalls({
    ...{ trafficSplits, index, nodes: new Store<never>(), pods: new Store<never>(), clock: new FakeClock() },
    nodesWithProxy: () => [...answers.keys()],
    callsTo: async (node, services) => {
      asked.push(`${node} ${services.join()}`);
      const answer = answers.get(node) ?? [];
      if (answer instanceof Error) throw answer;
      return answer;
    },
  });
  const shares = () => measuredShares(backendsOf(index, SPLIT), recent.of)?.map(({ percent }) => percent);
  const said = (node: string, v1: number, v2: number, old = 0) =>
    answers.set(node, [
      { cluster: V1, calls: v1 },
      { cluster: V2, calls: v2 },
      { cluster: OLD, calls: old },
    ]);
  return { recent, answers, asked, shares, said };
}

test('shares are those of calls that came since the first look, over all nodes, in the order of the rules', async () => {
  const { recent, asked, shares, said } = world();
  said('n1', 1000, 0);
  said('n2', 0, 1000);
  await recent.look();
  expect(shares()).toBeUndefined();
  said('n1', 1030, 10);
  said('n2', 40, 1000, 20);
  await recent.look();
  // v2, v1, old
  expect(shares()).toEqual([10, 70, 20]);
  expect(asked[0]).toBe('n1 shop/old,shop/web');
});

test('a node that is away adds nothing, and what it has sent meanwhile counts when it is back', async () => {
  const { recent, answers, shares, said } = world();
  said('n1', 0, 0);
  await recent.look();
  answers.set('n1', new Error('away'));
  await recent.look();
  expect(shares()).toBeUndefined();
  said('n1', 5, 5);
  await recent.look();
  expect(shares()).toEqual([50, 50, 0]);
});

test('an agent that has begun anew counts from nothing', async () => {
  const { recent, shares, said } = world();
  said('n1', 100, 100);
  await recent.look();
  said('n1', 3, 1);
  await recent.look();
  expect(shares()).toEqual([25, 75, 0]);
});

test('what is longer ago than two minutes does not count', async () => {
  const { recent, shares, said } = world();
  said('n1', 0, 0);
  await recent.look();
  said('n1', 10, 0);
  await recent.look();
  said('n1', 10, 1);
  for (let look = 0; look < 7; look += 1) await recent.look();
  expect(shares()).toEqual([9, 91, 0]);
  await recent.look();
  await recent.look();
  expect(shares()).toBeUndefined();
});
