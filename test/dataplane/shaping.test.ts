import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Netns } from '../../src/agent/dataplane/netns.ts';
import { findLink } from '../../src/agent/dataplane/netlink/link.ts';
import { findRateLimit } from '../../src/agent/dataplane/netlink/qdisc.ts';
import type { PodLink } from '../../src/agent/dataplane/pod-addressing.ts';
import { checkPod } from '../../src/agent/dataplane/pod-link-check.ts';
import { wirePod } from '../../src/agent/dataplane/pod-link.ts';
import { applySysctls, FORWARDING } from '../../src/agent/dataplane/sysctl.ts';
import { NetnsLab } from './netns-lab.ts';
import { Traffic } from './traffic.ts';

/** 1 kB a second: next to nothing passes but what is in the bucket. */
const SLOW = 8_000;
const DATAGRAMS = 300;
/** The bucket holds 64 KiB; what waits for its turn comes at one a second. */
const MOST = 80;
const lab = new NetnsLab();
let host: Netns;
let traffic: Traffic[];
let pods: PodLink[];

beforeAll(async () => {
  host = lab.addNode('host');
  applySysctls(host, FORWARDING);
  const podOf = (name: string, octet: number, limits: object): PodLink => ({
    ...{ netnsPath: lab.add(name), ifname: 'eth0', hostInterface: `weft0000000000${name}` },
    ...{ addresses: [`10.42.0.${octet}`], mtu: 1450, ...limits },
  });
  pods = [
    podOf('a', 2, {}),
    podOf('b', 3, { ingressBitsPerSecond: SLOW }),
    podOf('c', 4, { egressBitsPerSecond: SLOW }),
  ];
  for (const pod of pods) wirePod(host, pod);
  traffic = await Promise.all(pods.map(({ netnsPath }) => Traffic.start(netnsPath)));
});

afterAll(async () => {
  for (const one of traffic) await one.stop();
  lab.close();
});

/** How many of a burst of 1 kB datagrams arrive, once no more come. */
async function arrived(from: number, to: number, port: number): Promise<number> {
  const [sender, receiver, target] = [traffic[from], traffic[to], pods[to]];
  if (sender === undefined || receiver === undefined || target === undefined) throw new Error('no such pod');
  await receiver.listenUdp(port);
  const text = 'x'.repeat(1_000);
  for (let sent = 0; sent < DATAGRAMS; sent += 1) await sender.sendUdp(target.addresses[0] ?? '', port, text);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const heard = await receiver.heardUdp(port);
  return Array.isArray(heard) ? heard.length : 0;
}

test('what a pod gets is held back to its limit, and what it sends is not', async () => {
  expect(await arrived(0, 1, 5001)).toBeLessThan(MOST);
  expect(await arrived(1, 0, 5002)).toBe(DATAGRAMS);
});

test('what a pod sends is held back to its limit, and what it gets is not', async () => {
  expect(await arrived(2, 0, 5003)).toBeLessThan(MOST);
  expect(await arrived(0, 2, 5004)).toBe(DATAGRAMS);
});

test('CHECK names a limit that somebody took away; wiring again puts it back, and takes one off that is no more', () => {
  const [, limited] = pods;
  if (limited === undefined) throw new Error('no such pod');
  expect(checkPod(host, limited)).toEqual([]);
  const link = findLink(host.rtnetlink, limited.hostInterface);
  const { ingressBitsPerSecond: _, ...free } = limited;
  expect(checkPod(host, free)).toEqual([`${limited.hostInterface} has 1000 bytes a second instead of no limit`]);
  wirePod(host, free);
  expect(findRateLimit(host.rtnetlink, link?.index ?? 0)).toBeUndefined();
  expect(checkPod(host, limited)).toEqual([`${limited.hostInterface} has no limit instead of 1000 bytes a second`]);
  wirePod(host, limited);
  expect(checkPod(host, limited)).toEqual([]);
});

test('a limit above 4 GB a second is kept whole', () => {
  const fast: PodLink = {
    ...{ netnsPath: lab.add('d'), ifname: 'eth0', hostInterface: 'weft0000000000d', addresses: ['10.42.0.5'] },
    ...{ mtu: 1450, egressBitsPerSecond: 100e9 },
  };
  wirePod(host, fast);
  expect(checkPod(host, fast)).toEqual([]);
  using inside = Netns.open(fast.netnsPath);
  expect(findRateLimit(inside.rtnetlink, findLink(inside.rtnetlink, 'eth0')?.index ?? 0)).toBe(12.5e9);
});
