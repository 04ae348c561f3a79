import { constants } from 'node:os';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { NetlinkError } from '../../src/agent/dataplane/netlink/error.ts';
import type { NetlinkRequest } from '../../src/agent/dataplane/netlink/socket.ts';
import { Netns } from '../../src/agent/dataplane/netns.ts';
import type { PodLink } from '../../src/agent/dataplane/pod-addressing.ts';
import { listPodInterfaces } from '../../src/agent/dataplane/pod-interfaces.ts';
import { unwirePod, wirePod } from '../../src/agent/dataplane/pod-link.ts';
import { checkPod } from '../../src/agent/dataplane/pod-link-check.ts';
import { applySysctls, FORWARDING } from '../../src/agent/dataplane/sysctl.ts';
import { NetnsLab } from './netns-lab.ts';

const lab = new NetnsLab();
let node: Netns;
let first: PodLink;
let second: PodLink;

beforeAll(() => {
  node = lab.addNode('node');
  const pod = (name: string, ...addresses: string[]): PodLink => ({
    netnsPath: lab.add(name),
    ifname: 'eth0',
    hostInterface: `weft0000000000${name}`,
    addresses,
    mtu: 1350,
  });
  first = pod('1', '10.42.0.5');
  second = pod('2', '10.42.0.6');
  // The address that the node itself uses towards its pods.
  lab.ip(node.path, 'address', 'add', '192.0.2.1/32', 'dev', 'lo');
  applySysctls(node, FORWARDING);
});
afterEach(async () => {
  await unwirePod(node, first);
  await unwirePod(node, second);
});
afterAll(() => lab.close());

describe('a wired pod', () => {
  test('is reached by the node and reaches it, from the first packet on', () => {
    wirePod(node, first);
    expect(lab.pings(first.netnsPath, '192.0.2.1')).toBe(true);
    expect(lab.pings(node.path, '10.42.0.5')).toBe(true);
  });

  test('is reached by the other pod of the node, with packets of the whole MTU and no larger', () => {
    wirePod(node, first);
    wirePod(node, second);
    expect(lab.pings(first.netnsPath, '10.42.0.6')).toBe(true);
    expect(lab.pings(second.netnsPath, '10.42.0.5', '-M', 'do', '-s', String(1350 - 28))).toBe(true);
    expect(lab.pings(second.netnsPath, '10.42.0.5', '-M', 'do', '-s', String(1350 - 27))).toBe(false);
  });

  test('has one /32 address, its gateway without ARP, and no IPv6 of its own', () => {
    wirePod(node, first);
    expect(lab.ip(first.netnsPath, '-o', 'address', 'show', 'dev', 'eth0')).toMatch(
      /^\d+: eth0 +inet 10\.42\.0\.5\/32 .*\n$/,
    );
    expect(lab.ip(first.netnsPath, 'neigh')).toMatch(
      /^169\.254\.1\.1 dev eth0 lladdr 0a:58:a9:fe:01:01 PERMANENT *\n$/,
    );
    expect(lab.ip(node.path, 'neigh')).toMatch(
      /^10\.42\.0\.5 dev weft00000000001 lladdr 0a:58:0a:2a:00:05 PERMANENT *\n$/,
    );
    expect(lab.ip(node.path, '-6', 'address', 'show', 'dev', first.hostInterface)).toBe('');
  });

  test('cannot send with an address that is not its own', () => {
    wirePod(node, first);
    wirePod(node, second);
    lab.ip(first.netnsPath, 'address', 'add', '10.42.0.99/32', 'dev', 'eth0');
    // The answer would come back: only the check of the source stops the request.
    lab.ip(node.path, 'route', 'add', '10.42.0.99/32', 'dev', second.hostInterface);
    lab.ip(second.netnsPath, 'address', 'add', '10.42.0.99/32', 'dev', 'lo');
    expect(lab.pings(first.netnsPath, '192.0.2.1', '-I', '10.42.0.99')).toBe(false);
    lab.ip(first.netnsPath, 'address', 'del', '10.42.0.99/32', 'dev', 'eth0');
    lab.ip(second.netnsPath, 'address', 'del', '10.42.0.99/32', 'dev', 'lo');
  });
});

describe('wirePod', () => {
  test('called again leaves the link as it is', () => {
    wirePod(node, first);
    const before = lab.ip(node.path, '-o', 'link', 'show', first.hostInterface);
    wirePod(node, first);
    expect(lab.ip(node.path, '-o', 'link', 'show', first.hostInterface)).toBe(before);
    expect(checkPod(node, first)).toEqual([]);
  });

  test('called again repairs what somebody changed, without a new link', () => {
    wirePod(node, first);
    const before = listPodInterfaces(node);
    lab.ip(node.path, 'route', 'del', '10.42.0.5/32');
    lab.ip(node.path, 'neigh', 'del', '10.42.0.5', 'dev', first.hostInterface);
    lab.ip(first.netnsPath, 'route', 'del', 'default');
    lab.ip(first.netnsPath, 'link', 'set', 'eth0', 'mtu', '1200');
    lab.ip(first.netnsPath, 'address', 'add', '10.9.9.9/24', 'dev', 'eth0');
    expect(checkPod(node, first)).toEqual([
      'eth0 has MTU 1200 instead of 1350',
      'eth0 has 10.42.0.5/32, 10.9.9.9/24 instead of 10.42.0.5/32',
      'the pod lacks route 0.0.0.0/0 via 169.254.1.1 dev eth0',
      'the node lacks route 10.42.0.5/32 dev weft00000000001',
      'the node lacks arp neighbour 10.42.0.5 at 0a:58:0a:2a:00:05 dev weft00000000001',
    ]);
    wirePod(node, first);
    expect(checkPod(node, first)).toEqual([]);
    expect(listPodInterfaces(node)).toEqual(before);
    expect(lab.ip(first.netnsPath, '-6', 'address', 'show', 'dev', 'eth0')).toBe('');
  });

  test('replaces a host end that leads into another namespace', () => {
    wirePod(node, { ...second, hostInterface: first.hostInterface });
    wirePod(node, first);
    expect(checkPod(node, first)).toEqual([]);
    expect(lab.ip(second.netnsPath, '-o', 'link', 'show')).not.toContain('eth0');
  });

  test('names the path of a namespace that is not there, and leaves nothing behind', () => {
    const wire = () => wirePod(node, { ...first, netnsPath: '/run/netns/weft-t-none' });
    expect(wire).toThrow("cannot enter network namespace '/run/netns/weft-t-none': there is nothing at this path");
    expect(listPodInterfaces(node)).toEqual([]);
  });

  test('names an interface of somebody else that has the name already', () => {
    lab.ip(second.netnsPath, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth1');
    expect(() => wirePod(node, second)).toThrow(/has an interface 'eth0' that is not Weft's/);
    expect(listPodInterfaces(node)).toEqual([]);
    lab.ip(second.netnsPath, 'link', 'del', 'eth0');
  });

  test('undoes what it did when it fails half-way', () => {
    wirePod(node, first);
    // A node whose kernel has no memory for the very last step.
    using poor = Netns.open(node.path);
    const { rtnetlink } = poor;
    const requestAll = rtnetlink.requestAll.bind(rtnetlink);
    rtnetlink.requestAll = (wanted: readonly NetlinkRequest[]) => {
      const last = wanted.find(({ what }) => what.startsWith('write route 10.42.0.6/32'));
      if (last !== undefined) throw new NetlinkError(last.what, constants.errno.ENOMEM);
      requestAll(wanted);
    };
    expect(() => wirePod(poor, second)).toThrow(/cannot write route 10\.42\.0\.6.*ENOMEM/);
    expect(listPodInterfaces(node).map(({ name }) => name)).toEqual([first.hostInterface]);
    expect(lab.ip(second.netnsPath, '-o', 'link', 'show')).not.toContain('eth0');
  });
});

describe('unwirePod', () => {
  test('removes the link and everything on it, and has nothing against being called again', async () => {
    wirePod(node, first);
    await unwirePod(node, first);
    await unwirePod(node, first);
    expect(listPodInterfaces(node)).toEqual([]);
    expect(lab.ip(node.path, 'route')).toBe('');
    expect(lab.ip(first.netnsPath, '-o', 'link', 'show')).not.toContain('eth0');
  });

  test("of an old sandbox leaves the new sandbox's link alone, though both have the address", async () => {
    wirePod(node, first);
    wirePod(node, { ...second, addresses: first.addresses });
    await unwirePod(node, first);
    expect(checkPod(node, { ...second, addresses: first.addresses })).toEqual([]);
    expect(lab.pings(node.path, '10.42.0.5')).toBe(true);
  });

  test('may run many times side by side', async () => {
    wirePod(node, first);
    wirePod(node, second);
    await Promise.all([unwirePod(node, first), unwirePod(node, second), unwirePod(node, first)]);
    expect(listPodInterfaces(node)).toEqual([]);
  });
});

describe('what is there', () => {
  test('is listed with the address that the node routes to it', () => {
    wirePod(node, second);
    wirePod(node, first);
    lab.ip(node.path, 'link', 'add', 'other0', 'type', 'veth', 'peer', 'name', 'other1');
    expect(listPodInterfaces(node)).toEqual([
      { name: first.hostInterface, index: expect.any(Number), mtu: 1350, addresses: ['10.42.0.5'] },
      { name: second.hostInterface, index: expect.any(Number), mtu: 1350, addresses: ['10.42.0.6'] },
    ]);
    lab.ip(node.path, 'link', 'del', 'other0');
  });

  test('is a fault, not an exception, when the namespace is gone', () => {
    expect(checkPod(node, { ...first, netnsPath: '/run/netns/weft-t-none' })).toEqual([
      "cannot enter network namespace '/run/netns/weft-t-none': there is nothing at this path",
    ]);
    expect(checkPod(node, first)).toEqual(["the pod's eth0 and the node's weft00000000001 are not a pair"]);
  });
});
