import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ROOT } from '../../lab/setup/paths.ts';
import type { ClusterNetworkPolicy } from '../../src/api/cluster-network-policy.ts';
import type { Namespace, Node, Pod } from '../../src/api/kubernetes.ts';
import { runPolicyStatus } from '../../src/controllers/networkpolicy/run.ts';
import { StatusWriter } from '../../src/kube/apply.ts';
import { type Kind, KINDS } from '../../src/kube/kinds.ts';
import { Reflector } from '../../src/kube/reflector.ts';
import { Store } from '../../src/kube/store.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { clusterOrigin } from '../../src/model/policy/cluster-policy.ts';
import { createPolicyIndex } from '../../src/model/policy/policy-index.ts';
import type { PolicyStatus } from '../../src/model/status/policy.ts';
import { FakeClock, silentLog } from '../kube-room/fake-clock.ts';
import { CHART, connect, create, kube, read, refusal, waitUntil } from './cluster.ts';

const DEFINITION = 'clusternetworkpolicies.policy.networking.k8s.io';
const KIND = KINDS.clusterNetworkPolicy;
const api = connect();

async function define(): Promise<void> {
  await kube('apply', '--server-side', '-f', path.join(CHART, 'files/upstream/clusternetworkpolicies.yaml'));
  await kube('wait', '--for=condition=Established', `crd/${DEFINITION}`, '--timeout=30s');
}

afterAll(async () => {
  // Other files of this tier begin without the kind.
  await kube('delete', 'crd', DEFINITION, '--ignore-not-found', '--timeout=30s');
  await api.close();
}, 60_000);

function policy(name: string, spec: object): object {
  return { apiVersion: KIND.apiVersion, kind: KIND.kind, metadata: { name }, spec };
}

const DENY_METADATA = {
  tier: 'Admin',
  priority: 5,
  subject: { namespaces: {} },
  egress: [{ name: 'metadata', action: 'Deny', to: [{ networks: ['169.254.169.254/32'] }, { nodes: {} }] }],
};

describe('a kind that was not there when the operator started', () => {
  test('is picked up once it is', async () => {
    const store = new Store<ClusterNetworkPolicy>();
    const clock = new FakeClock();
    const stop = new AbortController();
    const reflector = new Reflector({ api, kind: KIND, store, clock, random: Math.random, log: silentLog });
    const ended = reflector.run(stop.signal);
    await store.synced;
    expect({ trouble: reflector.trouble, list: store.list() }).toEqual({ trouble: undefined, list: [] });
    await define();
    await waitUntil('the API takes a policy', async () => {
      const refused = await refusal(create(api, KIND, policy('deny-metadata', DENY_METADATA)));
      return refused === undefined || refused.includes('already exists');
    });
    await waitUntil('the store has it', async () => {
      await clock.advance(60_000);
      return store.get('deny-metadata') !== undefined;
    });
    stop.abort();
    await ended;
  }, 60_000);
});

describe('the status of a ClusterNetworkPolicy', () => {
  const policies = new Store<ClusterNetworkPolicy>();
  const nodes = new Store<Node>();
  const index = createPolicyIndex();
  const stop = new AbortController();
  const ended: Promise<void>[] = [];
  const listeners = new Set<() => void>();
  let isApplied = false;

  beforeAll(async () => {
    await define();
    const ready = [{ type: 'Ready', status: 'True' }];
    const node: Node = { metadata: { name: 'n1' }, status: { conditions: ready, addresses: [] } };
    const pod: Pod = {
      metadata: { namespace: 'shop', name: 'web', uid: 'web', labels: { app: 'web' } },
      spec: { nodeName: 'n1', containers: [] },
      status: { phase: 'Running', podIPs: [{ ip: '10.0.0.1' }] },
    };
    const namespace: Namespace = { metadata: { name: 'shop', labels: { 'kubernetes.io/metadata.name': 'shop' } } };
    index.apply({ pods: { upserts: [pod] }, namespaces: { upserts: [namespace] }, nodes: { upserts: [node] } });
    nodes.replace([node], '1');
    policies.onChange((key, _before, after) =>
      index.apply({ clusterPolicies: after === undefined ? { removals: [key] } : { upserts: [after] } }),
    );
    const more = { clock: systemClock, random: Math.random, log: silentLog };
    const reflector = new Reflector({ api, kind: KIND as Kind<ClusterNetworkPolicy>, store: policies, ...more });
    ended.push(reflector.run(stop.signal));
    await policies.synced;
    const version = () => (isApplied ? 'v2' : 'v1');
    const deps = {
      ...{ ...more, nodes, footprints: index },
      mesh: { httpPorts: () => [], word: () => ({}) },
      status: new StatusWriter({ api, clock: systemClock, fieldManager: 'weft-clusternetworkpolicy' }),
      table: { version: () => 'v2' },
      held: { version, error: () => undefined, isConnected: () => true },
      ...{ isSettled: () => true, isCompiled: () => true },
      onAcknowledged: (listener: () => void) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    };
    const of = { kind: KIND, policies, originOf: clusterOrigin };
    ended.push(
      runPolicyStatus({ ...of, shown: ({ conditions }: PolicyStatus) => ({ conditions }) }, deps, stop.signal),
    );
  }, 60_000);

  afterAll(async () => {
    stop.abort();
    await Promise.all(ended);
  });

  async function words(name: string): Promise<Readonly<Record<string, string>>> {
    const conditions = (await read(api, KIND, { name }))?.status?.conditions ?? [];
    return Object.fromEntries(conditions.map(({ type, status, reason }) => [type, `${status}/${reason}`]));
  }

  test('says when all nodes hold it', async () => {
    await create(api, KIND, policy('deny-nodes', DENY_METADATA));
    await waitUntil('it is pending', async () => (await words('deny-nodes'))['Programmed'] === 'False/Pending');
    isApplied = true;
    for (const tell of listeners) tell();
    await waitUntil('it is programmed', async () => (await words('deny-nodes'))['Programmed'] === 'True/Programmed');
    expect((await words('deny-nodes'))['Accepted']).toBe('True/Accepted');
  }, 60_000);

  test('takes the examples as they are', async () => {
    const taken = await kube('apply', '-f', path.join(ROOT, 'examples/cluster-policy.yaml'));
    const names = [...taken.matchAll(/clusternetworkpolicy\S+\/(\S+) created/g)].map(([, name]) => name ?? '');
    expect(names).toEqual(['no-metadata', 'closed-by-default']);
    for (const name of names) {
      await waitUntil(`${name} is accepted`, async () => (await words(name))['Accepted'] === 'True/Accepted');
    }
  }, 60_000);

  test('names what is not enforced', async () => {
    const egress = [{ action: 'Accept', to: [{ domainNames: ['example.com'] }] }];
    await create(api, KIND, policy('names', { ...DENY_METADATA, egress }));
    await waitUntil('it is not accepted', async () => (await words('names'))['Accepted'] === 'False/UnsupportedValue');
    const accepted = (await read(api, KIND, { name: 'names' }))?.status?.conditions?.find(
      ({ type }) => type === 'Accepted',
    );
    expect(accepted?.message).toBe(
      'spec.egress[0].to[0] has domainNames, which Weft does not enforce; name networks instead; the rule matches nothing',
    );
  }, 60_000);
});
