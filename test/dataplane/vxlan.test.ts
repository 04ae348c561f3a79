import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { listAll, removeAll } from '../../src/agent/dataplane/leftovers.ts';
import { findUnderlay, podMtuOf } from '../../src/agent/dataplane/underlay.ts';
import { applyOwnBlocks, applyVxlan } from '../../src/agent/dataplane/vxlan.ts';
import { formatCidr } from '../../src/lib/ip.ts';
import { VXLAN_VNI } from '../../src/model/node/names.ts';
import { Fabric, UNDERLAY_MTU } from './fabric-lab.ts';

const fabric = new Fabric([4]);
const { lab } = fabric;
const [a, b, c] = fabric.nodes;

afterEach(() => fabric.disconnectAll());
afterAll(() => fabric.close());

describe('pods on different nodes', () => {
  test('reach each other, in packets of the whole MTU and no larger', () => {
    fabric.connectAll();
    expect(lab.pings(a.pod.netnsPath, '10.42.2.5')).toBe(true);
    expect(lab.pings(b.pod.netnsPath, '10.42.3.5')).toBe(true);
    expect(lab.pings(a.pod.netnsPath, '10.42.2.5', '-M', 'do', '-s', String(UNDERLAY_MTU - 50 - 28))).toBe(true);
    expect(lab.pings(a.pod.netnsPath, '10.42.2.5', '-M', 'do', '-s', String(UNDERLAY_MTU - 50 - 27))).toBe(false);
  });

  test('are reached by other nodes, which come from their tunnel address', () => {
    fabric.connectAll();
    expect(lab.pings(a.netns.path, '10.42.2.5')).toBe(true);
    expect(lab.ip(a.netns.path, 'route', 'get', '10.42.2.5')).toContain('src 10.42.1.0');
  });

  test('lose a node that leaves, and only that', () => {
    fabric.connectAll();
    expect(applyVxlan(a.netns, fabric.networkOf(a, [b]))).toEqual([
      expect.stringMatching(/^remove route 10\.42\.3\.0\/26 via 10\.42\.3\.0 dev #\d+ onlink$/),
      expect.stringMatching(/^remove arp neighbour 10\.42\.3\.0 /),
      expect.stringMatching(/^remove forwarding neighbour .* at 192\.0\.2\.3 /),
    ]);
    expect(lab.pings(a.pod.netnsPath, '10.42.2.5')).toBe(true);
    expect(lab.pings(a.pod.netnsPath, '10.42.3.5')).toBe(false);
  });
});

describe('applyVxlan', () => {
  test('called again writes nothing', () => {
    fabric.connectAll();
    expect(applyVxlan(a.netns, fabric.networkOf(a, [b, c]))).toEqual([]);
    expect(applyOwnBlocks(a.netns, a.peer.blocks)).toEqual([]);
  });

  test('writes one route when a peer owns one more block', () => {
    fabric.connectAll();
    const grown = { ...b, peer: { ...b.peer, blocks: [...b.peer.blocks, '10.42.2.64/26'] } };
    expect(applyVxlan(a.netns, fabric.networkOf(a, [grown, c]))).toEqual([
      expect.stringMatching(/^write route 10\.42\.2\.64\/26 via 10\.42\.2\.0 dev #\d+ onlink$/),
    ]);
  });

  test('moves a block from peer to peer with one write', () => {
    fabric.connectAll();
    const without = { ...b, peer: { ...b.peer, blocks: [] } };
    const taker = { ...c, peer: { ...c.peer, blocks: ['10.42.2.0/26', '10.42.3.0/26'] } };
    expect(applyVxlan(a.netns, fabric.networkOf(a, [without, taker]))).toEqual([
      expect.stringMatching(/^write route 10\.42\.2\.0\/26 via 10\.42\.3\.0 /),
    ]);
  });

  test('follows a peer that came back with another identity', () => {
    fabric.connectAll();
    const reborn = { ...b, peer: { ...b.peer, tunnelMac: '0a:00:00:00:00:99' } };
    const written = applyVxlan(a.netns, fabric.networkOf(a, [reborn, c]));
    expect(written).toHaveLength(3);
    applyVxlan(b.netns, { ...fabric.networkOf(b, [a, c]), tunnelMac: '0a:00:00:00:00:99' });
    expect(lab.pings(a.pod.netnsPath, '10.42.2.5')).toBe(true);
  });

  test('puts back what somebody removed', () => {
    fabric.connectAll();
    lab.ip(a.netns.path, 'neigh', 'flush', 'dev', 'vxlan.weft', 'nud', 'permanent');
    lab.ip(a.netns.path, 'link', 'set', 'vxlan.weft', 'down');
    expect(applyVxlan(a.netns, fabric.networkOf(a, [b, c])).length).toBeGreaterThan(0);
    expect(applyVxlan(a.netns, fabric.networkOf(a, [b, c]))).toEqual([]);
    expect(lab.pings(a.pod.netnsPath, '10.42.2.5')).toBe(true);
  });

  test('changes MTU, MAC and tunnel address on the living device', () => {
    fabric.connectAll();
    const index = lab.ip(a.netns.path, '-o', 'link', 'show', 'vxlan.weft').split(':')[0];
    const changed = {
      ...fabric.networkOf(a, [b, c]),
      mtu: 1300,
      tunnelMac: '0a:00:00:00:00:77',
      tunnelAddresses: ['10.42.1.9'],
    };
    expect(applyVxlan(a.netns, changed)).toEqual([
      'set up link vxlan.weft',
      'add address 10.42.1.9/32 to vxlan.weft',
      'remove address 10.42.1.0/32 from vxlan.weft',
      // The kernel forgets neighbours when the MAC changes.
      expect.stringMatching(/^write arp neighbour 10\.42\.2\.0 /),
      expect.stringMatching(/^write arp neighbour 10\.42\.3\.0 /),
    ]);
    expect(lab.ip(a.netns.path, '-o', 'link', 'show', 'vxlan.weft')).toMatch(
      new RegExp(`^${index}: .* mtu 1300 .*0a:00:00:00:00:77`),
    );
  });

  test('makes the device anew when its VNI, port, source or learning is wrong', () => {
    const wrong = [
      ['id', '99', 'dstport', '4789', 'local', '192.0.2.1', 'nolearning'],
      ['id', String(VXLAN_VNI), 'dstport', '8472', 'local', '192.0.2.1', 'nolearning'],
      ['id', String(VXLAN_VNI), 'dstport', '4789', 'local', '192.0.2.77', 'nolearning'],
      ['id', String(VXLAN_VNI), 'dstport', '4789', 'local', '192.0.2.1', 'learning'],
    ];
    for (const attributes of wrong) {
      lab.ip(a.netns.path, 'link', 'add', 'vxlan.weft', 'type', 'vxlan', ...attributes);
      expect(applyVxlan(a.netns, fabric.networkOf(a, [b]))[0]).toMatch(/^delete link vxlan.weft/);
      expect(lab.ip(a.netns.path, '-d', 'link', 'show', 'vxlan.weft')).toMatch(
        /vxlan id 5187 local 192\.0\.2\.1 .*dstport 4789 .*nolearning/,
      );
      lab.ip(a.netns.path, 'link', 'del', 'vxlan.weft');
    }
  });

  test('takes over an unfinished device of its own kind without making it anew', () => {
    const right = ['id', String(VXLAN_VNI), 'dstport', '4789', 'local', '192.0.2.1', 'nolearning'];
    lab.ip(a.netns.path, 'link', 'add', 'vxlan.weft', 'type', 'vxlan', ...right);
    expect(applyVxlan(a.netns, fabric.networkOf(a, []))).not.toContainEqual(expect.stringMatching(/^(delete|create)/));
  });

  test('needs no tunnel address on a node that owns no block yet', () => {
    applyVxlan(a.netns, { ...fabric.networkOf(a, [b]), tunnelAddresses: [] });
    expect(lab.ip(a.netns.path, 'address', 'show', 'dev', 'vxlan.weft')).not.toContain('inet ');
  });

  test('names the address of a peer that is none, instead of writing half of it', () => {
    const broken = { ...b, peer: { ...b.peer, address: '192.0.2.x' } };
    expect(() => applyVxlan(a.netns, fabric.networkOf(a, [broken]))).toThrow("'192.0.2.x' is no IP address");
  });

  test('brings up a device that says nothing on its own', () => {
    fabric.connectAll();
    expect(lab.ip(a.netns.path, '-6', 'address', 'show', 'dev', 'vxlan.weft')).toBe('');
  });
});

describe("a node's own blocks", () => {
  test('swallow what is sent to an address that no pod holds', () => {
    fabric.connectAll();
    expect(lab.ip(a.netns.path, 'route', 'show', 'type', 'blackhole')).toMatch(
      /^blackhole 10\.42\.1\.0\/26 proto 87 *\n$/,
    );
    expect(() => lab.ip(a.netns.path, 'route', 'get', '10.42.1.44')).toThrow();
    expect(lab.ip(a.netns.path, 'route', 'get', '10.42.1.5')).toContain(a.pod.hostInterface);
  });

  test('are given to a peer and taken back in either order of the calls', () => {
    const own = a.peer.blocks;
    const given = { ...b, peer: { ...b.peer, blocks: [...b.peer.blocks, ...own] } };
    fabric.connectAll();
    applyVxlan(a.netns, fabric.networkOf(a, [given, c]));
    applyOwnBlocks(a.netns, []);
    expect(lab.ip(a.netns.path, 'route', 'show', '10.42.1.0/26')).toContain('via 10.42.2.0 dev vxlan.weft');
    applyOwnBlocks(a.netns, own);
    applyVxlan(a.netns, fabric.networkOf(a, [b, c]));
    expect(lab.ip(a.netns.path, 'route', 'show', 'type', 'blackhole')).toContain('10.42.1.0/26');
  });
});

describe('the underlay', () => {
  test('is the interface that holds the address of the node, and sets the MTU of pods', () => {
    const underlay = findUnderlay(a.netns, '192.0.2.1');
    expect(underlay).toMatchObject({ name: 'eth0', index: expect.any(Number), mtu: UNDERLAY_MTU });
    expect(underlay?.subnets.map(formatCidr)).toEqual(['192.0.2.0/24', '2001:db8::/64']);
    expect(findUnderlay(a.netns, '2001:db8::1')).toEqual(underlay);
    expect(underlay && podMtuOf(underlay, '192.0.2.1', true)).toBe(1350);
    expect(underlay && podMtuOf(underlay, '2001:db8::1', true)).toBe(1330);
    expect(underlay && podMtuOf(underlay, '2001:db8::1', false)).toBe(1400);
    expect(findUnderlay(a.netns, '192.0.2.77')).toBeUndefined();
  });
});

describe('removeAll', () => {
  test('leaves nothing of ours, and everything of others', async () => {
    const [links, routes] = [lab.ip(a.netns.path, '-o', 'link'), lab.ip(a.netns.path, 'route')];
    fabric.connectAll();
    expect(listAll(a.netns).links).toHaveLength(2);
    expect(listAll(a.netns).routes).toHaveLength(4);
    expect(listAll(a.netns).neighbours).toHaveLength(5);
    await removeAll(a.netns);
    await removeAll(a.netns);
    expect(listAll(a.netns)).toEqual({ links: [], routes: [], neighbours: [] });
    expect(lab.ip(a.netns.path, '-o', 'link')).toBe(links);
    expect(lab.ip(a.netns.path, 'route')).toBe(routes);
  });
});
