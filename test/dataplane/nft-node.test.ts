import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { NftError } from '../../src/agent/dataplane/nft/nft-error.ts';
import { PolicyTable } from '../../src/agent/dataplane/nft/policy-table.ts';
import type { AddressSetIr } from '../../src/model/node/ir.ts';
import {
  bound,
  chain,
  FACTS,
  type LabPod,
  type NftLab,
  NODE_ADDRESS,
  openNftLab,
  OUTSIDE_ADDRESS,
  SERVER_PORT,
  heard,
} from './nft-lab.ts';

let lab: NftLab;
let table: PolicyTable;
let a: LabPod;
let b: LabPod;

beforeAll(async () => {
  lab = await openNftLab();
  [a, b] = lab.pods;
}, 60_000);
afterAll(() => lab.close());
beforeEach(() => {
  table = new PolicyTable(lab.node.path);
});
afterEach(async () => {
  await table.remove();
  await table.close();
});

const ALL_BOUND = () => ({ pods: lab.pods.map((pod) => bound(pod)), chains: new Map(), sets: new Map() });
const DENY_B = () => ({
  pods: [bound(a, { egress: 'x' }), bound(b)],
  chains: new Map([['x', chain('allow', { action: 'deny', peers: ['b'], origin: 'NetworkPolicy shop/no "b"\n' })]]),
  sets: new Map<string, AddressSetIr>([['b', { type: 'ip', members: [b.address] }]]),
});

function packetsOf(origin: string): number {
  return table.counters().reduce((sum, counter) => sum + (counter.comment === origin ? counter.packets : 0), 0);
}

describe('who a pod says it is', () => {
  test('must be the address that was bound to its interface', async () => {
    await table.reset(FACTS, ALL_BOUND());
    lab.netns.ip(a.netnsPath, 'address', 'add', '10.42.1.9/32', 'dev', 'eth0');
    await b.traffic.listenUdp(7000);
    await a.traffic.sendUdp(b.address, 7000, 'honest', a.address);
    await a.traffic.sendUdp(b.address, 7000, 'spoofed', '10.42.1.9');
    await a.traffic.sendUdp(b.address, 7000, 'honest again', a.address);
    expect(await heard(b.traffic, 7000, 2)).toEqual([`${a.address}: honest`, `${a.address}: honest again`]);
    expect(packetsOf("source is not the pod's own")).toBe(1);
    lab.netns.ip(a.netnsPath, 'address', 'del', '10.42.1.9/32', 'dev', 'eth0');
  });

  test('keeps its address towards destinations that its pool excepts, whichever pools there are', async () => {
    const masked = { ...FACTS, natCidrs: ['10.42.0.0/16'] };
    const answer = async () => a.traffic.talk(await a.traffic.dial(OUTSIDE_ADDRESS, SERVER_PORT));
    const except = (pool: string, ...destinations: string[]) =>
      table.apply({ facts: { ...masked, natExceptions: [{ pool, destinations }] } });
    await table.reset(masked, ALL_BOUND());
    expect(await answer()).toBe(`you are ${NODE_ADDRESS};`);
    await except('10.42.0.0/16', '198.51.100.0/24', `${OUTSIDE_ADDRESS}/32`, '192.0.2.0/24');
    expect(await answer()).toBe(`you are ${a.address};`);
    await except('10.43.0.0/16', `${OUTSIDE_ADDRESS}/32`);
    expect(await answer()).toBe(`you are ${NODE_ADDRESS};`);
    await except('fd00:42::/64', '2001:db8::/32');
    expect(await answer()).toBe(`you are ${NODE_ADDRESS};`);
  });

  test('is masked when it dials out of a pool with natOutgoing, and not towards pods', async () => {
    await table.reset({ ...FACTS, natCidrs: ['10.42.0.0/16'] }, ALL_BOUND());
    const [outside, pod] = [
      await a.traffic.dial(OUTSIDE_ADDRESS, SERVER_PORT),
      await a.traffic.dial(b.address, SERVER_PORT),
    ];
    expect(await a.traffic.talk(outside)).toBe(`you are ${NODE_ADDRESS};`);
    expect(await a.traffic.talk(pod)).toBe(`you are ${a.address};`);
    await table.apply({ facts: FACTS });
    expect(await a.traffic.talk(await a.traffic.dial(OUTSIDE_ADDRESS, SERVER_PORT))).toBe(`you are ${a.address};`);
  });
});

describe('VXLAN', () => {
  test('is taken from peers only, and never from pods', async () => {
    await table.reset(FACTS, ALL_BOUND());
    await lab.nodeTraffic.listenUdp(4789);
    await lab.outside.sendUdp(NODE_ADDRESS, 4789, 'stranger');
    await a.traffic.sendUdp(NODE_ADDRESS, 4789, 'pod');
    await table.apply({ facts: { ...FACTS, vxlanPeers: [OUTSIDE_ADDRESS] } });
    await lab.outside.sendUdp(NODE_ADDRESS, 4789, 'peer');
    expect(await heard(lab.nodeTraffic, 4789, 1)).toEqual([`${OUTSIDE_ADDRESS}: peer`]);
    await lab.outside.listenUdp(4789);
    await a.traffic.sendUdp(OUTSIDE_ADDRESS, 4789, 'pod');
    await table.apply({ facts: FACTS });
    await a.traffic.sendUdp(OUTSIDE_ADDRESS, 4789, 'no node');
    expect(await heard(lab.outside, 4789, 1)).toEqual([`${a.address}: no node`]);
  });

  test('brings nobody in under an address of this node', async () => {
    // A device of the tunnel's name stands in for the tunnel: the rule sees the packets it brings.
    lab.netns.ip(lab.node.path, 'link', 'add', 'vxlan.weft', 'type', 'veth', 'peer', 'name', 'wire');
    const far = lab.netns.add('far');
    lab.netns.ip(lab.node.path, 'link', 'set', 'wire', 'netns', far.slice('/run/netns/'.length));
    for (const [netns, device] of [
      [lab.node.path, 'vxlan.weft'],
      [far, 'wire'],
    ] as const)
      lab.netns.ip(netns, 'link', 'set', device, 'up');
    lab.netns.ip(lab.node.path, 'address', 'add', '198.51.100.1/24', 'dev', 'vxlan.weft');
    for (const address of ['198.51.100.2/24', '10.42.1.50/32'])
      lab.netns.ip(far, 'address', 'add', address, 'dev', 'wire');
    lab.netns.ip(far, 'route', 'add', 'default', 'via', '198.51.100.1');
    await table.reset(FACTS, ALL_BOUND());
    expect(lab.netns.pings(far, b.address, '-I', '198.51.100.2')).toBe(true);
    expect(lab.netns.pings(far, b.address, '-I', '10.42.1.50')).toBe(false);
    expect(packetsOf("tunnelled from this node's own blocks")).toBe(1);
    lab.netns.ip(lab.node.path, 'link', 'del', 'vxlan.weft');
  });
});

describe('what others do to nftables', () => {
  test('a drop policy on the forward hook is reported with its table and chain, and ours is not', async () => {
    await table.reset(FACTS, ALL_BOUND());
    expect(table.foreignForwardDrop()).toEqual([]);
    lab.nft('add table ip6 filter');
    lab.nft('add chain ip6 filter FORWARD { type filter hook forward priority filter; policy drop; }');
    lab.nft('add table ip filter');
    lab.nft('add chain ip filter INPUT { type filter hook input priority filter; policy drop; }');
    expect(table.foreignForwardDrop()).toEqual([]);
    lab.nft('delete chain ip filter INPUT');
    lab.nft('add chain ip filter FORWARD { type filter hook forward priority filter; policy drop; }');
    expect(table.foreignForwardDrop()).toEqual([{ family: 'ip', table: 'filter', chain: 'FORWARD' }]);
    lab.nft('delete table ip filter');
    lab.nft('delete table ip6 filter');
  });

  test.each([
    'flush ruleset',
    'flush table inet weft',
    'delete table inet weft',
    'flush chain inet weft from_pod',
    'flush chain inet weft e_x',
    'flush map inet weft pods_out',
  ])('%s is noticed, and repaired', async (harm) => {
    await table.reset(FACTS, DENY_B());
    expect(table.verify()).toBe(true);
    lab.nft('add table ip unrelated');
    expect(table.verify()).toBe(true);
    lab.nft(harm);
    expect(table.verify()).toBe(false);
    const before = table.repairs;
    await table.repair();
    expect(table.repairs).toBe(before + 1);
    expect(table.verify()).toBe(true);
    expect(await a.traffic.reaches(b.address, SERVER_PORT)).toBe(false);
    expect(await a.traffic.reaches(OUTSIDE_ADDRESS, SERVER_PORT)).toBe(true);
    lab.nft('flush ruleset');
  });

  test('is repaired by the next change too', async () => {
    await table.reset(FACTS, DENY_B());
    lab.nft('flush ruleset');
    const before = table.repairs;
    await table.apply({ sets: { patch: [['b', { add: ['10.42.1.7'], remove: [] }]] } });
    expect(table.repairs).toBe(before + 1);
    expect(await a.traffic.reaches(b.address, SERVER_PORT)).toBe(false);
    lab.nft('delete element inet weft s_b { 10.42.1.7 }');
    await table.apply({ sets: { patch: [['b', { add: [], remove: ['10.42.1.7'] }]] } });
    expect(table.verify()).toBe(true);
  });
});

describe('a change that cannot be made', () => {
  test('leaves the old table in force, and names the set that the kernel refused', async () => {
    await table.reset(FACTS, DENY_B());
    const overlapping: AddressSetIr = { type: 'cidr', members: ['10.0.0.0/8', '10.1.0.0/16'] };
    const change = table.apply({
      sets: { upsert: [['bad', overlapping]], patch: [['b', { add: [], remove: [b.address] }]] },
      pods: { bind: [bound(a)] },
    });
    await expect(change).rejects.toMatchObject({
      code: 'Refused',
      culprit: { kind: 'set', key: 'bad' },
    } satisfies Partial<NftError>);
    await expectOldTable();
  });

  test('names the chain that was refused', async () => {
    await table.reset(FACTS, DENY_B());
    const impossible = chain('deny', { ports: [{ protocol: 'TCP', from: 70_000, to: 70_000 }] });
    const change = table.apply({
      chains: {
        upsert: [
          ['good', chain('allow')],
          ['bad', impossible],
        ],
      },
      pods: { bind: [bound(a, { egress: 'good', ingress: 'bad' })] },
    });
    await expect(change).rejects.toMatchObject({ code: 'Refused', culprit: { kind: 'chain', key: 'bad' } });
    await expectOldTable();
  });

  test.each([
    [
      'a pod without its chain',
      { pods: { bind: [{ hostInterface: 'weft1', addresses: ['10.42.1.8'], egressChain: 'none' }] } },
      'DanglingReference',
    ],
    [
      'a chain without its set',
      { chains: { upsert: [['x', chain('deny', { peers: ['none'] })]] as const } },
      'DanglingReference',
    ],
    ['a set that chains still use', { sets: { remove: ['b'] } }, 'DanglingReference'],
    [
      'an interface that is no pod’s',
      { pods: { bind: [{ hostInterface: 'eth0', addresses: ['10.42.1.8'] }] } },
      'BadName',
    ],
    [
      'a key with a line break',
      { sets: { upsert: [['x\nflush ruleset', { type: 'ip', members: ['10.0.0.1'] }]] as const } },
      'BadName',
    ],
    [
      'a member that is no address',
      { sets: { upsert: [['x', { type: 'ip', members: ['10.0.0.1, 10.0.0.2'] }]] as const } },
      'BadName',
    ],
  ] as const)('is refused before the kernel hears of it: %s', async (_, change, code) => {
    await table.reset(FACTS, DENY_B());
    const before = lab.nft('list table inet weft');
    await expect(table.apply(change)).rejects.toMatchObject({ code });
    expect(lab.nft('list table inet weft')).toBe(before);
  });

  async function expectOldTable(): Promise<void> {
    expect(await a.traffic.reaches(b.address, SERVER_PORT)).toBe(false);
    expect(await a.traffic.reaches(OUTSIDE_ADDRESS, SERVER_PORT)).toBe(true);
    const elements = lab.nft('list set inet weft s_b');
    expect(elements).toContain(b.address);
    expect(() => lab.nft('list set inet weft s_bad')).toThrow();
    expect(table.verify()).toBe(true);
  }
});

describe('large sets', () => {
  const many = Array.from({ length: 100_000 }, (_, at) => `11.${at >> 16}.${(at >> 8) & 255}.${at & 255}`);

  test('100,000 addresses are loaded in slices and count from the last on', async () => {
    await table.reset(FACTS, ALL_BOUND());
    await table.apply({
      sets: { upsert: [['many', { type: 'ip', members: [...many, b.address] }]] },
      chains: { upsert: [['x', chain('deny', { peers: ['many'] })]] },
      pods: { bind: [bound(a, { egress: 'x' })] },
    });
    expect(lab.nft('list set inet weft s_many').match(/\d+\.\d+\.\d+\.\d+/g)).toHaveLength(100_001);
    expect(await a.traffic.reaches(b.address, SERVER_PORT)).toBe(true);
    expect(await a.traffic.reaches(OUTSIDE_ADDRESS, SERVER_PORT)).toBe(false);
  }, 30_000);

  test('100,000 addresses come back whole after a restart', async () => {
    const sets = new Map<string, AddressSetIr>([['many', { type: 'ip', members: many }]]);
    await table.reset(FACTS, { ...ALL_BOUND(), sets });
    await table.reset(FACTS, { ...ALL_BOUND(), sets });
    expect(lab.nft('list set inet weft s_many').match(/\d+\.\d+\.\d+\.\d+/g)).toHaveLength(100_000);
  }, 30_000);

  test('one member changes beside 10,000 prefixes that touch each other', async () => {
    const prefixes = Array.from({ length: 10_000 }, (_, at) => `11.${at >> 8}.${at & 255}.0/24`);
    const sets = new Map<string, AddressSetIr>([['wide', { type: 'cidr', members: prefixes }]]);
    const chains = new Map([['x', chain('deny', { peers: ['wide'] })]]);
    await table.reset(FACTS, { pods: [bound(a, { egress: 'x' }), bound(b)], chains, sets });
    await table.apply({ sets: { patch: [['wide', { add: [`${b.address}/32`], remove: ['11.0.7.0/24'] }]] } });
    expect(await a.traffic.reaches(b.address, SERVER_PORT)).toBe(true);
    const left = lab.nft('list set inet weft s_wide');
    expect(left).not.toContain('11.0.7.0/24');
    expect(left).toContain('11.0.6.0/24');
    expect(left).toContain('11.0.8.0/24');
  }, 30_000);
});

test('counters name the origin of the rule, harmless in text', async () => {
  await table.reset(FACTS, DENY_B());
  await a.traffic.reaches(b.address, SERVER_PORT);
  const counted = table.counters().filter(({ chain: of }) => of.startsWith('e_x'));
  expect(counted).toEqual([
    {
      ...{ chain: 'e_x.no1', comment: 'NetworkPolicy shop/no b', verdict: 'deny' },
      ...{ packets: expect.any(Number), bytes: expect.any(Number) },
    },
  ]);
  expect(counted[0]?.packets).toBeGreaterThan(0);
});
