import { describe, expect, test } from '@jest/globals';
import { type Cidr, parseCidr } from '../../../src/lib/ip.ts';
import { isTunnelUsed, routesToPeer } from '../../../src/model/node/block-routes.ts';
import type { Encapsulation, PeerIr, PoolIr } from '../../../src/model/node/ir.ts';

const PEER: PeerIr = {
  node: 'n2',
  nodeUid: 'u2',
  address: '192.0.2.2',
  addresses: ['192.0.2.2', '2001:db8::2'],
  tunnelAddresses: ['10.0.2.0', 'fd00::200'],
  tunnelMac: '0a:00:00:00:00:02',
  blocks: ['10.0.2.0/26', 'fd00::200/122'],
};

function pool(cidr: string, encapsulation: Encapsulation): PoolIr {
  const common = { natOutgoing: true, disabled: false, reserved: [], isCommon: true };
  return { name: cidr, uid: cidr, cidr, encapsulation, ...common };
}

function pools(encapsulation: Encapsulation): PoolIr[] {
  return [pool('10.0.0.0/16', encapsulation), pool('fd00::/64', encapsulation)];
}

function subnets(...texts: string[]): Cidr[] {
  return texts.flatMap((text) => parseCidr(text) ?? []);
}

const NEAR = subnets('192.0.2.0/24', '2001:db8::/64');
const FAR = subnets('198.51.100.0/24', '2001:db9::/64');

/** `way gateway` by block. */
function ways(peer: PeerIr, of: readonly PoolIr[], near: readonly Cidr[]): Record<string, string> {
  return Object.fromEntries(
    routesToPeer(peer, of, near).map(({ block, way, gateway }) => [block, `${way} ${gateway}`]),
  );
}

const TUNNEL = { '10.0.2.0/26': 'tunnel 10.0.2.0', 'fd00::200/122': 'tunnel fd00::200' };
const DIRECT = { '10.0.2.0/26': 'direct 192.0.2.2', 'fd00::200/122': 'direct 2001:db8::2' };

describe('a block of another node is reached', () => {
  test.each<[Encapsulation, string, readonly Cidr[], Record<string, string>]>([
    ['VXLAN', 'the same subnet', NEAR, TUNNEL],
    ['VXLAN', 'another subnet', FAR, TUNNEL],
    ['VXLANCrossSubnet', 'the same subnet', NEAR, DIRECT],
    ['VXLANCrossSubnet', 'another subnet', FAR, TUNNEL],
    ['None', 'the same subnet', NEAR, DIRECT],
    ['None', 'another subnet', FAR, {}],
  ])('by %s from %s', (encapsulation, _, near, expected) => {
    expect(ways(PEER, pools(encapsulation), near)).toEqual(expected);
  });

  test.each<[Encapsulation, Record<string, string>]>([
    ['VXLANCrossSubnet', { '10.0.2.0/26': 'direct 192.0.2.2', 'fd00::200/122': 'tunnel fd00::200' }],
    ['None', { '10.0.2.0/26': 'direct 192.0.2.2' }],
  ])(
    'by %s in each family for itself: nodes without IPv6 of their own share no subnet of it',
    (encapsulation, expected) => {
      const peer = { ...PEER, addresses: ['192.0.2.2'] };
      expect(ways(peer, pools(encapsulation), NEAR)).toEqual(expected);
      expect(ways(PEER, pools(encapsulation), subnets('192.0.2.0/24'))).toEqual(expected);
    },
  );

  test('by the way of its own pool', () => {
    const mixed = [pool('10.0.0.0/16', 'None'), pool('fd00::/64', 'VXLAN'), pool('10.1.0.0/16', 'VXLAN')];
    const peer = { ...PEER, blocks: [...PEER.blocks, '10.1.2.0/26'] };
    expect(ways(peer, mixed, NEAR)).toEqual({
      '10.0.2.0/26': 'direct 192.0.2.2',
      'fd00::200/122': 'tunnel fd00::200',
      '10.1.2.0/26': 'tunnel 10.0.2.0',
    });
  });

  test('through the tunnel while its pool is not known', () => {
    expect(ways(PEER, [], NEAR)).toEqual(TUNNEL);
  });

  test('at the address that is in the shared subnet, whichever it is', () => {
    const peer = { ...PEER, addresses: ['203.0.113.2', '192.0.2.2', '2001:db9::2', '2001:db8::2'] };
    expect(ways(peer, pools('VXLANCrossSubnet'), NEAR)).toEqual(DIRECT);
  });

  test('not at all through a tunnel that has no end in its family', () => {
    expect(ways({ ...PEER, tunnelAddresses: ['10.0.2.0'] }, pools('VXLAN'), NEAR)).toEqual({
      '10.0.2.0/26': 'tunnel 10.0.2.0',
    });
  });
});

test.each<[readonly Encapsulation[], boolean]>([
  [[], true],
  [['None'], false],
  [['None', 'VXLANCrossSubnet'], true],
  [['None', 'VXLAN'], true],
])('pools with %j need room for the tunnel: %p', (encapsulations, expected) => {
  expect(isTunnelUsed(encapsulations.map((of) => pool('10.0.0.0/16', of)))).toBe(expected);
});
