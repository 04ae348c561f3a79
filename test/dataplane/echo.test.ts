import { afterAll, beforeAll, expect, test } from '@jest/globals';
import path from 'node:path';
import { isEchoed } from '../../src/agent/dataplane/echo.ts';
import type { Netns } from '../../src/agent/dataplane/netns.ts';
import { applySysctls } from '../../src/agent/dataplane/sysctl.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { NetnsLab } from './netns-lab.ts';

const lab = new NetnsLab();
let here: Netns;
let there: Netns;

beforeAll(() => {
  [here, there] = [lab.addNode('here'), lab.addNode('there')];
  const peer = ['peer', 'name', 'eth0', 'netns', path.basename(there.path)];
  lab.ip(here.path, 'link', 'add', 'eth0', 'type', 'veth', ...peer);
  for (const [node, host] of [
    [here, 1],
    [there, 2],
  ] as const) {
    lab.ip(node.path, 'address', 'add', `192.0.2.${host}/24`, 'dev', 'eth0');
    lab.ip(node.path, 'address', 'add', `2001:db8::${host}/64`, 'dev', 'eth0', 'nodad');
    applySysctls(node, { 'ipv6/conf/eth0/accept_dad': '0' });
    lab.ip(node.path, 'link', 'set', 'eth0', 'up');
  }
});

// Neighbours find each other with the first packet, which may be lost.
beforeAll(() => Promise.all([ask(4, 2, 600), ask(6, 2, 600)]));
afterAll(() => lab.close());

function ask(family: 4 | 6, host: number, packetBytes: number): Promise<boolean> {
  const [source, destination] = family === 4 ? ['192.0.2.1', `192.0.2.${host}`] : ['2001:db8::1', `2001:db8::${host}`];
  return isEchoed(here, { source, destination, packetBytes, timeoutMs: 500 }, systemClock);
}

test.each([4, 6] as const)('IPv%d: an echo comes back from who is there, and from nobody else', async (family) => {
  expect(await ask(family, 2, 1500)).toBe(true);
  expect(await ask(family, 3, 1500)).toBe(false);
});

test.each([4, 6] as const)('IPv%d: a packet larger than the link is not sent in pieces', async (family) => {
  expect(await ask(family, 2, 1501)).toBe(false);
});

test.each([4, 6] as const)(
  'IPv%d: a packet that the far end does not take is lost, a smaller one is not',
  async (family) => {
    lab.ip(there.path, 'link', 'set', 'eth0', 'mtu', '1400');
    expect(await ask(family, 2, 1450)).toBe(false);
    expect(await ask(family, 2, 1400)).toBe(true);
    lab.ip(there.path, 'link', 'set', 'eth0', 'mtu', '1500');
  },
);

test("many at a time do not take each other's answers", async () => {
  const asked = Array.from({ length: 40 }, (_, index) => ask(4, index % 2 === 0 ? 2 : 9, 600));
  expect(await Promise.all(asked)).toEqual(asked.map((_, index) => index % 2 === 0));
});

test("a source that is not the namespace's own is refused by name", async () => {
  const request = { source: '192.0.2.77', destination: '192.0.2.2', packetBytes: 600, timeoutMs: 500 };
  await expect(isEchoed(here, request, systemClock)).rejects.toThrow('192.0.2.77');
});
