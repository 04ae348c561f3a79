import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { NetworkPolicy } from '../../../src/api/generated/networkpolicy.ts';
import type { KubernetesNetworkPolicy, Pod } from '../../../src/api/kubernetes.ts';
import { objectKey } from '../../../src/api/meta.ts';
import { clusterOrigin } from '../../../src/model/policy/cluster-policy.ts';
import { createPolicyIndex, type PolicyIndex } from '../../../src/model/policy/policy-index.ts';
import { kubernetesOrigin, weftOrigin } from '../../../src/model/policy/policy-form.ts';
import { expandWorld, type WorldStep } from '../../support/worlds.ts';
import { addressesOf, onPodNetwork, oracle, type Packet, trial } from './oracle.ts';
import { PolicyMirror } from './policy-mirror.ts';
import { changeOf, policyWorld, thingsOf, worldOf, type PolicyWorld, type Thing } from './policy-world.ts';

function replay(steps: readonly WorldStep<Thing>[]): { index: PolicyIndex; mirror: PolicyMirror } {
  const index = createPolicyIndex();
  const mirror = new PolicyMirror();
  for (const step of steps) mirror.apply(index.apply(changeOf(step)));
  return { index, mirror };
}

function build(world: PolicyWorld): { index: PolicyIndex; mirror: PolicyMirror } {
  return replay(expandWorld([world]).get('squashed into one step') ?? []);
}

const OUTSIDE = ['192.0.2.1', '192.0.2.200', '2001:db8::1', '2001:db8:0:8000::1', 'fd00:1::9'];

function* packets(world: PolicyWorld): Generator<Packet> {
  const pods = thingsOf(world, 'pod').map(({ object }) => object);
  const addresses = new Set([...pods.flatMap((pod) => addressesOf(world, pod)), ...OUTSIDE]);
  for (const direction of ['ingress', 'egress'] as const) {
    for (const peer of addresses) {
      for (const [protocol, port] of [
        ['TCP', 80],
        ['TCP', 8080],
        ['UDP', 53],
        ['SCTP', 80],
        ['ICMP', 8],
        ['ICMPv6', 128],
      ] as const) {
        yield { direction, peer, protocol, port };
      }
    }
  }
}

describe('the policy index', () => {
  test('decides every packet as the specifications of both APIs say', () => {
    fc.assert(
      fc.property(policyWorld, (world) => {
        const { mirror } = build(world);
        for (const { object: pod } of thingsOf(world, 'pod')) {
          if (!onPodNetwork(pod) || pod.spec.nodeName === undefined) continue;
          for (const packet of packets(world)) {
            const said = mirror.decide(pod.metadata.uid ?? '', packet);
            if (said !== oracle(world, pod, packet)) {
              throw new Error(`${JSON.stringify(packet)} of ${pod.metadata.namespace}/${pod.metadata.name}: ${said}`);
            }
          }
        }
      }),
      { numRuns: 2000 },
    );
  }, 120_000);

  test('counts for policies on trial what they would decide, and nothing else', () => {
    let counted = 0;
    fc.assert(
      fc.property(policyWorld, (world) => {
        const { mirror } = build(world);
        for (const { object: pod } of thingsOf(world, 'pod')) {
          if (!onPodNetwork(pod) || pod.spec.nodeName === undefined) continue;
          for (const packet of packets(world)) {
            const said = mirror.wouldDecide(pod.metadata.uid ?? '', packet);
            const expected = trial(world, pod, packet);
            if (said !== undefined) counted += 1;
            if (said !== expected) {
              throw new Error(`${JSON.stringify(packet)} of ${objectKey(pod)}: ${said}, not ${expected}`);
            }
          }
        }
      }),
      { numRuns: 1000 },
    );
    expect(counted).toBeGreaterThan(1000);
  }, 120_000);

  test('ends where a fresh index ends, whatever way the world went', () => {
    fc.assert(
      fc.property(fc.array(policyWorld, { minLength: 2, maxLength: 4 }), (states) => {
        const fresh = build(states.at(-1) ?? new Map()).mirror;
        for (const [way, steps] of expandWorld(states)) {
          const { mirror } = replay(steps);
          expect({ way, ...mirror }).toEqual({ way, ...fresh });
        }
      }),
      { numRuns: 100 },
    );
  }, 120_000);

  test('tells each node of the chains of its pods and the sets these name, and of no others', () => {
    fc.assert(
      fc.property(fc.array(policyWorld, { minLength: 2, maxLength: 3 }), (states) => {
        const { mirror } = replay(expandWorld(states).get('in order') ?? []);
        const { chains, sets } = mirror.expectedUsers();
        expect(mirror.chainUsers).toEqual(chains);
        expect(mirror.setUsers).toEqual(sets);
        expect([...mirror.chains.keys()].sort()).toEqual([...chains.keys()].sort());
        expect([...mirror.sets.keys()].sort()).toEqual([...sets.keys()].sort());
      }),
      { numRuns: 200 },
    );
  }, 60_000);

  test('says nothing when it is told what it knows', () => {
    fc.assert(
      fc.property(policyWorld, (world) => {
        const { index } = build(world);
        const again = index.apply(changeOf({ upserts: [...world], removals: [] }));
        expect(again).toEqual(createPolicyIndex().apply({}));
      }),
      { numRuns: 200 },
    );
  });

  test('never writes to what it is given', () => {
    fc.assert(
      fc.property(policyWorld, (world) => {
        const before = structuredClone([...world]);
        build(world);
        expect([...world]).toEqual(before);
      }),
      { numRuns: 100 },
    );
  });
});

function webPod(
  name: string,
  ips: string | readonly string[] | undefined,
  nodeName = 'n1',
  labels = { app: 'web' },
): Pod {
  return {
    metadata: { namespace: 'blue', name, uid: `uid-${name}`, labels },
    spec: { nodeName, containers: [{ name: 'main' }] },
    status: ips === undefined ? { phase: 'Pending' } : { phase: 'Running', podIPs: [ips].flat().map((ip) => ({ ip })) },
  };
}

function fromWeb(name: string, namespace = 'blue'): KubernetesNetworkPolicy {
  return {
    metadata: { namespace, name },
    spec: { podSelector: {}, ingress: [{ from: [{ podSelector: { matchLabels: { app: 'web' } } }] }] },
  };
}

function indexOf(...things: Thing[]): PolicyIndex {
  return build(worldOf(things)).index;
}

describe('a change', () => {
  test('of one pod that a set names is one patch, and nothing else', () => {
    const index = indexOf(
      { kind: 'pod', object: webPod('a', '10.0.0.1') },
      { kind: 'pod', object: webPod('b', undefined) },
      { kind: 'kubernetesPolicy', object: fromWeb('only-web') },
    );
    const { sets, chains, bindings, setUsers, chainUsers } = index.apply({
      pods: { upserts: [webPod('b', '10.0.0.2')] },
    });
    expect(sets.patches).toEqual([[expect.any(String), { add: ['10.0.0.2'], remove: [] }]]);
    expect({ upserts: sets.upserts, removals: sets.removals }).toEqual({ upserts: [], removals: [] });
    expect({ chains, bindings, setUsers, chainUsers }).toEqual({
      chains: { upserts: [], removals: [] },
      bindings: [],
      setUsers: [],
      chainUsers: [],
    });
  });

  test('of a pod that no policy names is its binding alone', () => {
    const index = indexOf({ kind: 'kubernetesPolicy', object: fromWeb('only-web', 'green') });
    const effects = index.apply({ pods: { upserts: [webPod('a', '10.0.0.1')] } });
    expect(effects.bindings).toEqual([['uid-a', { nodeName: 'n1' }]]);
    expect(effects.sets).toEqual({ upserts: [], patches: [], removals: [] });
    expect(effects.chains).toEqual({ upserts: [], removals: [] });
  });

  test('to an early lease puts the address into sets before the status shows it', () => {
    const index = indexOf(
      { kind: 'pod', object: webPod('a', undefined) },
      { kind: 'kubernetesPolicy', object: fromWeb('only-web') },
    );
    const leased = index.apply({ leases: new Map([['uid-a', ['10.0.0.7', 'fd00::7']]]) });
    expect(leased.sets.patches.map(([, patch]) => patch)).toEqual([{ add: ['10.0.0.7', 'fd00::7'], remove: [] }]);
    expect(index.apply({ pods: { upserts: [webPod('a', ['FD00:0::7', '10.0.0.7'])] } }).sets.patches).toEqual([]);
    const released = index.apply({ pods: { removals: ['blue/a'] }, leases: new Map([['uid-a', undefined]]) });
    expect(released.bindings).toEqual([['uid-a', undefined]]);
    expect(released.sets.removals).toHaveLength(1);
  });

  test('to completion takes a pod out of the sets, and to termination does not', () => {
    const running = webPod('a', '10.0.0.1');
    const index = indexOf(
      { kind: 'pod', object: running },
      { kind: 'pod', object: webPod('b', '10.0.0.2') },
      { kind: 'kubernetesPolicy', object: fromWeb('only-web') },
    );
    const terminating = { ...running, metadata: { ...running.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
    expect(index.apply({ pods: { upserts: [terminating] } }).sets.patches).toEqual([]);
    const completed: Pod = { ...terminating, status: { ...running.status, phase: 'Succeeded' } };
    const { sets, bindings } = index.apply({ pods: { upserts: [completed] } });
    expect(sets.patches.map(([, patch]) => patch)).toEqual([{ add: [], remove: ['10.0.0.1'] }]);
    expect(bindings).toEqual([['uid-a', undefined]]);
  });

  test('that frees an address to another pod in the same step leaves it in the set', () => {
    const index = indexOf(
      { kind: 'pod', object: webPod('a', '10.0.0.1') },
      { kind: 'pod', object: webPod('c', '10.0.0.3') },
      { kind: 'kubernetesPolicy', object: fromWeb('only-web') },
    );
    const { sets } = index.apply({ pods: { removals: ['blue/a'], upserts: [webPod('b', '10.0.0.1')] } });
    expect(sets.patches).toEqual([]);
  });
});

describe('sets and chains', () => {
  test('are one for selectors that say the same in other words', () => {
    const words: KubernetesNetworkPolicy = {
      metadata: { namespace: 'blue', name: 'other-words' },
      spec: {
        podSelector: {},
        ingress: [{ from: [{ podSelector: { matchExpressions: [{ key: 'app', operator: 'In', values: ['web'] }] } }] }],
      },
    };
    const { mirror } = build(
      worldOf([
        { kind: 'pod', object: webPod('a', '10.0.0.1') },
        { kind: 'kubernetesPolicy', object: fromWeb('only-web') },
        { kind: 'kubernetesPolicy', object: words },
      ]),
    );
    expect(mirror.sets.size).toBe(1);
    expect([...mirror.chains.values()].flatMap(({ rules }) => rules.map(({ origin }) => origin))).toEqual([
      'KubernetesNetworkPolicy blue/only-web',
      'KubernetesNetworkPolicy blue/other-words',
    ]);
  });

  test('are shared by pods that the same policies select', () => {
    const { mirror } = build(
      worldOf([
        { kind: 'pod', object: webPod('a', '10.0.0.1', 'n1') },
        { kind: 'pod', object: webPod('b', '10.0.0.2', 'n2') },
        { kind: 'kubernetesPolicy', object: fromWeb('only-web') },
      ]),
    );
    expect(mirror.chains.size).toBe(1);
    expect([...(mirror.chainUsers.values().next().value ?? [])].sort()).toEqual(['n1', 'n2']);
  });
});

describe('the footprint of a policy', () => {
  test('is that of a fresh index, however often it was asked for on the way', () => {
    const all = (world: PolicyWorld, index: PolicyIndex) => [
      ...thingsOf(world, 'policy').map(({ object }) => index.footprint(weftOrigin(objectKey(object)))),
      ...thingsOf(world, 'kubernetesPolicy').map(({ object }) => index.footprint(kubernetesOrigin(objectKey(object)))),
      ...thingsOf(world, 'clusterPolicy').map(({ object }) => index.footprint(clusterOrigin(objectKey(object)))),
    ];
    fc.assert(
      fc.property(fc.array(policyWorld, { minLength: 2, maxLength: 3 }), (states) => {
        const last = states.at(-1) ?? new Map();
        const index = createPolicyIndex();
        for (const step of expandWorld(states).get('split into single changes') ?? []) {
          index.apply(changeOf(step));
          all(last, index);
        }
        expect(all(last, index)).toEqual(all(last, build(last).index));
      }),
      { numRuns: 100 },
    );
  }, 60_000);

  test('names judged pods by key, whichever came first', () => {
    const judging: NetworkPolicy = {
      metadata: { namespace: 'blue', name: 'gets' },
      spec: { ingress: [{ action: 'Allow', http: [{ methods: ['GET'] }] }] },
    };
    const index = indexOf(
      { kind: 'pod', object: webPod('b', '10.0.0.2', 'n1') },
      { kind: 'pod', object: webPod('a', '10.0.0.1', 'n1') },
      { kind: 'policy', object: judging },
    );
    const { judged = [] } = index.footprint(weftOrigin('blue/gets')) ?? {};
    expect(judged.map(({ key }) => key)).toEqual(['blue/a', 'blue/b']);
  });

  test('counts the pods it selects and names the chains that carry it, node by node', () => {
    const index = indexOf(
      { kind: 'pod', object: webPod('a', '10.0.0.1', 'n1') },
      { kind: 'pod', object: webPod('b', '10.0.0.2', 'n2') },
      { kind: 'kubernetesPolicy', object: fromWeb('only-web') },
    );
    const footprint = index.footprint(kubernetesOrigin('blue/only-web'));
    expect(footprint?.selectedPods).toBe(2);
    expect([...(footprint?.nodes.keys() ?? [])]).toEqual(['n1', 'n2']);
    expect(footprint?.nodes.get('n1')).toEqual([index.binding('uid-a')?.ingressChain]);
    expect(index.footprint(weftOrigin('blue/only-web'))).toBeUndefined();
  });

  test('carries the mistakes in it, and a peer that cannot be read matches nobody', () => {
    const index = indexOf(
      { kind: 'pod', object: webPod('a', '10.0.0.1') },
      {
        kind: 'policy',
        object: {
          metadata: { namespace: 'blue', name: 'typo' },
          spec: { ingress: [{ action: 'Allow', from: [{ ipBlock: { cidr: '10.0.0.300/8' } }] }] },
        },
      },
    );
    const footprint = index.footprint(weftOrigin('blue/typo'));
    expect(footprint?.problems.map(({ path }) => path)).toEqual(['spec.ingress[0].from[0].ipBlock.cidr']);
    const chain = index.chain(index.binding('uid-a')?.ingressChain ?? '');
    expect(chain).toEqual({ rules: [], otherwise: 'deny' });
  });
});
