import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { BgpSpeaker } from '../../src/agent/bgp/speaker.ts';
import type { BgpIr } from '../../src/model/node/ir.ts';
import { BgpLab, bgpOf, eventually, sessionsTo } from './bgp-lab.ts';

jest.setTimeout(60_000);

const lab = new BgpLab();
const [node, bird, frr] = [lab.add(), lab.add(), lab.add()];
const BLOCKS = ['10.42.1.0/26', 'fd00:42::100/122'] as const;
const MORE = ['10.42.7.0/26', 'fd00:42::700/122'] as const;
const SESSIONS = [...sessionsTo(node, bird, 64_512), ...sessionsTo(node, frr, 65_001)];
const plain = bgpOf(node, SESSIONS);
let speaker: BgpSpeaker;

/** Announces ranges of its own, and what nobody may take from it: a block of the node, and single addresses of pods. */
const BIRD = `
protocol static own4 { ipv4; route 10.99.0.0/24 blackhole; route 10.42.1.0/26 blackhole; route 10.42.1.64/32 blackhole; }
protocol static own6 { ipv6; route fd00:99::/64 blackhole; route fd00:42::100/122 blackhole; route fd00:42::940/128 blackhole; }
protocol bgp four { local 192.0.2.2 as 64512; neighbor 192.0.2.1 as 64512; ipv4 { import all; export where source = RTS_STATIC; }; }
protocol bgp six { local 2001:db8::2 as 64512; neighbor 2001:db8::1 as 64512; ipv6 { import all; export where source = RTS_STATIC; }; }
`;

const FRR = `
router bgp 65001
 bgp router-id 192.0.2.3
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor 192.0.2.1 remote-as 64512
 neighbor 2001:db8::1 remote-as 64512
 address-family ipv4 unicast
  network 10.98.0.0/24
 exit-address-family
 address-family ipv6 unicast
  network fd00:98::/64
  neighbor 2001:db8::1 activate
 exit-address-family
`;

beforeAll(async () => {
  await lab.bird(bird, BIRD);
  await lab.frr(frr, FRR);
  speaker = lab.speaker(node);
  await speaker.apply(plain);
  await established();
});

afterAll(() => lab.close());

/** When all sessions are up, since when each is. */
function established(): Promise<readonly string[]> {
  return eventually('all sessions are established', async () => {
    await speaker.check();
    const sessions = speaker.report()?.sessions ?? [];
    return sessions.every(({ state }) => state === 'Established') && sessions.map(({ since = '' }) => since);
  });
}

async function ofBird(prefix: string): Promise<string> {
  const text = await lab.askRouter(bird, `show route ${prefix} all`).catch((error: Error) => error.message);
  return text.includes('BGP univ') ? text : '';
}

async function ofFrr(prefix: string): Promise<string> {
  const text = await lab.askFrr(frr, `show bgp ${prefix.includes(':') ? 'ipv6' : 'ipv4'} unicast ${prefix}`);
  return text.includes('not in table') ? '' : text;
}

async function learned(prefixes: readonly string[]): Promise<boolean> {
  const answers = await Promise.all(prefixes.flatMap((prefix) => [ofBird(prefix), ofFrr(prefix)]));
  return answers.every((text) => text !== '');
}

async function forgotten(prefixes: readonly string[]): Promise<boolean> {
  const answers = await Promise.all(prefixes.flatMap((prefix) => [ofBird(prefix), ofFrr(prefix)]));
  return answers.every((text) => text === '');
}

function withRoutes(cidrs: readonly string[], communities: readonly string[] = []): BgpIr {
  return { ...plain, announced: cidrs.map((cidr) => ({ cidr, communities })) };
}

function kernelRoutes(): string {
  return lab.routes(node, 4) + lab.routes(node, 6);
}

describe('a node with a BIRD and an FRR beside it', () => {
  test('announces its blocks of both families to both', async () => {
    expect(await eventually('both have learned the blocks', () => learned(BLOCKS))).toBe(true);
    expect(await ofBird(BLOCKS[0])).toContain('via 192.0.2.1 on eth0');
    expect(lab.routes(frr, 4, 'bgp')).toContain('10.42.1.0/26');
    expect(lab.routes(frr, 6, 'bgp')).toContain('fd00:42::100/122');
  });

  test('takes their routes into its main table, behind its own, and neither its own blocks nor pods', async () => {
    const wanted = ['10.98.0.0/24 via 192.0.2.3', '10.99.0.0/24 via 192.0.2.2', 'fd00:98::/64 via', 'fd00:99::/64 via'];
    await eventually('the node has the routes', () => wanted.every((text) => kernelRoutes().includes(text)));
    const lines = kernelRoutes().trim().split('\n');
    expect(lines).toHaveLength(wanted.length);
    expect(lines.filter((line) => !line.includes('metric 2048'))).toEqual([]);
    lab.lab.ip(node.netns.path, 'route', 'add', '10.99.0.0/24', 'via', '192.0.2.200', 'proto', '87');
    expect(lab.lab.ip(node.netns.path, 'route', 'get', '10.99.0.1')).toContain('via 192.0.2.200');
    lab.lab.ip(node.netns.path, 'route', 'del', '10.99.0.0/24', 'via', '192.0.2.200', 'proto', '87');
  });

  test('announces a new block and withdraws one that is gone, and no session notices', async () => {
    const before = await established();
    await speaker.apply(withRoutes([...BLOCKS, ...MORE]));
    expect(await eventually('both have learned more', () => learned([...BLOCKS, ...MORE]))).toBe(true);
    await speaker.apply(withRoutes(MORE));
    expect(await eventually('both have forgotten the blocks', () => forgotten(BLOCKS))).toBe(true);
    expect(await learned(MORE)).toBe(true);
    await speaker.apply(plain);
    await eventually('all is as before', async () => (await learned(BLOCKS)) && (await forgotten(MORE)));
    expect(await established()).toEqual(before);
  });

  test('marks what it announces with communities, large ones too', async () => {
    const before = await established();
    await speaker.apply(withRoutes(BLOCKS, ['64512:100', '64512:1:2']));
    const isMarked = async (text: Promise<string>, marks: readonly string[]) => {
      const found = await text;
      return marks.every((mark) => found.includes(mark));
    };
    for (const block of BLOCKS) {
      await eventually('BIRD sees them', () => isMarked(ofBird(block), ['(64512,100)', '(64512, 1, 2)']));
      await eventually('FRR sees them', () =>
        isMarked(ofFrr(block), ['Community: 64512:100', 'Large Community: 64512:1:2']),
      );
    }
    await speaker.apply(plain);
    expect(await established()).toEqual(before);
  });

  test('says of each session who it is with, and how many routes go each way', async () => {
    await established();
    const found = speaker.report()?.sessions.map(({ address, asNumber, imported, exported, message }) => {
      return { address, asNumber, imported, exported, message };
    });
    const ofRouter = { imported: 1, exported: 1, message: '' };
    expect(found).toEqual([
      { ...ofRouter, address: '192.0.2.2', asNumber: 64_512 },
      { ...ofRouter, address: '2001:db8::2', asNumber: 64_512 },
      { ...ofRouter, address: '192.0.2.3', asNumber: 65_001 },
      { ...ofRouter, address: '2001:db8::3', asNumber: 65_001 },
    ]);
  });

  test('keeps what is in force when it is told what BIRD refuses, and says why', async () => {
    const before = await established();
    await expect(speaker.apply(withRoutes(BLOCKS, ['nonsense:1']))).rejects.toThrow(
      /BIRD refuses 'configure': .*bird.conf/,
    );
    expect(await established()).toEqual(before);
    await speaker.apply(plain);
    expect(await established()).toEqual(before);
  });
});

describe('when the agent of the node restarts', () => {
  test('and BIRD outlives it, the next one finds it and no session ends', async () => {
    const before = await established();
    speaker.leave();
    speaker = lab.speaker(node);
    await speaker.apply(plain);
    expect(await established()).toEqual(before);
  });

  test('and BIRD dies with it, peers and kernel keep the routes until the next one is there', async () => {
    const before = await established();
    const routes = kernelRoutes();
    speaker.leave();
    process.kill(Number(readFileSync(path.join(node.folder, 'weft/bird.pid'), 'utf8')), 'SIGKILL');
    await eventually('the peers have noticed', async () => {
      const [summary, protocols] = [
        await lab.askFrr(frr, 'show bgp summary established'),
        await lab.askRouter(bird, 'show protocols'),
      ];
      return !summary.includes('192.0.2.1') && !protocols.includes('Established');
    });
    expect(await learned(BLOCKS)).toBe(true);
    expect(kernelRoutes()).toBe(routes);
    speaker = lab.speaker(node);
    await speaker.apply(plain);
    const gaps: string[] = [];
    const after = await eventually('all sessions are established', async () => {
      if (!(await learned(BLOCKS))) gaps.push('peers');
      if (kernelRoutes() !== routes) gaps.push(kernelRoutes());
      await speaker.check();
      const sessions = speaker.report()?.sessions ?? [];
      return sessions.every(({ state }) => state === 'Established') && sessions.map(({ since = '' }) => since);
    });
    expect(gaps).toEqual([]);
    expect(after).not.toEqual(before);
    expect(await learned(BLOCKS)).toBe(true);
  });

  test('BIRD that dies by itself is started again', async () => {
    await established();
    process.kill(Number(readFileSync(path.join(node.folder, 'weft/bird.pid'), 'utf8')), 'SIGKILL');
    await eventually(
      'a session is down',
      async () => !(await lab.askRouter(bird, 'show protocols')).includes('Established'),
    );
    await eventually('both sessions are back', async () => {
      return (await lab.askRouter(bird, 'show protocols')).match(/Established/g)?.length === 2;
    });
    await established();
  });
});

describe('when BGP ends on the node', () => {
  test('its routes go from the peers, and theirs from its kernel', async () => {
    await established();
    await speaker.apply(undefined);
    await eventually('both have forgotten the blocks', () => forgotten(BLOCKS));
    expect(kernelRoutes()).toBe('');
    expect(speaker.report()).toBeUndefined();
  });

  test('what a BIRD that was killed has left in the kernel goes too', async () => {
    await speaker.apply(plain);
    await established();
    await eventually('the node has routes', () => kernelRoutes().includes('10.99.0.0/24'));
    speaker.leave();
    process.kill(Number(readFileSync(path.join(node.folder, 'weft/bird.pid'), 'utf8')), 'SIGKILL');
    expect(kernelRoutes()).toContain('10.99.0.0/24');
    speaker = lab.speaker(node);
    await speaker.apply(undefined);
    expect(kernelRoutes()).toBe('');
  });
});
