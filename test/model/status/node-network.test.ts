import { describe, expect, test } from '@jest/globals';
import { type NodeNetworkFacts, nodeNetworkStatus } from '../../../src/model/status/node-network.ts';

const REPORT = {
  serving: true,
  faults: [],
  versions: { agent: '0.1.0', kernel: '6.1.0' },
  podMtu: 1450,
  forwardDrops: [],
  services: 'Weft',
  foreignNetworks: [],
  pathFaults: [],
} as const;
const FACTS: NodeNetworkFacts = {
  address: '192.0.2.1',
  tunnelAddresses: ['10.42.1.0', 'fd42::'],
  blocks: ['fd42::/122', '10.42.9.0/26', '10.42.1.0/26'],
  isConnected: true,
  report: REPORT,
  refused: [],
  bgpProblem: undefined,
};

/** `status reason` by type. */
function conditions(facts: Partial<NodeNetworkFacts>): Record<string, string> {
  const { conditions } = nodeNetworkStatus({ ...FACTS, ...facts });
  return Object.fromEntries(conditions.map(({ type, status, reason }) => [type, `${status} ${reason}`]));
}

test('a node that serves shows its addresses, blocks in order, and what runs on it', () => {
  expect(nodeNetworkStatus(FACTS)).toMatchObject({
    address: '192.0.2.1',
    tunnelAddresses: ['10.42.1.0', 'fd42::'],
    podMTU: 1450,
    blocks: ['10.42.1.0/26', '10.42.9.0/26', 'fd42::/122'],
    versions: { agent: '0.1.0', kernel: '6.1.0' },
  });
  expect(conditions({})).toEqual({
    Ready: 'True Serving',
    Applied: 'True Applied',
    ForwardBlocked: 'False NoForeignDrop',
    ServicesRouted: 'True ByWeft',
    PeersReachable: 'True AllReached',
    Alone: 'True NothingForeign',
  });
});

test('other nodes that pods do not reach are listed, a hundred at most', () => {
  const fault = { family: 4, what: 'Unreachable', bytes: 1450 } as const;
  const faults = Array.from({ length: 101 }, (_, index) => ({ ...fault, node: `node-${index}` }));
  const { peerFaults } = nodeNetworkStatus({ ...FACTS, report: { ...REPORT, pathFaults: faults } });
  expect(peerFaults).toHaveLength(100);
  expect(peerFaults?.[0]).toEqual({ node: 'node-0', family: 4, fault: 'Unreachable' });
});

test.each([
  ['Weft', 'True ByWeft'],
  ['Contested', 'True Contested'],
  ['Other', 'False ByOther'],
  ['Off', 'False SwitchedOff'],
] as const)('tells who routes Services: %s', (services, expected) => {
  expect(conditions({ report: { ...REPORT, services } })['ServicesRouted']).toBe(expected);
});

test.each<[string, Partial<NodeNetworkFacts>, string]>([
  ['no agent was ever heard', { report: undefined, isConnected: false }, 'False AgentUnreachable'],
  ['its agent is away', { isConnected: false }, 'False AgentUnreachable'],
  ['its agent is broken', { report: { ...REPORT, serving: false, faults: ['no nft'] } }, 'False AgentFault'],
  ['it owns no block', { report: { ...REPORT, serving: false }, blocks: [] }, 'False NoBlock'],
  ['it has not heard of its block', { report: { ...REPORT, serving: false } }, 'False Pending'],
])('is not Ready when %s', (_, facts, expected) => {
  expect(conditions(facts)['Ready']).toBe(expected);
});

test('what the kernel refused is named, and so is how much more there is', () => {
  const { conditions } = nodeNetworkStatus({ ...FACTS, refused: ['chain i_1: EINVAL', 'peer b: EPERM'] });
  expect(conditions.find(({ type }) => type === 'Applied')).toMatchObject({
    status: 'False',
    reason: 'Rejected',
    message: 'chain i_1: EINVAL (and 1 more); it is tried again',
  });
});

test("a foreign chain that drops pods' traffic is named", () => {
  const report = { ...REPORT, forwardDrops: ['inet firewalld filter_FORWARD'] };
  const { conditions } = nodeNetworkStatus({ ...FACTS, report });
  const blocked = conditions.find(({ type }) => type === 'ForwardBlocked');
  expect(blocked).toMatchObject({ status: 'True', reason: 'ForeignDrop' });
  expect(blocked?.message).toContain("'inet firewalld filter_FORWARD'");
});

describe('of a node that speaks BGP', () => {
  const UP = {
    address: '192.0.2.2',
    peer: 'Node/b',
    asNumber: 64_512,
    since: '2026-01-01T00:00:00Z',
    imported: 1,
    exported: 2,
  };
  const up = { ...UP, state: 'Established', message: '' };
  const down = {
    ...UP,
    address: '192.0.2.254',
    peer: 'rack',
    state: 'Connecting',
    message: 'Socket: Connection refused',
  };
  const withSessions = (...sessions: (typeof up)[]) => ({ report: { ...REPORT, bgp: { asNumber: 64_512, sessions } } });

  test('sessions are shown', () => {
    const { bgp } = nodeNetworkStatus({ ...FACTS, ...withSessions(up, down) });
    expect(bgp).toEqual({ asNumber: 64_512, sessions: [{ ...UP, state: 'Established' }, down] });
  });

  test.each<[string, Partial<NodeNetworkFacts>, string]>([
    ['all are up', withSessions(up), 'True Established'],
    ['one is down', withSessions(up, down), 'False SessionDown'],
    ['there are none', withSessions(), 'False NoSessions'],
    ['its agent is away', { ...withSessions(up), isConnected: false }, 'Unknown AgentUnreachable'],
    [
      'its AS number is none',
      { ...withSessions(up), bgpProblem: { path: 'x', reason: 'InvalidAsNumber', message: 'is none' } },
      'False InvalidAsNumber',
    ],
  ])('it is said when %s', (_, facts, expected) => {
    expect(conditions(facts)['BGPEstablished']).toBe(expected);
  });

  test('a session that is down is named with its reason', () => {
    const { conditions } = nodeNetworkStatus({ ...FACTS, ...withSessions(up, down) });
    const message = conditions.find(({ type }) => type === 'BGPEstablished')?.message;
    expect(message).toBe(
      '1 of 2 sessions are not established: 192.0.2.254 (rack) Connecting, Socket: Connection refused',
    );
  });
});
