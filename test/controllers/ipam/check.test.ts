import { expect, test } from '@jest/globals';
import { type CheckDeps, checkTwice } from '../../../src/controllers/ipam/check.ts';
import type { StoreReader } from '../../../src/kube/store.ts';
import type { AddressFacts } from '../../../src/model/ipam/address-facts.ts';
import type { DeadLease, NodeInspection } from '../../../src/model/ipam/inspection.ts';
import { FakeClock } from '../../kube-room/fake-clock.ts';
import { inspection, lease, pod, POOL, world } from '../../model/ipam/address-world.ts';

const NEVER = new AbortController().signal;

/** A cluster that can change between looks, and what was asked of its nodes. */
class Cluster {
  facts: AddressFacts = world();
  readonly clock = new FakeClock();
  readonly repairs: [string, readonly DeadLease[]][] = [];
  recounts = 0;
  looks = 0;
  /** Called before a node is asked. */
  beforeLook: (look: number) => void = () => undefined;
  onRepair: () => void = () => undefined;

  node(name: string, more: Partial<NodeInspection>): void {
    const before = this.facts.inspections.get(name) as NodeInspection;
    this.facts = { ...this.facts, inspections: new Map([...this.facts.inspections, [name, { ...before, ...more }]]) };
  }

  deps(): CheckDeps {
    const reader = <T>(list: () => readonly T[]) => ({ list }) as unknown as StoreReader<T & { metadata: never }>;
    return {
      pools: reader(() => this.facts.pools),
      blocks: reader(() => this.facts.blocks),
      nodes: reader(() => this.facts.nodes),
      pods: reader(() => this.facts.pods),
      quarantinedMs: () => new Map(),
      clock: this.clock,
      inspect: async (node) => {
        if (node === 'n1') this.beforeLook((this.looks += 1));
        const seen = this.facts.inspections.get(node) ?? 'unknown';
        if (typeof seen === 'string') throw new Error(seen);
        return seen;
      },
      repair: async (node, leases) => {
        this.repairs.push([node, leases]);
        this.onRepair();
        return { done: ['it is done'], refused: leases.length > 1 ? ['one is kept'] : [] };
      },
      recount: () => {
        this.recounts += 1;
      },
    } as CheckDeps;
  }

  async check(fix: boolean) {
    const answer = checkTwice(this.deps(), fix, NEVER);
    for (let turn = 0; turn < 4; turn += 1) await this.clock.advance(3_000);
    return await answer;
  }
}

const DEAD = [lease('web', ['10.42.0.5'], { isAlive: false }), lease('web2', ['10.42.0.6'], { isAlive: false })];

function leaky(): Cluster {
  const cluster = new Cluster();
  cluster.facts = world({ pods: [pod('db', 'n2', ['10.42.0.70'])], pools: [{ ...POOL, status: {} }] });
  cluster.node('n1', { attachments: DEAD });
  return cluster;
}

test('what one look finds and the next does not is not told', async () => {
  const cluster = new Cluster();
  cluster.beforeLook = (look) => cluster.node('n1', { strayLinks: look === 1 ? ['weft-going'] : ['weft-coming'] });
  expect((await cluster.check(true)).findings).toEqual([]);
  expect(cluster.looks).toBe(2);
  expect(cluster.repairs).toEqual([]);
});

test('without fix nothing is asked of nodes but to tell', async () => {
  const cluster = leaky();
  expect((await cluster.check(false)).findings.map(({ kind }) => kind)).toEqual(['LeakedLease', 'LeakedLease']);
  expect(cluster.repairs).toEqual([]);
});

test('with fix each node is asked once, by what is its own, and what is left then is told', async () => {
  const cluster = leaky();
  cluster.node('n2', { strayLinks: ['weft-old'] });
  cluster.onRepair = () => cluster.node('n2', { strayLinks: [] });
  const { findings, repaired, refused } = await cluster.check(true);
  const leases = DEAD.map(({ containerId, ifname, podUid }) => ({ containerId, ifname, podUid }));
  expect(cluster.repairs).toEqual([
    ['n1', leases],
    ['n2', []],
  ]);
  expect(repaired).toEqual(['n1: it is done', 'n2: it is done']);
  expect(refused).toEqual(['n1: one is kept']);
  expect(findings.map(({ kind }) => kind)).toEqual(['LeakedLease', 'LeakedLease']);
});

test('a lease whose sandbox lives is asked of nobody, with fix too', async () => {
  const cluster = leaky();
  cluster.node('n1', { attachments: DEAD.map((one) => ({ ...one, isAlive: true })) });
  expect((await cluster.check(true)).findings).toHaveLength(2);
  expect(cluster.repairs).toEqual([]);
});

test('a miscount is counted anew by the operator', async () => {
  const cluster = new Cluster();
  cluster.facts = world({ pools: [{ ...POOL, status: { ...POOL.status, allocated: 9 } }] });
  await cluster.check(true);
  expect(cluster.recounts).toBe(1);
});

test('a node that does not answer is a finding, and the others are looked at', async () => {
  const cluster = new Cluster();
  const deps = {
    ...cluster.deps(),
    inspect: (node: string) =>
      node === 'n1'
        ? new Promise<never>(() => undefined)
        : Promise.resolve(inspection(['10.42.0.64/26'], { strayLinks: ['weft-old'] })),
  };
  const answer = checkTwice(deps, false, NEVER);
  await cluster.clock.advance(30_000);
  const kinds = (await answer).findings.map(({ kind, node }) => `${kind} ${node}`);
  expect(kinds).toContain('NodeNotAsked n1');
  expect(kinds).toContain('StrayLink n2');
});
