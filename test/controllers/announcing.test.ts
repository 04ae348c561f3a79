import { beforeEach, describe, expect, test } from '@jest/globals';
import type { KubernetesNetworkPolicy, Pod } from '../../src/api/kubernetes.ts';
import { Announcing } from '../../src/controllers/node-state/announcing.ts';
import { HeldResources } from '../../src/controllers/node-state/held.ts';
import { applyPolicyEffects } from '../../src/model/node/desired-policy.ts';
import { DesiredTable } from '../../src/model/node/desired.ts';
import { createPolicyIndex, type PolicyIndex } from '../../src/model/policy/policy-index.ts';
import { FakeClock, settle } from '../kube-room/fake-clock.ts';

const ADDRESSES = ['10.42.2.7', 'fd42::2:7'];

let clock: FakeClock;
let table: DesiredTable;
let held: HeldResources;
let policies: PolicyIndex;
let listeners: Set<() => void>;
let announcing: Announcing;
let isAnnounced: boolean;

beforeEach(() => {
  clock = new FakeClock();
  table = new DesiredTable();
  held = new HeldResources();
  policies = createPolicyIndex();
  listeners = new Set();
  isAnnounced = false;
  const onAcknowledged = (listener: () => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
  announcing = new Announcing({ table, held, policies, onAcknowledged }, clock);
  apply({ pods: { upserts: [pod('server', 'n1'), pod('client', 'n2')], removals: [] } });
  apply({ kubernetesPolicies: { upserts: [clientsOnly], removals: [] } });
  held.connected('n1', { nodeUid: 'u1', held: [] });
  acknowledge('n1');
});

const clientsOnly: KubernetesNetworkPolicy = {
  metadata: { name: 'clients-only', namespace: 'shop' },
  spec: {
    podSelector: { matchLabels: { app: 'server' } },
    ingress: [{ from: [{ podSelector: { matchLabels: { app: 'client' } } }] }],
  },
};

function pod(name: string, nodeName: string): Pod {
  return {
    metadata: { name, namespace: 'shop', uid: name, labels: { app: name } },
    spec: { nodeName, containers: [] },
  };
}

function podOf(app: string, name: string, nodeName: string): Pod {
  return { ...pod(name, nodeName), metadata: { ...pod(name, nodeName).metadata, labels: { app } } };
}

function apply(change: Parameters<PolicyIndex['apply']>[0]): void {
  applyPolicyEffects(table, policies.apply(change));
  for (const listener of listeners) listener();
}

/** The node has put into force what it should hold now. */
function acknowledge(node: string): void {
  const applied = table.resourcesOf(node).map((ref) => ({ ...ref, version: table.version(node, ref) ?? '' }));
  held.changed(node, { applied, removed: [], errors: [] });
  for (const listener of listeners) listener();
}

async function announce(uid: string): Promise<void> {
  void announcing.wait(uid, ADDRESSES).then(() => {
    isAnnounced = true;
  });
  await settle();
}

describe('a new pod is announced', () => {
  test('when the node whose policy names it holds its address, and not before', async () => {
    await announce('client');
    expect(isAnnounced).toBe(false);
    apply({ leases: new Map([['client', ADDRESSES]]) });
    await settle();
    expect(isAnnounced).toBe(false);
    acknowledge('n1');
    await settle();
    expect(isAnnounced).toBe(true);
  });

  test('at once when no policy names it', async () => {
    apply({ leases: new Map([['server', ADDRESSES]]) });
    await announce('server');
    expect(isAnnounced).toBe(true);
  });

  test('by each node in its own time, whatever else changes there afterwards', async () => {
    apply({ pods: { upserts: [pod('client', 'n2'), podOf('server', 'second-server', 'n3')], removals: [] } });
    held.connected('n3', { nodeUid: 'u3', held: [] });
    apply({ leases: new Map([['client', ADDRESSES]]) });
    await announce('client');
    acknowledge('n1');
    apply({ pods: { upserts: [podOf('client', 'second-client', 'n2')], removals: [] } });
    apply({ leases: new Map([['second-client', ['10.42.2.8']]]) });
    await settle();
    expect(isAnnounced).toBe(false);
    acknowledge('n3');
    await settle();
    expect(isAnnounced).toBe(true);
  });

  test('without a node that is away', async () => {
    apply({ leases: new Map([['client', ADDRESSES]]) });
    held.disconnected('n1');
    await announce('client');
    expect(isAnnounced).toBe(true);
  });

  test('after a second, whatever nodes say', async () => {
    apply({ leases: new Map([['client', ADDRESSES]]) });
    await announce('client');
    await clock.advance(1_000);
    expect(isAnnounced).toBe(true);
    expect(listeners.size).toBe(0);
  });
});
