import { describe, expect, test } from '@jest/globals';
import type { Flow } from '../../../../src/agent/dataplane/nft/conntrack.ts';
import { HeldPolicy } from '../../../../src/agent/dataplane/nft/held-policy.ts';
import { nextState } from '../../../../src/agent/dataplane/nft/next-state.ts';
import { NO_FACTS, type PodBinding, type PolicyChange } from '../../../../src/agent/dataplane/nft/policy-state.ts';
import { addressesToPurge, addressesToRecheck, isForbidden } from '../../../../src/agent/dataplane/nft/recheck.ts';
import type { AddressSetIr, ChainIr } from '../../../../src/model/node/ir.ts';

const [A4, A6] = ['10.42.1.2', 'fd42::1:2'];
const [B4, B6] = ['10.42.1.3', 'fd42::1:3'];
const [OPEN4, OPEN6] = ['10.42.1.4', 'fd42::1:4'];
const A: PodBinding = { hostInterface: 'wefta', addresses: [A4, A6], egressChain: 'mixed' };
const B: PodBinding = { hostInterface: 'weftb', addresses: [B4, B6], ingressChain: 'shut' };
const OPEN: PodBinding = { hostInterface: 'weftc', addresses: [OPEN4, OPEN6] };
const MIXED: ChainIr = {
  rules: [
    { action: 'pass', tier: 0, peers: ['passed'], ports: 'any', origin: 'test' },
    { action: 'deny', tier: 0, peers: ['bad'], ports: 'any', origin: 'test' },
    { action: 'allow', tier: 1, peers: ['good', 'wide'], ports: 'any', origin: 'test' },
  ],
  otherwise: 'deny',
};
const SETS = new Map<string, AddressSetIr>([
  ['good', { type: 'ip', members: [B4, '10.42.9.9', OPEN4, B6, 'fd42::9:9', OPEN6] }],
  ['bad', { type: 'ip', members: ['10.42.9.8', 'fd42::9:8'] }],
  ['wide', { type: 'cidr', members: ['192.0.2.0/24', '2001:db8::/32'] }],
  ['passed', { type: 'ip', members: ['10.42.9.6'] }],
  ['unused', { type: 'ip', members: ['10.42.9.7'] }],
]);

function held(): HeldPolicy {
  const chains = new Map<string, ChainIr>([
    ['mixed', MIXED],
    ['shut', { rules: [], otherwise: 'deny' }],
  ]);
  return new HeldPolicy(NO_FACTS, { sets: SETS, chains, pods: [A, B, OPEN] });
}

function rechecked(change: PolicyChange): string[] {
  const policy = held();
  return [...addressesToRecheck(policy, nextState(policy, change))].sort();
}

describe('open connections are looked at again', () => {
  test.each<[string, PolicyChange, string[]]>([
    [
      'of a member that leaves an allowing set',
      { sets: { patch: [['good', { add: [], remove: ['10.42.9.9'] }]] } },
      ['10.42.9.9'],
    ],
    [
      'of a member that joins a denying set',
      { sets: { patch: [['bad', { add: ['10.42.9.9'], remove: [] }]] } },
      ['10.42.9.9'],
    ],
    [
      'of a member that joins a passing set, and of one that leaves it',
      { sets: { patch: [['passed', { add: ['10.42.9.5'], remove: ['10.42.9.6'] }]] } },
      ['10.42.9.5', '10.42.9.6'],
    ],
    [
      'of one address of a pod when only that one leaves an allowing set',
      { sets: { patch: [['good', { add: [], remove: ['fd42::9:9'] }]] } },
      ['fd42::9:9'],
    ],
    [
      'of an address that moves to another interface, and not of the other that its pod gains',
      { pods: { unbind: ['wefta'], bind: [{ ...A, hostInterface: 'weftz', addresses: [A4, 'fd42::1:77'] }] } },
      [A4],
    ],
    [
      'of pods whose prefixes shrink',
      { sets: { patch: [['wide', { add: [], remove: ['192.0.2.0/24'] }]] } },
      [...A.addresses],
    ],
    [
      'of members that a replaced set lacks',
      { sets: { upsert: [['good', { type: 'ip', members: [B4, OPEN4, B6, OPEN6] }]] } },
      ['10.42.9.9', 'fd42::9:9'],
    ],
    ['of a pod that gets another chain', { pods: { bind: [{ ...OPEN, ingressChain: 'shut' }] } }, [...OPEN.addresses]],
    [
      'of pods whose chain has other rules',
      { chains: { upsert: [['mixed', { rules: [], otherwise: 'deny' }]] } },
      [...A.addresses],
    ],
    [
      'of an address that moves to another interface',
      { pods: { unbind: ['wefta'], bind: [{ ...A, hostInterface: 'weftz' }] } },
      [...A.addresses],
    ],
  ])('%s', (_, change, expected) => {
    expect(rechecked(change)).toEqual(expected);
  });

  test.each<[string, PolicyChange]>([
    ['a member joins an allowing set', { sets: { patch: [['good', { add: ['10.42.9.1'], remove: [] }]] } }],
    ['a member leaves a denying set', { sets: { patch: [['bad', { add: [], remove: ['10.42.9.8'] }]] } }],
    ['a set that no pod uses changes', { sets: { patch: [['unused', { add: [], remove: ['10.42.9.7'] }]] } }],
    ['what leaves was not there', { sets: { patch: [['good', { add: [], remove: ['10.42.9.1'] }]] } }],
    [
      'a pod is new',
      { pods: { bind: [{ hostInterface: 'weftd', addresses: ['10.42.1.9', 'fd42::1:9'], egressChain: 'shut' }] } },
    ],
    ['a pod is opened', { pods: { bind: [{ hostInterface: 'wefta', addresses: A.addresses }] } }],
    ['a pod is bound as it was', { pods: { bind: [{ ...A }] } }],
    ['a chain is told again', { chains: { upsert: [['mixed', structuredClone(MIXED)]] } }],
  ])('but not when %s', (_, change) => {
    expect(rechecked(change)).toEqual([]);
  });

  test('what a policy keeps open is not cut, whichever of its ends says so', () => {
    const keepsOpen = true as const;
    const deny = { action: 'deny', peers: ['bad'], ports: 'any', origin: 'test', keepsOpen } as const;
    const keeping = {
      mixed: { rules: [deny], otherwise: 'deny' },
      shut: { rules: [], otherwise: 'deny', keepsOpen },
    } as const;
    const policy = new HeldPolicy(NO_FACTS, {
      sets: SETS,
      chains: new Map(Object.entries(keeping)),
      pods: [A, B, OPEN],
    });
    const flow = { protocol: 'TCP', port: 80, dialled: '', identity: [] } as const;
    const isCut = (source: string, destination: string) =>
      isForbidden(policy, () => false, { ...flow, source, destination });
    expect(isCut(A4, '10.42.9.8')).toBe(false);
    expect(isCut(A4, '10.42.9.7')).toBe(true);
    expect(isCut(OPEN4, B4)).toBe(false);
    expect(isCut(A4, B4)).toBe(true);
  });

  test('an address that its pod left is purged, unless another interface has it', () => {
    const before = held();
    expect([...addressesToPurge(before, nextState(before, { pods: { unbind: ['wefta'] } }))]).toEqual([...A.addresses]);
    const moved = { pods: { unbind: ['wefta'], bind: [{ ...A, hostInterface: 'weftz' }] } };
    expect([...addressesToPurge(before, nextState(before, moved))]).toEqual([]);
    const narrowed = { pods: { bind: [{ ...A, addresses: [A4] }] } };
    expect([...addressesToPurge(before, nextState(before, narrowed))]).toEqual([A6]);
  });
});

describe('a connection is forbidden', () => {
  const flow = (source: string, destination: string): Flow => ({
    source,
    destination,
    dialled: destination,
    protocol: 'TCP',
    port: 80,
    identity: [],
  });
  const forbidden = (of: Flow) => isForbidden(held(), (address) => address === '192.0.2.1', of);

  test.each([
    ['when the sender may not send there', flow(A4, '10.42.9.8'), true],
    ['when the sender may not send there over IPv6', flow(A6, 'fd42::9:8'), true],
    ['when the receiver takes from nobody, over IPv6 as well', flow(OPEN6, B6), true],
    ['not when both may over IPv6', flow(A6, OPEN6), false],
    ['not when a prefix of IPv6 allows it', flow(A6, '2001:db8::200'), false],
    ['when no prefix of IPv6 allows it', flow(A6, '2001:db9::200'), true],
    ['when the receiver takes from nobody', flow(OPEN4, B4), true],
    ['when the sender may but the receiver takes from nobody', flow(A4, B4), true],
    ['not when both may', flow(A4, OPEN4), false],
    ['not when a prefix allows it', flow(A4, '192.0.2.200'), false],
    ['not for being answered by a pod that may not send', flow(OPEN4, A4), false],
    ['not when the node opened it', flow('192.0.2.1', B4), false],
    ['not when a pod talks to itself', flow(B4, B4), false],
    ['not when no pod of the node is in it', flow('10.42.7.1', '10.42.7.2'), false],
  ])('%s', (_, of, expected) => {
    expect(forbidden(of)).toBe(expected);
  });
});

describe('what is held', () => {
  test('comes back whole when a change is taken back', () => {
    const policy = held();
    const seen = () =>
      JSON.stringify([
        [...policy.sets].map(([key, { members }]) => [key, [...members].sort()]).sort(),
        [...policy.pods],
        [...policy.chains],
      ]);
    const before = seen();
    const change: PolicyChange = {
      sets: {
        upsert: [
          ['new', { type: 'ip', members: ['10.0.0.1'] }],
          ['bad', { type: 'ip', members: [] }],
        ],
        patch: [['good', { add: ['10.0.0.2'], remove: ['10.42.9.9'] }]],
        remove: ['unused'],
      },
      pods: { unbind: ['wefta'] },
    };
    const takeBack = policy.commit(nextState(policy, change));
    expect(seen()).not.toBe(before);
    takeBack();
    expect(seen()).toBe(before);
  });

  test('puts a patch on top of an upsert of the same set', () => {
    const change: PolicyChange = {
      sets: {
        upsert: [['good', { type: 'ip', members: ['10.0.0.1', '10.0.0.2'] }]],
        patch: [['good', { add: ['10.0.0.3'], remove: ['10.0.0.1'] }]],
      },
    };
    const policy = held();
    policy.commit(nextState(policy, change));
    expect([...(policy.sets.get('good')?.members ?? [])].sort()).toEqual(['10.0.0.2', '10.0.0.3']);
  });
});
