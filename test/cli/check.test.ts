import { describe, expect, test } from '@jest/globals';
import { renderCheck } from '../../src/cli/check.ts';
import type { ClusterView, ConditionedObject } from '../../src/cli/status.ts';
import { nodeNetworkStatus } from '../../src/model/status/node-network.ts';
import type { NodeReportIr } from '../../src/model/node/report.ts';

const REPORT: NodeReportIr = {
  serving: true,
  faults: [],
  versions: { agent: '0.1.0', kernel: '6.1.0-13-amd64' },
  podMtu: 1450,
  forwardDrops: [],
  services: 'Weft',
  foreignNetworks: [],
  pathFaults: [],
};

function node(name: string, report: Partial<NodeReportIr> = {}): ConditionedObject {
  const facts = {
    address: '192.0.2.1',
    tunnelAddresses: [],
    blocks: ['10.42.0.0/26'],
    isConnected: true,
    refused: [],
    bgpProblem: undefined,
  };
  const { conditions, ...status } = nodeNetworkStatus({ ...facts, report: { ...REPORT, ...report } });
  return {
    metadata: { name },
    status: { ...status, conditions: conditions.map((of) => ({ ...of, lastTransitionTime: '' })) },
  };
}

const POOL: ConditionedObject = {
  metadata: { name: 'main' },
  status: { conditions: [{ type: 'Ready', status: 'True', reason: 'Reserved', message: '', lastTransitionTime: '' }] },
};

function check(...nodes: readonly ConditionedObject[]) {
  const view: ClusterView = { nodes, pools: [POOL], policies: [], meshServices: [], trafficSplits: [] };
  return renderCheck(view);
}

test('a cluster that is well is told so, node by node', () => {
  expect(check(node('a'), node('b', { services: 'Other' }))).toEqual({
    isWell: true,
    text: [
      'NODE   AGENT   KERNEL   APPLIED   FIREWALLS   SERVICES   BGP   PATHS   ALONE',
      'a      ok      ok       ok        ok          ok         off   ok      ok',
      'b      ok      ok       ok        ok          ok         off   ok      ok',
      '',
      'No problems found.',
    ].join('\n'),
  });
});

describe('a problem is named with what to do:', () => {
  test.each<[string, Partial<NodeReportIr>, RegExp]>([
    [
      'an old kernel',
      { versions: { agent: '1', kernel: '5.4.0' } },
      /node a, kernel: Linux 5\.4\.0 runs; Weft needs 5\.13/,
    ],
    ['a broken agent', { faults: ['no nft'], serving: false }, /node a, agent: AgentFault: no nft/],
    ['a foreign firewall', { forwardDrops: ['ip filter FORWARD'] }, /firewalls: ForeignDrop: .*ip filter FORWARD/],
    ['two service proxies', { services: 'Contested' }, /services: .*delete daemonset kube-proxy/],
    [
      'a node out of reach',
      { pathFaults: [{ node: 'b', family: 4, what: 'Unreachable', bytes: 1450 }] },
      /paths: PeersUnreachable: .* b \(IPv4\); let UDP 4789 pass/,
    ],
    [
      'a path too small',
      { pathFaults: [{ node: 'b', family: 6, what: 'TooSmall', bytes: 1450 }] },
      /paths: PacketsTooLarge: packets of 1450 bytes/,
    ],
    [
      'what another network left',
      { foreignNetworks: ['Flannel: interface flannel.1'] },
      /alone: .*interface flannel\.1/,
    ],
  ])('%s', (_, report, expected) => {
    const { text, isWell } = check(node('a', report));
    expect(isWell).toBe(false);
    expect(text).toMatch(expected);
    expect(text).toContain('PROBLEM');
  });

  test('no pool, no node', () => {
    const { text } = renderCheck({ nodes: [], pools: [], policies: [], meshServices: [], trafficSplits: [] });
    expect(text).toMatch(/no IPPool.*kubectl apply/);
    expect(text).toMatch(/no node has told of itself/);
  });
});

test('sessions of BGP are looked at where nodes speak it', () => {
  const session = { address: '192.0.2.9', peer: 'rack', asNumber: 65_001, imported: 0, exported: 0, message: '' };
  const { text, isWell } = check(
    node('a', { bgp: { asNumber: 64_512, sessions: [{ ...session, state: 'Connecting' }] } }),
  );
  expect(isWell).toBe(false);
  expect(text).toMatch(/ALONE +BGP$/m);
  expect(text).toContain('node a, bgp: SessionDown: 1 of 1 sessions are not established: 192.0.2.9 (rack) Connecting');
});

test('what is not known yet is no problem', () => {
  const { pathFaults: _, ...untried } = REPORT;
  const facts = {
    address: '192.0.2.1',
    tunnelAddresses: [],
    blocks: ['10.42.0.0/26'],
    isConnected: true,
    refused: [],
    bgpProblem: undefined,
  };
  const { conditions } = nodeNetworkStatus({ ...facts, report: untried });
  const status = { conditions: conditions.map((of) => ({ ...of, lastTransitionTime: '' })) };
  expect(check({ metadata: { name: 'a' }, status }).isWell).toBe(true);
});
