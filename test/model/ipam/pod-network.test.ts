import { describe, expect, test } from '@jest/globals';
import type { IPPool, IPPoolSpec } from '../../../src/api/generated/ippool.ts';
import type { Pod } from '../../../src/api/kubernetes.ts';
import { chooseNetwork } from '../../../src/model/ipam/pod-network.ts';
import { bridgeName } from '../../../src/model/node/names.ts';

const pool = (name: string, spec: Partial<IPPoolSpec> = {}): IPPool =>
  ({ metadata: { name }, spec: { cidr: '10.0.0.0/16', ...spec } }) as IPPool;
const pod = (network?: string): Pod => {
  const annotations = network === undefined ? {} : { 'weft.dev/pod-network': network };
  return { metadata: { name: 'p', annotations }, spec: { containers: [] } };
};

const PLAIN = pool('plain');
const ROUTED = pool('routed', { podNetwork: 'Routed' });
const BRIDGE = pool('bridge', { podNetwork: 'Bridge' });
const BRIDGE6 = pool('bridge6', { podNetwork: 'Bridge', cidr: 'fd00::/64' });
const LAN = pool('lan', {
  podNetwork: 'Macvlan',
  cidr: '192.168.7.128/25',
  macvlan: { parent: 'eth1', gateway: '192.168.7.1' },
});
const LAN6 = pool('lan6', { podNetwork: 'Macvlan', cidr: '2001:db8::/64', macvlan: { parent: 'eth1' } });
const OWN = pool('own', { podNetwork: 'Macvlan' });
const link = { kind: 'Bridge', bridge: bridgeName('bridge') };

describe('how a pod is linked', () => {
  test.each([
    ['routed, where pools say nothing', [PLAIN], undefined, { pools: [PLAIN] }],
    ['as its pools say', [BRIDGE6, BRIDGE], undefined, { pools: [BRIDGE6, BRIDGE], link }],
    ['routed, where it could be both', [BRIDGE, ROUTED, PLAIN], undefined, { pools: [ROUTED, PLAIN] }],
    ['as its annotation says, where a pool does', [PLAIN, BRIDGE], 'Bridge', { pools: [BRIDGE], link }],
    [
      'into the networks that its pools name, out of one interface',
      [LAN6, LAN],
      undefined,
      {
        pools: [LAN6, LAN],
        link: {
          ...{ kind: 'Macvlan', parent: 'eth1' },
          networks: [{ cidr: '192.168.7.128/25', gateway: '192.168.7.1' }, { cidr: '2001:db8::/64' }],
        },
      },
    ],
    ['not at all while there is no pool', [], 'Bridge', { pools: [] }],
  ])('%s', (_, pools, asked, expected) => {
    expect(chooseNetwork(pools, pod(asked))).toEqual(expected);
  });

  test('is refused where no pool is so, and the pools are named', () => {
    expect(chooseNetwork([PLAIN, ROUTED], pod('Bridge'))).toEqual({
      path: 'metadata.annotations[weft.dev/pod-network]',
      reason: 'PodNetworkMismatch',
      message: "says 'Bridge', and must be one of the pools that the pod may use: plain (Routed), routed (Routed)",
    });
  });

  test('is refused where its pools differ in what they are, or in their interface', () => {
    expect(chooseNetwork([LAN, BRIDGE], pod())).toMatchObject({
      message: 'must say which of the pools that the pod may use: bridge (Bridge), lan (Macvlan)',
    });
    expect(chooseNetwork([LAN, OWN], pod())).toMatchObject({
      message: 'pools lan and own have different spec.macvlan.parent; name one of them',
    });
  });

  test('is refused where there is nothing of that name', () => {
    expect(chooseNetwork([PLAIN], pod('ipvlan'))).toMatchObject({ reason: 'UnsupportedValue' });
  });
});

test('a bridge has a name that the kernel takes, whatever its pool is called', () => {
  expect(bridgeName('a'.repeat(253))).toMatch(/^weft-br[0-9a-f]{8}$/);
});
