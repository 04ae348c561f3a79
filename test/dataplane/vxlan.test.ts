import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { listAll, removeAll } from '../../src/agent/dataplane/leftovers.ts';
import type { Netns } from '../../src/agent/dataplane/netns.ts';
import type { PodLink } from '../../src/agent/dataplane/pod-addressing.ts';
import { wirePod } from '../../src/agent/dataplane/pod-link.ts';
import { applySysctls, FORWARDING } from '../../src/agent/dataplane/sysctl.ts';
import { findUnderlay, podMtuOf } from '../../src/agent/dataplane/underlay.ts';
import { applyOwnBlocks, applyVxlan, type VxlanNetwork } from '../../src/agent/dataplane/vxlan.ts';
import type { PeerIr } from '../../src/model/node/ir.ts';
import { tunnelMacOf, VXLAN_PORT, VXLAN_VNI } from '../../src/model/node/names.ts';
import { NetnsLab } from './netns-lab.ts';

interface TestNode {
  readonly netns: Netns;
  readonly peer: PeerIr;
  readonly pod: PodLink;
}

const UNDERLAY_MTU = 1400;
const lab = new NetnsLab();
let nodes: readonly TestNode[];
let a: TestNode;
let b: TestNode;
let c: TestNode;

/** Three nodes on one switch (a namespace with a bridge), a pod on each. */
beforeAll(() => {
  const fabric = lab.add('fabric');
  lab.ip(fabric, 'link', 'add', 'switch', 'type', 'bridge');
  lab.ip(fabric, 'link', 'set', 'switch', 'mtu', String(UNDERLAY_MTU), 'up');
  nodes = [1, 2, 3].map((number) => {
    const netns = lab.addNode(`node${number}`);
    const address = `192.0.2.${number}`;
    const name = netns.path.slice('/run/netns/'.length);
    lab.ip(fabric, 'link', 'add', `port${number}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
    lab.ip(fabric, 'link', 'set', `port${number}`, 'mtu', String(UNDERLAY_MTU), 'master', 'switch', 'up');
    lab.ip(netns.path, 'link', 'set', 'eth0', 'mtu', String(UNDERLAY_MTU), 'up');
    lab.ip(netns.path, 'address', 'add', `${address}/24`, 'dev', 'eth0');
    lab.ip(netns.path, 'route', 'add', 'default', 'via', '192.0.2.254');
    applySysctls(netns, FORWARDING);
    const uid = `00000000-0000-0000-0000-00000000000${number}`;
    return {
      netns,
      peer: {
        node: `node${number}`,
        nodeUid: uid,
        address,
        tunnelAddress: `10.42.${number}.0`,
        tunnelMac: tunnelMacOf(uid),
        blocks: [`10.42.${number}.0/26`],
      },
      pod: {
        netnsPath: lab.add(`pod${number}`),
        ifname: 'eth0',
        hostInterface: 'weft0000000000a',
        address: `10.42.${number}.5`,
        mtu: UNDERLAY_MTU - 50,
      },
    };
  });
  [a, b, c] = nodes as [TestNode, TestNode, TestNode];
});
afterEach(async () => {
  for (const { netns } of nodes) await removeAll(netns);
});
afterAll(() => lab.close());

function networkOf({ peer }: TestNode, others: readonly TestNode[]): VxlanNetwork {
  return {
    localAddress: peer.address,
    tunnelAddress: peer.tunnelAddress,
    tunnelMac: peer.tunnelMac,
    mtu: UNDERLAY_MTU - 50,
    vni: VXLAN_VNI,
    port: VXLAN_PORT,
    peers: others.map((other) => other.peer),
  };
}

function connectAll(): void {
  for (const node of nodes) {
    applyVxlan(
      node.netns,
      networkOf(
        node,
        nodes.filter((other) => other !== node),
      ),
    );
    applyOwnBlocks(node.netns, node.peer.blocks);
    wirePod(node.netns, node.pod);
  }
}

describe('pods on different nodes', () => {
  test('reach each other, in packets of the whole MTU and no larger', () => {
    connectAll();
    expect(lab.pings(a.pod.netnsPath, b.pod.address)).toBe(true);
    expect(lab.pings(b.pod.netnsPath, c.pod.address)).toBe(true);
    expect(lab.pings(a.pod.netnsPath, b.pod.address, '-M', 'do', '-s', String(UNDERLAY_MTU - 50 - 28))).toBe(true);
    expect(lab.pings(a.pod.netnsPath, b.pod.address, '-M', 'do', '-s', String(UNDERLAY_MTU - 50 - 27))).toBe(false);
  });

  test('are reached by other nodes, which come from their tunnel address', () => {
    connectAll();
    expect(lab.pings(a.netns.path, b.pod.address)).toBe(true);
    expect(lab.ip(a.netns.path, 'route', 'get', b.pod.address)).toContain('src 10.42.1.0');
  });

  test('lose a node that leaves, and only that', () => {
    connectAll();
    expect(applyVxlan(a.netns, networkOf(a, [b]))).toEqual([
      expect.stringMatching(/^remove route 10\.42\.3\.0\/26 via 10\.42\.3\.0 dev #\d+ onlink$/),
      expect.stringMatching(/^remove arp neighbour 10\.42\.3\.0 /),
      expect.stringMatching(/^remove forwarding neighbour .* at 192\.0\.2\.3 /),
    ]);
    expect(lab.pings(a.pod.netnsPath, b.pod.address)).toBe(true);
    expect(lab.pings(a.pod.netnsPath, c.pod.address)).toBe(false);
  });
});

describe('applyVxlan', () => {
  test('called again writes nothing', () => {
    connectAll();
    expect(applyVxlan(a.netns, networkOf(a, [b, c]))).toEqual([]);
    expect(applyOwnBlocks(a.netns, a.peer.blocks)).toEqual([]);
  });

  test('writes one route when a peer owns one more block', () => {
    connectAll();
    const grown = { ...b, peer: { ...b.peer, blocks: [...b.peer.blocks, '10.42.2.64/26'] } };
    expect(applyVxlan(a.netns, networkOf(a, [grown, c]))).toEqual([
      expect.stringMatching(/^write route 10\.42\.2\.64\/26 via 10\.42\.2\.0 dev #\d+ onlink$/),
    ]);
  });

  test('moves a block from peer to peer with one write', () => {
    connectAll();
    const without = { ...b, peer: { ...b.peer, blocks: [] } };
    const taker = { ...c, peer: { ...c.peer, blocks: ['10.42.2.0/26', '10.42.3.0/26'] } };
    expect(applyVxlan(a.netns, networkOf(a, [without, taker]))).toEqual([
      expect.stringMatching(/^write route 10\.42\.2\.0\/26 via 10\.42\.3\.0 /),
    ]);
  });

  test('follows a peer that came back with another identity', () => {
    connectAll();
    const reborn = { ...b, peer: { ...b.peer, tunnelMac: '0a:00:00:00:00:99' } };
    const written = applyVxlan(a.netns, networkOf(a, [reborn, c]));
    expect(written).toHaveLength(3);
    applyVxlan(b.netns, { ...networkOf(b, [a, c]), tunnelMac: '0a:00:00:00:00:99' });
    expect(lab.pings(a.pod.netnsPath, b.pod.address)).toBe(true);
  });

  test('puts back what somebody removed', () => {
    connectAll();
    lab.ip(a.netns.path, 'neigh', 'flush', 'dev', 'vxlan.weft', 'nud', 'permanent');
    lab.ip(a.netns.path, 'link', 'set', 'vxlan.weft', 'down');
    expect(applyVxlan(a.netns, networkOf(a, [b, c])).length).toBeGreaterThan(0);
    expect(applyVxlan(a.netns, networkOf(a, [b, c]))).toEqual([]);
    expect(lab.pings(a.pod.netnsPath, b.pod.address)).toBe(true);
  });

  test('changes MTU, MAC and tunnel address on the living device', () => {
    connectAll();
    const index = lab.ip(a.netns.path, '-o', 'link', 'show', 'vxlan.weft').split(':')[0];
    const changed = { ...networkOf(a, [b, c]), mtu: 1300, tunnelMac: '0a:00:00:00:00:77', tunnelAddress: '10.42.1.9' };
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
      expect(applyVxlan(a.netns, networkOf(a, [b]))[0]).toMatch(/^delete link vxlan.weft/);
      expect(lab.ip(a.netns.path, '-d', 'link', 'show', 'vxlan.weft')).toMatch(
        /vxlan id 5187 local 192\.0\.2\.1 .*dstport 4789 .*nolearning/,
      );
      lab.ip(a.netns.path, 'link', 'del', 'vxlan.weft');
    }
  });

  test('takes over an unfinished device of its own kind without making it anew', () => {
    const right = ['id', String(VXLAN_VNI), 'dstport', '4789', 'local', '192.0.2.1', 'nolearning'];
    lab.ip(a.netns.path, 'link', 'add', 'vxlan.weft', 'type', 'vxlan', ...right);
    expect(applyVxlan(a.netns, networkOf(a, []))).not.toContainEqual(expect.stringMatching(/^(delete|create)/));
  });

  test('needs no tunnel address on a node that owns no block yet', () => {
    applyVxlan(a.netns, { ...networkOf(a, [b]), tunnelAddress: undefined });
    expect(lab.ip(a.netns.path, 'address', 'show', 'dev', 'vxlan.weft')).not.toContain('inet ');
  });

  test('names the address of a peer that is none, instead of writing half of it', () => {
    const broken = { ...b, peer: { ...b.peer, address: '192.0.2.x' } };
    expect(() => applyVxlan(a.netns, networkOf(a, [broken]))).toThrow("'192.0.2.x' is no IPv4 address");
  });

  test('brings up a device that says nothing on its own', () => {
    connectAll();
    expect(lab.ip(a.netns.path, '-6', 'address', 'show', 'dev', 'vxlan.weft')).toBe('');
  });
});

describe("a node's own blocks", () => {
  test('swallow what is sent to an address that no pod holds', () => {
    connectAll();
    expect(lab.ip(a.netns.path, 'route', 'show', 'type', 'blackhole')).toMatch(
      /^blackhole 10\.42\.1\.0\/26 proto 87 *\n$/,
    );
    expect(() => lab.ip(a.netns.path, 'route', 'get', '10.42.1.44')).toThrow();
    expect(lab.ip(a.netns.path, 'route', 'get', a.pod.address)).toContain(a.pod.hostInterface);
  });

  test('are given to a peer and taken back in either order of the calls', () => {
    const own = a.peer.blocks;
    const given = { ...b, peer: { ...b.peer, blocks: [...b.peer.blocks, ...own] } };
    connectAll();
    applyVxlan(a.netns, networkOf(a, [given, c]));
    applyOwnBlocks(a.netns, []);
    expect(lab.ip(a.netns.path, 'route', 'show', '10.42.1.0/26')).toContain('via 10.42.2.0 dev vxlan.weft');
    applyOwnBlocks(a.netns, own);
    applyVxlan(a.netns, networkOf(a, [b, c]));
    expect(lab.ip(a.netns.path, 'route', 'show', 'type', 'blackhole')).toContain('10.42.1.0/26');
  });
});

describe('the underlay', () => {
  test('is the interface that holds the address of the node, and sets the MTU of pods', () => {
    const underlay = findUnderlay(a.netns, '192.0.2.1');
    expect(underlay).toEqual({ name: 'eth0', index: expect.any(Number), mtu: UNDERLAY_MTU });
    expect(underlay && podMtuOf(underlay)).toBe(1350);
    expect(findUnderlay(a.netns, '192.0.2.77')).toBeUndefined();
  });
});

describe('removeAll', () => {
  test('leaves nothing of ours, and everything of others', async () => {
    const [links, routes] = [lab.ip(a.netns.path, '-o', 'link'), lab.ip(a.netns.path, 'route')];
    connectAll();
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
