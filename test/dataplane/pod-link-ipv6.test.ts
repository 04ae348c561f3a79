import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Netns } from '../../src/agent/dataplane/netns.ts';
import type { PodLink } from '../../src/agent/dataplane/pod-addressing.ts';
import { listPodInterfaces } from '../../src/agent/dataplane/pod-interfaces.ts';
import { checkPod } from '../../src/agent/dataplane/pod-link-check.ts';
import { unwirePod, wirePod } from '../../src/agent/dataplane/pod-link.ts';
import { applyIpv6Forwarding, applySysctls, FORWARDING } from '../../src/agent/dataplane/sysctl.ts';
import { NetnsLab } from './netns-lab.ts';
import { ICMP6, PacketSocket, routerAdvertisement } from './packet-socket.ts';

const lab = new NetnsLab();
let node: Netns;
let both: PodLink;
let six: PodLink;

beforeAll(() => {
  node = lab.addNode('node');
  const pod = (name: string, ...addresses: string[]): PodLink => ({
    netnsPath: lab.add(name),
    ifname: 'eth0',
    hostInterface: `weft0000000000${name}`,
    addresses,
    mtu: 1350,
  });
  both = pod('1', '10.42.0.5', 'fd00:42::5');
  six = pod('2', 'fd00:42::6');
  for (const address of ['192.0.2.1/32', '2001:db8::1/128']) lab.ip(node.path, 'address', 'add', address, 'dev', 'lo');
  applySysctls(node, FORWARDING);
  applyIpv6Forwarding(node, []);
});
afterEach(async () => {
  await unwirePod(node, both);
  await unwirePod(node, six);
});
afterAll(() => lab.close());

describe('a pod of both families', () => {
  test('is reached by the node and reaches it over IPv6, from the first packet on', () => {
    wirePod(node, both);
    expect(lab.pings(both.netnsPath, '2001:db8::1')).toBe(true);
    expect(lab.pings(node.path, 'fd00:42::5')).toBe(true);
    expect(lab.pings(node.path, '10.42.0.5')).toBe(true);
  });

  test('may use its address at once: it is neither tentative nor looked for twice', () => {
    wirePod(node, both);
    const shown = lab.ip(both.netnsPath, '-6', '-o', 'address', 'show', 'dev', 'eth0');
    expect(shown).toMatch(/^\d+: eth0 +inet6 fd00:42::5\/128 scope global nodad .*\n$/);
    expect(shown).not.toContain('tentative');
  });

  test('solicits no router and no neighbour, nor does its node', () => {
    wirePod(node, six);
    const sockets = [new PacketSocket(both.netnsPath), new PacketSocket(node.path)];
    wirePod(node, both);
    expect(lab.pings(both.netnsPath, 'fd00:42::6')).toBe(true);
    expect(lab.pings(node.path, 'fd00:42::5')).toBe(true);
    for (const socket of sockets) {
      const types = socket.read().map(({ icmpType }) => icmpType);
      expect(types).toContain(ICMP6.echoReply);
      expect(types).not.toContain(ICMP6.routerSolicitation);
      expect(types).not.toContain(ICMP6.neighbourSolicitation);
      socket.close();
    }
  });

  test('has its gateways without asking for them, and so has the node its pod', () => {
    wirePod(node, both);
    expect(lab.ip(both.netnsPath, '-6', 'neigh')).toMatch(/^fe80::1 dev eth0 lladdr 0a:58:a9:fe:01:01 PERMANENT *\n$/);
    expect(lab.ip(node.path, '-6', 'neigh')).toMatch(
      /^fd00:42::5 dev weft00000000001 lladdr 0a:58:0a:2a:00:05 PERMANENT *\n$/,
    );
    expect(lab.ip(node.path, '-6', 'address', 'show', 'dev', both.hostInterface)).toBe('');
  });

  test('is listed with both of its addresses, IPv4 first', () => {
    wirePod(node, both);
    wirePod(node, six);
    expect(listPodInterfaces(node).map(({ addresses }) => addresses)).toEqual([
      ['10.42.0.5', 'fd00:42::5'],
      ['fd00:42::6'],
    ]);
  });

  test('loses the family that it has no more, and gets the one that is new, on the living link', () => {
    wirePod(node, both);
    const before = listPodInterfaces(node).map(({ index }) => index);
    const four = { ...both, addresses: ['10.42.0.5'] };
    wirePod(node, four);
    expect(checkPod(node, four)).toEqual([]);
    wirePod(node, both);
    expect(checkPod(node, both)).toEqual([]);
    expect(lab.pings(node.path, 'fd00:42::5')).toBe(true);
    expect(listPodInterfaces(node).map(({ index }) => index)).toEqual(before);
  });

  test('of an old sandbox leaves the new one its address', async () => {
    wirePod(node, both);
    const next = { ...six, addresses: both.addresses };
    wirePod(node, next);
    expect(lab.pings(node.path, 'fd00:42::5')).toBe(true);
    await unwirePod(node, both);
    expect(checkPod(node, next)).toEqual([]);
    expect(lab.pings(node.path, 'fd00:42::5')).toBe(true);
  });
});

describe('a pod of IPv6 alone', () => {
  test('and one of both reach each other, with packets of the whole MTU and no larger', () => {
    wirePod(node, both);
    wirePod(node, six);
    expect(lab.pings(six.netnsPath, 'fd00:42::5')).toBe(true);
    expect(lab.pings(both.netnsPath, 'fd00:42::6', '-M', 'do', '-s', String(1350 - 48))).toBe(true);
    expect(lab.pings(both.netnsPath, 'fd00:42::6', '-M', 'do', '-s', String(1350 - 47))).toBe(false);
  });
});

describe('what somebody changed', () => {
  test('of the IPv6 part is found and repaired without a new link', () => {
    wirePod(node, both);
    const before = listPodInterfaces(node);
    lab.ip(node.path, '-6', 'route', 'del', 'fd00:42::5/128');
    lab.ip(node.path, '-6', 'neigh', 'del', 'fd00:42::5', 'dev', both.hostInterface);
    lab.ip(both.netnsPath, '-6', 'route', 'del', 'default');
    lab.ip(both.netnsPath, '-6', 'neigh', 'del', 'fe80::1', 'dev', 'eth0');
    lab.ip(both.netnsPath, 'address', 'add', 'fd00:9::9/64', 'dev', 'eth0');
    expect(checkPod(node, both)).toEqual([
      'eth0 has 10.42.0.5/32, fd00:42::5/128, fd00:9::9/64 instead of 10.42.0.5/32, fd00:42::5/128',
      'the pod lacks route ::/0 via fe80::1 dev eth0',
      'the node lacks route fd00:42::5/128 dev weft00000000001',
      'the pod lacks arp neighbour fe80::1 at 0a:58:a9:fe:01:01 dev eth0',
      'the node lacks arp neighbour fd00:42::5 at 0a:58:0a:2a:00:05 dev weft00000000001',
    ]);
    wirePod(node, both);
    expect(checkPod(node, both)).toEqual([]);
    expect(listPodInterfaces(node)).toEqual(before);
  });

  test.each([
    ['an MTU below that of IPv6', ['link', 'set', 'eth0', 'mtu', '1200']],
    ['the link taken down, which takes addresses of IPv6 with it', ['link', 'set', 'eth0', 'down']],
  ])('is repaired: %s', (_, harm) => {
    wirePod(node, both);
    lab.ip(both.netnsPath, ...harm);
    expect(checkPod(node, both)).not.toEqual([]);
    wirePod(node, both);
    expect(checkPod(node, both)).toEqual([]);
    expect(lab.pings(node.path, 'fd00:42::5')).toBe(true);
    expect(lab.ip(both.netnsPath, '-6', '-o', 'address', 'show', 'to', 'fd00:42::5')).not.toContain('tentative');
  });
});

describe('applyIpv6Forwarding', () => {
  test('lets an interface that believed routers go on believing them, and no other', () => {
    const router = lab.addNode('router');
    const cables = ['up0', 'up1'];
    for (const name of cables) lab.ip(router.path, 'link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}p`);
    applySysctls(router, { 'ipv6/conf/up0/accept_ra': '1', 'ipv6/conf/up1/accept_ra': '0' });
    expect(applyIpv6Forwarding(router, cables)).toEqual([
      'set ipv6/conf/up0/accept_ra to 2',
      'set ipv6/conf/all/forwarding to 1',
    ]);
    expect(applyIpv6Forwarding(router, cables)).toEqual([]);
    // An administrator's word of later: it is not taken back.
    applySysctls(router, { 'ipv6/conf/up0/accept_ra': '1' });
    expect(applyIpv6Forwarding(router, cables)).toEqual([]);
  });

  test('keeps the route that a router advertised', async () => {
    const [host, router] = [lab.addNode('believer'), lab.addNode('advertiser')];
    const far = router.path.slice('/run/netns/'.length);
    lab.ip(host.path, 'link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'down0', 'netns', far);
    applySysctls(host, { 'ipv6/conf/up0/accept_dad': '0', 'ipv6/conf/up0/accept_ra': '1' });
    applySysctls(router, { 'ipv6/conf/down0/accept_dad': '0' });
    lab.ip(router.path, 'link', 'set', 'down0', 'up');
    lab.ip(host.path, 'link', 'set', 'up0', 'up');
    const isTold = () => lab.ip(host.path, '-6', 'route', 'show', 'default').includes('proto ra');
    const advertiser = new PacketSocket(router.path, 'down0');
    await until(() => {
      advertiser.send(routerAdvertisement());
      return isTold();
    });
    applyIpv6Forwarding(host, ['up0']);
    expect(isTold()).toBe(true);
    lab.ip(host.path, '-6', 'route', 'flush', 'default');
    await until(() => {
      advertiser.send(routerAdvertisement());
      return isTold();
    });
    advertiser.close();
  });
});

async function until(isSo: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('gave up waiting');
}
