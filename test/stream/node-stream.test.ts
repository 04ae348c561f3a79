import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { DesiredTable } from '../../src/model/node/desired.ts';
import { refId } from '../../src/model/node/desired-update.ts';
import { RESOURCE_ORDER, type AddressSetIr, type ChainIr, type PodIr } from '../../src/model/node/ir.ts';
import type { LendAsk } from '../../src/model/ipam/loan.ts';
import type { NodeRequests } from '../../src/stream/operator-ports.ts';
import { expandWorld, type WorldStep } from '../support/worlds.ts';
import { Loopback, NODE, nodeIdentity, until } from './loopback.ts';

let net: Loopback;

beforeEach(async () => {
  net = await Loopback.start();
});

afterEach(async () => {
  await net.stop();
});

const chain: ChainIr = {
  rules: [{ action: 'allow', peers: ['s1'], ports: 'any', origin: 'NetworkPolicy x/one' }],
  otherwise: 'deny',
};

function podIr(uid: string, more: Partial<PodIr> = {}): PodIr {
  const addressing = { pools: ['main'], families: [4, 6], fixed: [] } as const;
  return { uid, namespace: 'x', name: uid, serviceAccount: 'default', addresses: [], addressing, ...more };
}

/** What a node with one policed pod is told, as one replica computed it at `resourceVersion`. */
function smallTable(resourceVersion = '10'): DesiredTable {
  const table = new DesiredTable();
  table.set('pod', 'p1', podIr('p1', { ingressChain: 'c1' }), [NODE]);
  table.set('chain', 'c1', chain, [NODE]);
  table.set('addressSet', 's1', { type: 'ip', members: ['10.0.0.1', '10.0.0.2'] }, [NODE]);
  table.set('pod', 'elsewhere', podIr('elsewhere'), ['n2']);
  table.advance({ pods: resourceVersion });
  return table;
}

describe('a first connection', () => {
  test('brings the node all it needs and nothing else, referents first, and says when it is done', async () => {
    const replica = net.replica(smallTable());
    await net.synced(replica);
    expect(net.sink.bodies).toEqual(net.wanted(replica.table));
    expect([...net.sink.bodies.keys()].sort()).toEqual(['addressSet/s1', 'chain/c1', 'pod/p1']);
    const sent = net.sink.updates.flatMap(({ upserts }) => upserts.map(({ kind }) => RESOURCE_ORDER.indexOf(kind)));
    expect(sent).toEqual([...sent].sort((a, b) => a - b));
    expect(net.sink.updates.map(({ complete }) => complete)).toEqual([true]);
    await until(() => replica.reports.changes.length === 1, 'the update is acknowledged');
    expect(replica.reports.changes[0]?.applied.map(refId)).toEqual(['addressSet/s1', 'chain/c1', 'pod/p1']);
    expect(replica.client.isPrimary(NODE)).toBe(true);
  });

  test('splits what is large, and only the last part completes', async () => {
    const table = smallTable();
    const large = 'x'.repeat(600_000);
    for (const uid of ['a', 'b', 'c']) table.set('pod', uid, podIr(uid, { serviceAccount: large }), [NODE]);
    await net.synced(net.replica(table));
    const { updates } = net.sink;
    expect(updates.length).toBeGreaterThan(2);
    expect(updates.map(({ complete }) => complete)).toEqual(updates.map((_, index) => index === updates.length - 1));
  });

  test('to an agent whose token is of another node is given up', async () => {
    const replica = net.replica(smallTable(), { identityOf: () => nodeIdentity('n2') });
    await until(() => replica.log.says('that of node n2'), 'the refusal is logged');
    expect(net.sink.updates).toEqual([]);
    expect(replica.reports.connections).toEqual([]);
  });

  test('to an agent whose token does not hold is given up, and the token is not logged', async () => {
    const replica = net.replica(smallTable(), { identityOf: () => 'the signature does not verify' });
    await until(() => replica.log.says('the signature does not verify'), 'the refusal is logged');
    expect(net.sink.updates).toEqual([]);
    expect(replica.log.says('token of n1')).toBe(false);
  });

  test('of somebody whose certificate is not that of an operator learns nothing, not even the token', async () => {
    const tokens: string[] = [];
    net.replica(smallTable(), {
      identity: net.identity('spiffe://cluster.local/ns/x/sa/default'),
      identityOf: (token) => {
        tokens.push(token);
        return nodeIdentity(NODE);
      },
    });
    await until(() => net.log.says('not that of an operator'), 'the refusal is logged');
    expect(tokens).toEqual([]);
    expect(net.agent.replicas).toBe(0);
  });

  test('of somebody whose certificate another authority signed is refused', async () => {
    const other = await Loopback.start();
    const replica = net.replica(smallTable(), { identity: other.identity() });
    await until(() => replica.log.says('node stream ended'), 'the connection fails');
    expect(net.agent.replicas).toBe(0);
    await other.stop();
  });
});

describe('a change', () => {
  test('of members of a set travels as a patch', async () => {
    const replica = net.replica(smallTable());
    await net.synced(replica);
    replica.table.patchSet('s1', { add: ['10.0.0.3'], remove: ['10.0.0.1'] });
    replica.flush();
    await net.synced(replica);
    const last = net.sink.updates.at(-1);
    expect(last?.setPatches).toMatchObject([{ key: 's1', add: ['10.0.0.3'], remove: ['10.0.0.1'] }]);
    expect(last?.upserts).toEqual([]);
    expect(net.sink.bodies.get('addressSet/s1')).toEqual({ type: 'ip', members: ['10.0.0.2', '10.0.0.3'] });
  });

  test('that takes things away does so after all else, those who refer first', async () => {
    const replica = net.replica(smallTable());
    await net.synced(replica);
    const { table } = replica;
    table.remove('addressSet', 's1');
    table.remove('chain', 'c1');
    table.set('pod', 'p1', podIr('p1'));
    replica.flush();
    await net.synced(replica);
    const last = net.sink.updates.at(-1);
    expect(last?.upserts.map(refId)).toEqual(['pod/p1']);
    expect(last?.removals.map(refId)).toEqual(['chain/c1', 'addressSet/s1']);
  });

  test('that the node could not apply is sent again, and is not counted as held before', async () => {
    net.sink.failures.set('chain/c1', 2);
    const replica = net.replica(smallTable());
    await net.synced(replica);
    const errors = replica.reports.changes.flatMap((change) => change.errors);
    expect(errors).toEqual([
      { kind: 'chain', key: 'c1', message: 'refused by the test' },
      { kind: 'chain', key: 'c1', message: 'refused by the test' },
    ]);
    expect(replica.reports.changes[0]?.applied.map(refId)).toEqual(['addressSet/s1', 'pod/p1']);
  });
});

describe('a connection that comes again', () => {
  test('sends nothing when nothing has changed', async () => {
    const table = smallTable();
    const first = net.replica(table);
    await net.synced(first);
    await first.client.close();
    const before = net.sink.updates.length;
    const second = net.replica(table);
    await until(() => net.sink.updates.length > before, 'the node is told that it is complete');
    const told = net.sink.updates.slice(before);
    expect(told.map(({ upserts, setPatches, removals }) => [...upserts, ...setPatches, ...removals])).toEqual([[]]);
    expect(told[0]?.complete).toBe(true);
    expect(second.client.isPrimary(NODE)).toBe(true);
  });

  test('removes what the node holds and should not', async () => {
    const first = net.replica(smallTable('10'));
    await net.synced(first);
    await first.client.close();
    const emptier = new DesiredTable();
    emptier.advance({ pods: '11' });
    await net.synced(net.replica(emptier));
    expect([...net.sink.held()]).toEqual([]);
  });
});

describe('of two replicas', () => {
  test('one sends, both hear what the node holds, and the other goes on when the first is gone', async () => {
    const first = net.replica(smallTable());
    await net.synced(first);
    const second = net.replica(smallTable());
    await until(() => second.reports.connections.length === 1, 'the second is connected');
    expect(second.client.isPrimary(NODE)).toBe(false);

    first.table.patchSet('s1', { add: ['10.0.0.9'], remove: [] });
    first.table.advance({ pods: '12' });
    first.flush();
    await until(() => second.reports.changes.length > 0, 'the second hears of the update of the first');
    expect(second.reports.changes.at(-1)?.applied).toEqual([
      { kind: 'addressSet', key: 's1', version: first.table.version(NODE, { kind: 'addressSet', key: 's1' }) },
    ]);

    second.table.patchSet('s1', { add: ['10.0.0.9'], remove: [] });
    second.table.set('chain', 'c2', { rules: [], otherwise: 'deny' }, [NODE]);
    second.table.advance({ pods: '13' });
    second.flush();
    const before = net.sink.updates.length;
    await first.client.close();
    await net.synced(second);
    expect(net.sink.updates.slice(before).flatMap(({ upserts }) => upserts.map(refId))).toEqual(['chain/c2']);
  });

  test('one that is behind what the node holds waits until it has caught up', async () => {
    const ahead = net.replica(smallTable('20'));
    await net.synced(ahead);
    await ahead.client.close();
    await until(() => !net.agent.hasPrimary, 'nobody is primary');

    const stale = new DesiredTable();
    stale.advance({ pods: '9' });
    const behind = net.replica(stale);
    await until(() => behind.reports.connections.length === 1, 'the stale one is connected');
    const before = net.sink.updates.length;
    behind.flush();
    expect(net.agent.hasPrimary).toBe(false);

    const caughtUp = smallTable('21');
    for (const ref of caughtUp.resourcesOf(NODE))
      stale.set(ref.kind, ref.key, caughtUp.body(NODE, ref) as never, [NODE]);
    stale.advance({ pods: '21' });
    behind.flush();
    await until(() => net.sink.updates.length > before, 'it has claimed');
    expect(net.sink.updates.slice(before).flatMap(({ upserts, removals }) => [...upserts, ...removals])).toEqual([]);
    expect(behind.client.isPrimary(NODE)).toBe(true);
  });

  test('an update that is behind is refused, and its sender deposed until it has caught up', async () => {
    const replica = net.replica(smallTable('20'));
    await net.synced(replica);
    const before = net.sink.updates.length;
    replica.table.advance({ pods: '19' });
    replica.table.remove('pod', 'p1');
    replica.flush();
    await until(() => net.log.says('the replica is behind'), 'the refusal is logged');
    await until(() => !replica.client.isPrimary(NODE), 'the sender is told');
    expect(net.sink.updates).toHaveLength(before);

    replica.table.advance({ pods: '21' });
    replica.flush();
    await net.synced(replica);
    expect(net.sink.updates.at(-1)?.removals.map(refId)).toEqual(['pod/p1']);
  });
});

const P1 = ['10.0.0.1', 'fd00::1'];

describe('what the node reports', () => {
  test('of its leases reaches every replica, in full when it connects and then as changes', async () => {
    const first = net.replica(smallTable());
    await until(() => first.reports.connections.length === 1, 'connected');
    expect(first.reports.leaseReports).toEqual([]);
    net.agent.setLeases([{ podUid: 'p1', addresses: P1 }]);
    await until(() => first.reports.leased.get('p1')?.join() === P1.join(), 'the lease is known');
    const second = net.replica(smallTable());
    await until(() => second.reports.leased.get('p1')?.join() === P1.join(), 'the lease is known to the second');
    net.agent.setLeases([{ podUid: 'p2', addresses: ['10.0.0.2'] }]);
    const changed = new Map<string, readonly string[] | undefined>([
      ['p1', undefined],
      ['p2', ['10.0.0.2']],
    ]);
    for (const { reports } of [first, second]) {
      await until(() => reports.leased.get('p2')?.join() === '10.0.0.2', 'the change is known');
      expect(reports.leaseReports.at(-1)).toEqual(changed);
    }
  });

  test('of its proxies reaches a replica that connects later', async () => {
    net.agent.reportProxy({
      podUid: 'p1',
      gone: false,
      resources: [{ kind: 'service', key: 'x/web', version: 'v1', accepted: true, message: '' }],
    });
    const replica = net.replica(smallTable());
    await until(() => replica.reports.proxies.includes('p1'), 'the report is known');
  });

  test('of a node that is gone is taken back', async () => {
    net.agent.setLeases([{ podUid: 'p1', addresses: P1 }]);
    const replica = net.replica(smallTable());
    await until(() => replica.reports.leased.get('p1')?.join() === P1.join(), 'the lease is known');
    replica.client.setNodes(new Map());
    expect(replica.reports.leaseReports.at(-1)).toEqual(new Map([['p1', undefined]]));
  });
});

describe('what the node asks', () => {
  test('waits for a replica, and for the next one when that goes without an answer', async () => {
    const ask = { family: 6, pools: ['main', 'more'], address: 'fd00::7' } as const;
    const block = net.agent.requests.block(ask);
    const plain = net.agent.requests.block({ family: 4 });
    const asked: string[] = [];
    const knownAsked: unknown[] = [];
    const silent: NodeRequests = {
      block: (node) => {
        asked.push(node);
        return new Promise(() => undefined);
      },
      certificate: () => new Promise(() => undefined),
      forgotten: () => new Promise(() => undefined),
      known: () => new Promise(() => undefined),
      giveBack: () => new Promise(() => undefined),
      left: () => new Promise(() => undefined),
      loans: () => new Promise(() => undefined),
    };
    const first = net.replica(smallTable(), { requests: silent });
    await until(() => asked.length === 2, 'the first is asked');
    const forgotten = net.agent.requests.forgotten(['10.0.0.7']);
    const certificate = net.agent.requests.certificate({ csrDer: new Uint8Array([1, 2, 3]), podUid: 'p1' });
    const known = net.agent.requests.known({ podUid: 'p1', addresses: P1 });
    const left = net.agent.requests.left({ uid: 'p1', name: 'web-1', namespace: 'shop' });
    const returned = net.agent.requests.giveBack({ cidr: 'fd00::/122', uid: 'b1' });
    const loans = net.agent.requests.loans({ uids: ['l1', 'l2'], isLost: true });
    net.replica(smallTable(), {
      requests: {
        loans: async (_node, { uids, isLost }) => ({
          over: uids.slice(1),
          loans: isLost ? [{ uid: 'l3', cidr: 'fd00::4/127' }] : [],
          blocks: ['b1'],
        }),
        block: async (_node, request) => ({ cidr: JSON.stringify(request) }),
        left: async (node, { uid, name, namespace }) => `${namespace}/${name} (${uid}) of ${node}`,
        giveBack: async (_node, { cidr, uid }) => `${uid}, which is ${cidr}, is in use`,
        forgotten: async (_node, { addresses }) => addresses,
        known: async (_node, request) => {
          knownAsked.push(request);
        },
        certificate: async (_node, { csrDer, podUid }) => ({ problem: `${csrDer.length} bytes for ${podUid}` }),
      },
    });
    await until(() => net.agent.replicas === 2, 'the second is connected');
    await first.client.close();
    expect(await block).toEqual({ cidr: JSON.stringify(ask) });
    expect(await plain).toEqual({ cidr: JSON.stringify({ family: 4 }) });
    expect(await returned).toBe('b1, which is fd00::/122, is in use');
    expect(await left).toBe(`shop/web-1 (p1) of ${NODE}`);
    expect(await certificate).toEqual({ problem: '3 bytes for p1' });
    expect(await forgotten).toEqual(['10.0.0.7']);
    await known;
    expect(await loans).toEqual({ over: ['l2'], loans: [{ uid: 'l3', cidr: 'fd00::4/127' }], blocks: ['b1'] });
    expect(knownAsked).toEqual([{ podUid: 'p1', addresses: P1 }]);
  });

  test('is given up when whoever asked does not wait any longer', async () => {
    const asker = new AbortController();
    const block = net.agent.requests.block({ family: 4 }, asker.signal);
    asker.abort(new Error('the runtime hung up'));
    await expect(block).rejects.toThrow('the runtime hung up');
  });
});

test('a range is lent, or why not is said; a node that is silent is not waited for for ever', async () => {
  const replica = net.replica(smallTable());
  await net.synced(replica);
  const never = new AbortController().signal;
  const lend = (ask: LendAsk, signal = never) => replica.client.lend(NODE, ask, signal);
  expect(await lend({ cidr: '10.42.0.0/26' })).toEqual({ cidr: 'part of 10.42.0.0/26' });
  expect(await lend({ uid: 'l9', cidr: '10.42.0.4/30' })).toEqual({ problem: 'l9 is taken' });
  await expect(lend({ cidr: '10.42.0.0/26' }, AbortSignal.abort(new Error('too late')))).rejects.toThrow('too late');
});

test('a teardown tells what could not be taken off', async () => {
  const replica = net.replica(smallTable());
  await net.synced(replica);
  expect(await replica.client.teardown(NODE, false)).toEqual(['a pod runs']);
  expect(await replica.client.teardown(NODE, true)).toEqual([]);
});

type Body =
  | { readonly kind: 'addressSet'; readonly body: AddressSetIr }
  | { readonly kind: 'chain'; readonly body: ChainIr };

/** Sets grow, shrink, come back and change hands; chains with them. */
function policyStates(): ReadonlyMap<string, Body>[] {
  const set = (...members: string[]): Body => ({ kind: 'addressSet', body: { type: 'ip', members } });
  const deny: Body = { kind: 'chain', body: { rules: [], otherwise: 'deny' } };
  return [
    new Map([
      ['s1', set('10.0.0.1')],
      ['s2', set()],
      ['c1', { kind: 'chain', body: chain }],
    ]),
    new Map([
      ['s1', set('10.0.0.1', '10.0.0.2')],
      ['s2', set('10.0.0.9')],
      ['c1', deny],
    ]),
    new Map([
      ['s2', set('10.0.0.8')],
      ['s3', set('10.0.0.3')],
      ['c1', deny],
    ]),
    new Map([
      ['s1', set('10.0.0.2', '10.0.0.4')],
      ['s3', set('10.0.0.3', '10.0.0.5')],
      ['c2', deny],
    ]),
  ];
}

function applyStep(table: DesiredTable, known: Map<string, Body>, { upserts, removals }: WorldStep<Body>): void {
  for (const [key, value] of upserts) {
    known.set(key, value);
    if (value.kind === 'chain') table.set('chain', key, value.body, [NODE]);
    else table.set('addressSet', key, value.body, [NODE]);
  }
  for (const key of removals) {
    const kind = known.get(key)?.kind;
    if (kind !== undefined) table.remove(kind, key);
    known.delete(key);
  }
}

describe('the node ends with the same state when the world goes', () => {
  test.each([...expandWorld(policyStates())])('%s', async (_way, steps) => {
    const table = new DesiredTable();
    const replica = net.replica(table);
    const known = new Map<string, Body>();
    for (const [index, step] of steps.entries()) {
      applyStep(table, known, step);
      table.advance({ pods: String(index + 1) });
      replica.flush();
      // Some steps meet an update in flight, some do not.
      if (index % 2 === 1) await net.synced(replica);
    }
    await net.synced(replica);
    const wanted = [...(policyStates().at(-1) ?? [])].map(([key, { kind, body }]) => [`${kind}/${key}`, body] as const);
    expect(net.sink.bodies).toEqual(new Map(wanted));
  });
});
