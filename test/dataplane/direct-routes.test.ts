import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Encapsulation } from '../../src/model/node/ir.ts';
import { VXLAN_PORT } from '../../src/model/node/names.ts';
import { Fabric, UNDERLAY_MTU } from './fabric-lab.ts';
import { PacketSocket } from './packet-socket.ts';
import { Traffic } from './traffic.ts';

const [PORT, UDP] = [8080, 17];
const B_ADDRESSES = ['10.42.2.5', 'fd00:42::205'] as const;
const fabric = new Fabric([4, 6]);
const { lab } = fabric;
const [a, b] = fabric.nodes;
let wire: PacketSocket;
let [here, there]: Traffic[] = [];

beforeAll(async () => {
  [here, there] = [await Traffic.start(a.pod.netnsPath), await Traffic.start(b.pod.netnsPath)];
  await there.listenTcp(PORT);
  wire = new PacketSocket(a.netns.path, 'eth0');
});
afterEach(() => fabric.disconnectAll());
afterAll(async () => {
  wire.close();
  for (const traffic of [here, there]) await traffic?.stop();
  fabric.close();
});

/** How packets between nodes' pods went over the underlay since the last look. */
function ways(): ('wrapped' | 'as they are')[] {
  const packets = wire.read();
  const pods = ['10.42.', 'fd00:42:'];
  const isWrapped = packets.some(({ protocol, destinationPort }) => protocol === UDP && destinationPort === VXLAN_PORT);
  const isPlain = packets.some(({ destination }) => pods.some((prefix) => destination.startsWith(prefix)));
  return [...(isWrapped ? (['wrapped'] as const) : []), ...(isPlain ? (['as they are'] as const) : [])];
}

describe('between nodes of one subnet', () => {
  test.each([
    ['VXLAN', ['wrapped']],
    ['VXLANCrossSubnet', ['as they are']],
    ['None', ['as they are']],
  ] as const)('packets of a pool with %s are %s', (encapsulation, expected) => {
    fabric.connectAll(encapsulation);
    for (const address of B_ADDRESSES) {
      ways();
      expect(lab.pings(a.pod.netnsPath, address)).toBe(true);
      expect(lab.pings(a.netns.path, address)).toBe(true);
      expect([address, ways()]).toEqual([address, expected]);
    }
  });

  test('a pod keeps its own address as the source, and the node takes that of its interface', () => {
    fabric.connectAll('None');
    ways();
    expect(lab.pings(a.pod.netnsPath, 'fd00:42::205')).toBe(true);
    expect(lab.pings(a.netns.path, 'fd00:42::205')).toBe(true);
    const sources = new Set(wire.read().map(({ source }) => source));
    expect(sources).toContain('fd00:42::105');
    expect(sources).toContain('2001:db8::1');
  });

  test('called again writes nothing', () => {
    fabric.connectAll('VXLANCrossSubnet');
    expect(fabric.connect(a, 'VXLANCrossSubnet')).toEqual([]);
  });
});

describe('to a node of another subnet', () => {
  const elsewhere = { ...b, peer: { ...b.peer, addresses: ['198.51.100.2', '2001:db8:9::2'] } };

  test('VXLANCrossSubnet wraps, and None leaves the way to the network between', () => {
    fabric.connectAll('VXLANCrossSubnet');
    const routes = (encapsulation: Encapsulation) => {
      const [, , c] = fabric.nodes;
      fabric.connect(a, encapsulation, [elsewhere, c]);
      const shown = ['-4', '-6'].map((family) => lab.ip(a.netns.path, family, 'route', 'show', 'proto', '87'));
      return shown
        .join('')
        .split('\n')
        .filter((line) => line.includes(' via '));
    };
    expect(routes('VXLANCrossSubnet')).toEqual([
      expect.stringMatching(/^10\.42\.2\.0\/26 via 10\.42\.2\.0 dev vxlan\.weft /),
      expect.stringMatching(/^10\.42\.3\.0\/26 via 192\.0\.2\.3 dev eth0 /),
      expect.stringMatching(/^fd00:42::200\/122 via fd00:42::200 dev vxlan\.weft /),
      expect.stringMatching(/^fd00:42::300\/122 via 2001:db8::3 dev eth0 /),
    ]);
    expect(routes('None')).toEqual([
      expect.stringMatching(/^10\.42\.3\.0\/26 via 192\.0\.2\.3 dev eth0 /),
      expect.stringMatching(/^fd00:42::300\/122 via 2001:db8::3 dev eth0 /),
    ]);
  });
});

describe('a route of somebody else', () => {
  test('to the whole pool by another interface keeps no tunnel from being made', () => {
    for (const route of ['10.42.0.0/16 via 192.0.2.254', 'fd00:42::/56 via 2001:db8::fe'])
      lab.ip(a.netns.path, 'route', 'add', ...route.split(' '));
    fabric.connectAll('VXLAN');
    for (const address of B_ADDRESSES) expect(lab.pings(a.pod.netnsPath, address)).toBe(true);
    for (const route of ['10.42.0.0/16', 'fd00:42::/56']) lab.ip(a.netns.path, 'route', 'del', route);
  });
});

describe("a pool's encapsulation that changes", () => {
  test('loses no connection, while nodes change their ways one after the other', async () => {
    if (here === undefined) throw new Error('no traffic');
    fabric.connectAll('VXLAN');
    const open: unknown[] = [];
    for (const address of B_ADDRESSES) open.push(await here.dial(address, PORT));
    const seen: string[][] = [];
    for (const encapsulation of ['None', 'VXLAN', 'VXLANCrossSubnet', 'VXLAN'] as const) {
      for (const node of [a, b]) {
        fabric.connect(node, encapsulation);
        ways();
        for (const connection of open) expect(await here.talk(connection)).toMatch(/^you are .*5;$/);
        seen.push(ways());
      }
    }
    const [both, direct, wrapped] = [['wrapped', 'as they are'], ['as they are'], ['wrapped']];
    expect(seen).toEqual([both, direct, both, wrapped, both, direct, both, wrapped]);
  });

  test('holds while a large packet is on its way: no way takes less than the pods send', () => {
    fabric.connectAll('VXLAN');
    for (const encapsulation of ['None', 'VXLAN'] as const) {
      fabric.connect(a, encapsulation);
      expect(lab.pings(a.pod.netnsPath, 'fd00:42::205', '-M', 'do', '-s', String(UNDERLAY_MTU - 50 - 48))).toBe(true);
    }
  });
});
