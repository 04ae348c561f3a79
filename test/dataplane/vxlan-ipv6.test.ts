import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { listAll, removeAll } from '../../src/agent/dataplane/leftovers.ts';
import { applyOwnBlocks, applyVxlan } from '../../src/agent/dataplane/vxlan.ts';
import { Fabric, UNDERLAY_MTU } from './fabric-lab.ts';

describe.each([
  { outer: 4, overhead: 50, local: '192.0.2.1' },
  { outer: 6, overhead: 70, local: '2001:db8::1' },
] as const)('a tunnel of both families inside of IPv$outer', ({ outer, overhead, local }) => {
  const fabric = new Fabric([4, 6], outer);
  const { lab } = fabric;
  const [a, b, c] = fabric.nodes;
  const POD_MTU = UNDERLAY_MTU - overhead;

  afterEach(() => fabric.disconnectAll());
  afterAll(() => fabric.close());

  test('carries packets of the whole MTU and no larger', () => {
    fabric.connectAll();
    for (const [address, headers] of [
      ['10.42.2.5', 28],
      ['fd00:42::205', 48],
    ] as const) {
      expect(lab.pings(a.pod.netnsPath, address, '-M', 'do', '-s', String(POD_MTU - headers))).toBe(true);
      expect(lab.pings(a.pod.netnsPath, address, '-M', 'do', '-s', String(POD_MTU - headers + 1))).toBe(false);
    }
    expect(lab.pings(b.pod.netnsPath, 'fd00:42::305')).toBe(true);
    expect(lab.ip(a.netns.path, '-d', 'link', 'show', 'vxlan.weft')).toContain(` local ${local} `);
  });

  test('reaches pods from other nodes, which come from their tunnel address of that family', () => {
    fabric.connectAll();
    expect(lab.pings(a.netns.path, 'fd00:42::205')).toBe(true);
    expect(lab.pings(a.netns.path, '10.42.2.5')).toBe(true);
    expect(lab.ip(a.netns.path, 'route', 'get', 'fd00:42::205')).toContain('src fd00:42::100 ');
  });

  test('called again writes nothing', () => {
    fabric.connectAll();
    expect(fabric.connect(a)).toEqual([]);
    expect(applyOwnBlocks(a.netns, a.peer.blocks)).toEqual([]);
  });

  test('loses a node that leaves, and only that', () => {
    fabric.connectAll();
    expect(applyVxlan(a.netns, fabric.networkOf(a, [b]))).toEqual([
      expect.stringMatching(/^remove route 10\.42\.3\.0\/26 via 10\.42\.3\.0 dev #\d+ onlink$/),
      expect.stringMatching(/^remove route fd00:42::300\/128 dev #\d+$/),
      expect.stringMatching(/^remove route fd00:42::300\/122 via fd00:42::300 dev #\d+ onlink$/),
      expect.stringMatching(/^remove arp neighbour 10\.42\.3\.0 /),
      expect.stringMatching(/^remove arp neighbour fd00:42::300 /),
      expect.stringMatching(/^remove forwarding neighbour /),
    ]);
    expect(lab.pings(a.pod.netnsPath, 'fd00:42::205')).toBe(true);
    expect(lab.pings(a.pod.netnsPath, 'fd00:42::305')).toBe(false);
  });

  test('moves a block of IPv6 from peer to peer with one write', () => {
    fabric.connectAll();
    const without = { ...b, peer: { ...b.peer, blocks: ['fd00:42::240/122'] } };
    const taker = { ...c, peer: { ...c.peer, blocks: [...c.peer.blocks, 'fd00:42::200/122'] } };
    applyVxlan(
      a.netns,
      fabric.networkOf(a, [{ ...b, peer: { ...b.peer, blocks: [...b.peer.blocks, 'fd00:42::240/122'] } }, c]),
    );
    expect(applyVxlan(a.netns, fabric.networkOf(a, [without, taker]))).toEqual([
      expect.stringMatching(/^write route fd00:42::200\/122 via fd00:42::300 /),
      expect.stringMatching(/^remove route 10\.42\.2\.0\/26 /),
    ]);
    expect(lab.ip(a.netns.path, '-6', 'route', 'show', 'fd00:42::200/122')).toMatch(
      /^[^\n]* via fd00:42::300 [^\n]*\n$/,
    );
  });

  test('puts back what somebody removed', () => {
    fabric.connectAll();
    lab.ip(a.netns.path, '-6', 'route', 'del', 'fd00:42::200/122');
    lab.ip(a.netns.path, '-6', 'neigh', 'flush', 'dev', 'vxlan.weft', 'nud', 'permanent');
    lab.ip(a.netns.path, '-6', 'address', 'del', 'fd00:42::100/128', 'dev', 'vxlan.weft');
    expect(fabric.connect(a)).toEqual([
      'add address fd00:42::100/128 to vxlan.weft',
      expect.stringMatching(/^write arp neighbour fd00:42::200 /),
      expect.stringMatching(/^write arp neighbour fd00:42::300 /),
      expect.stringMatching(/^write route fd00:42::200\/122 /),
    ]);
    lab.ip(a.netns.path, 'link', 'set', 'vxlan.weft', 'down');
    expect(fabric.connect(a).length).toBeGreaterThan(0);
    expect(fabric.connect(a)).toEqual([]);
    expect(lab.pings(a.pod.netnsPath, 'fd00:42::205')).toBe(true);
    expect(lab.pings(a.netns.path, 'fd00:42::205')).toBe(true);
  });

  test('follows pools of IPv6 that come and go, without a new device', () => {
    fabric.connectAll();
    const index = () => lab.ip(a.netns.path, '-o', 'link', 'show', 'vxlan.weft').split(':')[0];
    const before = index();
    const fours = <T extends { readonly blocks: readonly string[]; readonly tunnelAddresses: readonly string[] }>(
      peer: T,
    ) => ({ ...peer, blocks: peer.blocks.slice(0, 1), tunnelAddresses: peer.tunnelAddresses.slice(0, 1) });
    const four = {
      ...fabric.networkOf(a, []),
      hasIpv6: false,
      tunnelAddresses: ['10.42.1.0'],
      peers: [fours(b.peer), fours(c.peer)],
    };
    applyVxlan(a.netns, four);
    expect(applyVxlan(a.netns, four)).toEqual([]);
    expect(lab.ip(a.netns.path, '-6', 'address', 'show', 'dev', 'vxlan.weft')).toBe('');
    expect(lab.pings(a.pod.netnsPath, '10.42.2.5')).toBe(true);
    fabric.connect(a);
    expect(fabric.connect(a)).toEqual([]);
    expect(lab.pings(a.pod.netnsPath, 'fd00:42::205')).toBe(true);
    expect(index()).toBe(before);
  });

  test('has no address that it gave itself', () => {
    fabric.connectAll();
    expect(lab.ip(a.netns.path, '-6', '-o', 'address', 'show', 'dev', 'vxlan.weft')).toMatch(
      /^\d+: vxlan\.weft +inet6 fd00:42::100\/128 scope global nodad [^\n]*\n$/,
    );
  });

  test('is gone with everything of Weft, and nothing of others', async () => {
    const seen = () =>
      ['-o link', '-4 route', '-6 route', '-6 neigh show nud permanent', '-o address'].map((what) =>
        lab.ip(a.netns.path, ...what.split(' ')).replaceAll(/(valid|preferred)_lft \S+|expires \S+/g, ''),
      );
    const before = seen();
    fabric.connectAll();
    expect(listAll(a.netns).links).toHaveLength(2);
    // Of each family: two peers, the pod and the own block; of IPv6 the two peers' tunnel addresses too.
    expect(listAll(a.netns).routes).toHaveLength(10);
    // Of each family two peers and the pod, and where the two peers' frames go.
    expect(listAll(a.netns).neighbours).toHaveLength(8);
    await removeAll(a.netns);
    await removeAll(a.netns);
    expect(listAll(a.netns)).toEqual({ links: [], routes: [], neighbours: [] });
    expect(seen()).toEqual(before);
  });
});

describe("a node's own blocks of IPv6", () => {
  const fabric = new Fabric([4, 6]);
  const { lab } = fabric;
  const [a, b, c] = fabric.nodes;
  const routes = () => lab.ip(a.netns.path, '-6', 'route', 'show', 'fd00:42::100/122');

  afterEach(() => fabric.disconnectAll());
  afterAll(() => fabric.close());

  test('swallow what is sent to an address that no pod holds', () => {
    fabric.connectAll();
    expect(routes()).toMatch(/^blackhole fd00:42::100\/122 dev lo proto 87 [^\n]*\n$/);
    expect(() => lab.ip(a.netns.path, 'route', 'get', 'fd00:42::133')).toThrow();
    expect(lab.ip(a.netns.path, 'route', 'get', 'fd00:42::105')).toContain(a.pod.hostInterface);
  });

  test.each(['peers first', 'own blocks first'])('are given to a peer and taken back: %s', (order) => {
    const own = a.peer.blocks;
    const given = { ...b, peer: { ...b.peer, blocks: [...b.peer.blocks, ...own] } };
    const inOrder = (...steps: readonly (() => unknown)[]) => {
      for (const step of order === 'peers first' ? steps : steps.toReversed()) step();
    };
    fabric.connectAll();
    inOrder(
      () => applyVxlan(a.netns, fabric.networkOf(a, [given, c])),
      () => applyOwnBlocks(a.netns, []),
    );
    expect(routes()).toMatch(/^fd00:42::100\/122 via fd00:42::200 dev vxlan\.weft [^\n]*\n$/);
    expect(applyOwnBlocks(a.netns, [])).toEqual([]);
    inOrder(
      () => applyVxlan(a.netns, fabric.networkOf(a, [b, c])),
      () => applyOwnBlocks(a.netns, own),
    );
    expect(routes()).toMatch(/^blackhole fd00:42::100\/122 [^\n]*\n$/);
    expect(applyOwnBlocks(a.netns, own)).toEqual([]);
    expect(fabric.connect(a)).toEqual([]);
  });
});
