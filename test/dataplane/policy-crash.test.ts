import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { AnyResource } from '../../bench/cni/weft-node.ts';
import type { RuleIr } from '../../src/model/node/ir.ts';
import { AgentLab } from './agent-lab.ts';
import type { Traffic } from './traffic.ts';

const CRASHES = 8;
const PORT = 8000;
/** The agent keeps on disk what it was told, but for the last half second. */
const KEPT_MS = 600;
const lab = new AgentLab();
const addresses: Record<string, string> = {};
let friend: Traffic;
let stranger: Traffic;

beforeAll(async () => {
  await lab.start();
  await lab.node.put(policy(0));
  for (const name of ['db', 'friend', 'stranger']) {
    await lab.tell(name, name === 'db' ? { ingressChain: 'db' } : {});
    addresses[name] = lab.cni('ADD', name).ips?.[0]?.address.replace(/\/.*/, '') ?? '';
  }
  await lab.node.put(policy(1));
  const db = await lab.traffic(lab.netnsOf('db'));
  await db.listenTcp(PORT);
  friend = await lab.traffic(lab.netnsOf('friend'));
  stranger = await lab.traffic(lab.netnsOf('stranger'));
  const counted = `ip saddr ${addresses['stranger']} counter`;
  const table = `add table inet count; add chain inet count in { type filter hook prerouting priority -300; }; add rule inet count in ${counted}`;
  execFileSync('nsenter', [`--net=${lab.netnsOf('db')}`, 'nft', table]);
}, 60_000);
afterAll(() => lab.close());

/** What lets the friend in, in a form that has little in common with that of another round: large sets, many rules. */
function policy(round: number): AnyResource[] {
  const members = Array.from({ length: 5_000 }, (_, index) => `10.43.${(index + round * 50) >> 8}.${index & 255}`);
  const rules = Array.from({ length: 200 }, (_, index): RuleIr => {
    const port = 10_000 + ((index * 7 + round) % 5_000);
    const ports = [{ protocol: 'TCP' as const, from: port, to: port }];
    return { action: 'allow', peers: ['crowd'], ports, origin: `NetworkPolicy shop/p${index % 20}` };
  });
  const origin = 'NetworkPolicy shop/db';
  const isKnown = addresses['friend'] !== undefined;
  return [
    ['addressSet', 'crowd', { type: 'ip', members: [...new Set(members)] }],
    ['addressSet', 'friends', { type: 'ip', members: isKnown ? [addresses['friend'] ?? ''] : [] }],
    [
      'chain',
      'db',
      { rules: [...rules, { action: 'allow', peers: ['friends'], ports: 'any', origin }], otherwise: 'deny' },
    ],
  ];
}

test('an agent killed in the middle of a change leaves the old policy or the new one, and never none', async () => {
  const target = addresses['db'] ?? '';
  let [isOver, sent] = [false, 0];
  expect(await friend.reaches(target, PORT)).toBe(true);
  const knock = async () => {
    for (; !isOver; sent += 1) await stranger.sendUdp(target, PORT, 'let me in');
  };
  const knocking = knock();
  for (let crash = 1; crash <= CRASHES; crash += 1) {
    await sleep(KEPT_MS);
    const change = lab.node.put(policy(crash + 1)).then(
      () => 'done',
      () => 'killed',
    );
    await sleep((crash * 13) % 60);
    await lab.node.kill();
    await change;
    expect(await friend.reaches(target, PORT)).toBe(true);
    await lab.node.restart();
    expect(await friend.reaches(target, PORT)).toBe(true);
  }
  await lab.node.put(policy(99));
  isOver = true;
  await knocking;
  expect(await friend.reaches(target, PORT)).toBe(true);
  const listed = execFileSync('nsenter', [`--net=${lab.netnsOf('db')}`, 'nft', 'list', 'table', 'inet', 'count'], {
    encoding: 'utf8',
  });
  expect(sent).toBeGreaterThan(1_000);
  expect(listed).toContain('packets 0 ');
  expect(lab.cni('CHECK', 'db')).toEqual({ code: 0 });
}, 120_000);
