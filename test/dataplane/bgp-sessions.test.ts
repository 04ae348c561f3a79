import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, describe, expect, jest, test } from '@jest/globals';
import type { BgpSpeaker } from '../../src/agent/bgp/speaker.ts';
import { BgpLab, bgpOf, eventually, type Member, sessionsTo } from './bgp-lab.ts';

jest.setTimeout(60_000);

let lab = new BgpLab();
afterEach(async () => {
  await lab.close();
  lab = new BgpLab();
});
afterAll(() => lab.close());

async function states(speaker: BgpSpeaker): Promise<readonly string[]> {
  await speaker.check();
  return speaker.report()?.sessions.map(({ state }) => state) ?? [];
}

function established(speaker: BgpSpeaker): Promise<true> {
  return eventually('all sessions are established', async () => {
    return (await states(speaker)).every((state) => state === 'Established');
  });
}

function router(member: Member, peer: Member, { asNumber, password }: { asNumber: number; password?: string }): string {
  const secret = password === undefined ? '' : `password "${password}";`;
  const own = `as ${asNumber}`;
  const of = (name: string, near: string, far: string, family: number) =>
    `protocol bgp ${name} { local ${near} ${own}; neighbor ${far} as 64512; ${secret} ipv${family} { import all; export none; }; }\n`;
  return (
    of('four', `192.0.2.${member.number}`, `192.0.2.${peer.number}`, 4) +
    of('six', `2001:db8::${member.number}`, `2001:db8::${peer.number}`, 6)
  );
}

describe('a session with a password', () => {
  test('comes up with the right one only, and comes down when it becomes wrong', async () => {
    const [node, far] = [lab.add(), lab.add()];
    await lab.bird(far, router(far, node, { asNumber: 65_001, password: 'open sesame' }));
    const speaker = lab.speaker(node);
    const withPassword = (password: string) => bgpOf(node, sessionsTo(node, far, 65_001, { password }));
    await speaker.apply(withPassword('open sesame'));
    await established(speaker);
    await speaker.apply(withPassword('open barley'));
    await eventually('no session is established', async () => !(await states(speaker)).includes('Established'));
    // Longer than BIRD waits between two tries.
    const seen = new Set<string>();
    for (const endMs = performance.now() + 7_000; performance.now() < endMs; ) {
      for (const state of await states(speaker)) seen.add(state);
    }
    expect([...seen]).not.toContain('Established');
    await speaker.apply(withPassword('open sesame'));
    await established(speaker);
  });

  test('has it in a file that only root reads, and not on a command line', async () => {
    const [node, far] = [lab.add(), lab.add()];
    const speaker = lab.speaker(node);
    await speaker.apply(bgpOf(node, sessionsTo(node, far, 65_001, { password: 'open sesame' })));
    const folder = path.join(node.folder, 'weft');
    expect(statSync(path.join(folder, 'bird.conf')).mode & 0o777).toBe(0o600);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    const pid = readFileSync(path.join(folder, 'bird.pid'), 'utf8').trim();
    expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).not.toContain('sesame');
    await speaker.check();
    expect(JSON.stringify(speaker.report())).not.toContain('sesame');
  });
});

test('a node that reflects passes on what nodes announce, with their own addresses as the way', async () => {
  const [middle, one, other] = [lab.add(), lab.add(), lab.add()];
  const [reflector, first, second] = [lab.speaker(middle), lab.speaker(one), lab.speaker(other)];
  const clients = [one, other].flatMap((client) => sessionsTo(middle, client, 64_512, { isClient: true }));
  await reflector.apply(bgpOf(middle, clients, { clusterId: '10.0.0.1' }));
  await first.apply(bgpOf(one, sessionsTo(one, middle, 64_512)));
  await second.apply(bgpOf(other, sessionsTo(other, middle, 64_512)));
  await Promise.all([reflector, first, second].map(established));
  await eventually('the first has the way to the other block', () =>
    lab.routes(one, 4).includes('10.42.3.0/26 via 192.0.2.3 dev eth0'),
  );
  await eventually('and of IPv6', () => lab.routes(one, 6).includes('fd00:42::300/122 via 2001:db8::3 dev eth0'));
  await second.apply(bgpOf(other, sessionsTo(other, middle, 64_512), { announced: [] }));
  await eventually('it is withdrawn', () => !lab.routes(one, 4).includes('10.42.3.0/26'));
  await eventually('and of IPv6', () => !lab.routes(one, 6).includes('fd00:42::300/122'));
});

test('nodes have each other by a reflector outside, and no session with each other', async () => {
  const [outside, one, other] = [lab.add(), lab.add(), lab.add()];
  const sessions = [one, other].flatMap(({ number }) => [
    `protocol bgp four${number} { local 192.0.2.1 as 64512; neighbor 192.0.2.${number} as 64512; rr client;
       ipv4 { import all; export where source = RTS_BGP; }; }`,
    `protocol bgp six${number} { local 2001:db8::1 as 64512; neighbor 2001:db8::${number} as 64512; rr client;
       ipv6 { import all; export where source = RTS_BGP; }; }`,
  ]);
  await lab.bird(outside, sessions.join('\n'));
  const [first, second] = [lab.speaker(one), lab.speaker(other)];
  await first.apply(bgpOf(one, sessionsTo(one, outside, 64_512)));
  await second.apply(bgpOf(other, sessionsTo(other, outside, 64_512)));
  await Promise.all([first, second].map(established));
  await eventually('the first has the way to the other block', () =>
    lab.routes(one, 4).includes('10.42.3.0/26 via 192.0.2.3 dev eth0'),
  );
  await eventually('and back', () => lab.routes(other, 6).includes('fd00:42::200/122 via 2001:db8::2 dev eth0'));
});

test('a node that does not reflect passes nothing on', async () => {
  const [node, far, outside] = [lab.add(), lab.add(), lab.add()];
  const [speaker, peer] = [lab.speaker(node), lab.speaker(far)];
  await lab.bird(outside, router(outside, node, { asNumber: 65_001 }));
  await speaker.apply(bgpOf(node, [...sessionsTo(node, far, 64_512), ...sessionsTo(node, outside, 65_001)]));
  await peer.apply(bgpOf(far, sessionsTo(far, node, 64_512)));
  await Promise.all([speaker, peer].map(established));
  await eventually('the node has learned from the other', () => lab.routes(node, 4).includes('10.42.2.0/26'));
  const routes = await eventually('the router has learned from the node', async () => {
    const text = await lab.askRouter(outside, 'show route');
    return text.includes('10.42.1.0/26') && text.includes('fd00:42::100/122') && text;
  });
  expect(routes).not.toContain('10.42.2.0/26');
});

test('nodes of two subnets reach each other by the router between, which has learned their blocks from both', async () => {
  const [near, middle, far] = [lab.add(), lab.add(), lab.add()];
  // The far node is in another subnet, which the router is in too.
  for (const [member, four, six] of [
    [far, '198.51.100.3/24', '2001:db8:9::3/64'],
    [middle, '198.51.100.2/24', '2001:db8:9::2/64'],
  ] as const) {
    if (member === far) lab.lab.ip(member.netns.path, 'address', 'flush', 'dev', 'eth0', 'scope', 'global');
    lab.lab.ip(member.netns.path, 'address', 'add', four, 'dev', 'eth0');
    lab.lab.ip(member.netns.path, 'address', 'add', six, 'dev', 'eth0', 'nodad');
  }
  for (const [member, four, six] of [
    [near, '192.0.2.2', '2001:db8::2'],
    [far, '198.51.100.2', '2001:db8:9::2'],
  ] as const) {
    lab.lab.ip(member.netns.path, 'route', 'add', 'default', 'via', four);
    lab.lab.ip(member.netns.path, 'route', 'add', 'default', 'via', six);
  }
  lab.forward(middle);
  const to = (near: string, far: string) => {
    return { peer: 'mesh', address: far, port: 179, asNumber: 64_512, localAddress: near, hops: 255, isClient: false };
  };
  const [one, other] = [lab.speaker(near), lab.speaker(far)];
  await one.apply(bgpOf(near, [to('192.0.2.1', '198.51.100.3'), to('2001:db8::1', '2001:db8:9::3')]));
  await other.apply(bgpOf(far, [to('198.51.100.3', '192.0.2.1'), to('2001:db8:9::3', '2001:db8::1')]));
  await Promise.all([one, other].map(established));
  await eventually('the way goes by the router', () => {
    return lab.routes(near, 4).includes('10.42.3.0/26 via 192.0.2.2 dev eth0');
  });
  await eventually('and of IPv6', () => lab.routes(near, 6).includes('fd00:42::300/122 via 2001:db8::2 dev eth0'));
});

test('without graceful restart the routes of a node go with its BIRD', async () => {
  const [node, far] = [lab.add(), lab.add()];
  const [speaker, peer] = [lab.speaker(node), lab.speaker(far)];
  await speaker.apply(bgpOf(node, sessionsTo(node, far, 64_512), { gracefulRestartSeconds: 0 }));
  await peer.apply(bgpOf(far, sessionsTo(far, node, 64_512)));
  await Promise.all([speaker, peer].map(established));
  await eventually('the peer has the route', () => lab.routes(far, 4).includes('10.42.1.0/26'));
  speaker.leave();
  process.kill(Number(readFileSync(path.join(node.folder, 'weft/bird.pid'), 'utf8')), 'SIGKILL');
  await eventually('the peer has it no more', () => !lab.routes(far, 4).includes('10.42.1.0/26'));
});

test('a port that is not 179 is what the node listens at, and dials', async () => {
  const [node, far] = [lab.add(), lab.add()];
  const [speaker, peer] = [lab.speaker(node), lab.speaker(far)];
  const own = { listenPort: 1790 };
  await speaker.apply(bgpOf(node, sessionsTo(node, far, 64_512, { port: 1790 }), own));
  await peer.apply(bgpOf(far, sessionsTo(far, node, 64_512, { port: 1790 }), own));
  await Promise.all([speaker, peer].map(established));
  expect(lab.listeners(node)).toEqual(['192.0.2.1:1790', '[2001:db8::1]:1790']);
});

test('what is not there to be run is said by name', async () => {
  const node = lab.add();
  const speaker = lab.speaker(node, '/nowhere/bird');
  await expect(speaker.apply(bgpOf(node, []))).rejects.toThrow('/nowhere/bird');
});
