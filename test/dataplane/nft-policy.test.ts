import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { PolicyTable } from '../../src/agent/dataplane/nft/policy-table.ts';
import type { PolicyState } from '../../src/agent/dataplane/nft/policy-table.ts';
import type { LoggedPacket } from '../../src/agent/dataplane/nft/logged-packet.ts';
import { PolicyLog } from '../../src/agent/dataplane/nft/policy-log.ts';
import type { AddressSetIr, ChainIr } from '../../src/model/node/ir.ts';
import {
  bound,
  chain,
  FACTS,
  FACTS6,
  type LabPod,
  type NftLab,
  NODE_ADDRESS,
  openNftLab,
  OTHER_PORT,
  OUTSIDE_ADDRESS,
  SERVER_PORT,
  heard,
} from './nft-lab.ts';

let lab: NftLab;
let table: PolicyTable;
let a: LabPod;
let b: LabPod;
let c: LabPod;

beforeAll(async () => {
  lab = await openNftLab();
  [a, b, c] = lab.pods;
}, 60_000);
afterAll(() => lab.close());
beforeEach(() => {
  table = new PolicyTable(lab.node.path);
});
afterEach(async () => {
  await table.remove();
  await table.close();
});

const TCP_SERVER = [{ protocol: 'TCP', from: SERVER_PORT, to: SERVER_PORT }] as const;
const ALLOW_ALL = () => lab.pods.map((pod) => bound(pod));

function state(
  pods: PolicyState['pods'],
  chains: Readonly<Record<string, ChainIr>> = {},
  sets: Readonly<Record<string, AddressSetIr>> = {},
): PolicyState {
  return { pods, chains: new Map(Object.entries(chains)), sets: new Map(Object.entries(sets)) };
}

function ips(...members: string[]): AddressSetIr {
  return { type: 'ip', members };
}

describe('an interface that the table does not know', () => {
  test('is dropped from the first moment, in both directions', async () => {
    await table.open();
    expect(await a.traffic.reaches(OUTSIDE_ADDRESS, SERVER_PORT)).toBe(false);
    expect(await a.traffic.reaches(NODE_ADDRESS, SERVER_PORT)).toBe(false);
    expect(await lab.outside.reaches(a.address, SERVER_PORT)).toBe(false);
    expect(await lab.nodeTraffic.dial(a.address, SERVER_PORT)).not.toEqual(expect.any(Number));
    await a.traffic.listenUdp(7100);
    await lab.nodeTraffic.sendUdp(a.address, 7100, 'too early');
    await table.reset(FACTS, state(ALLOW_ALL()));
    await lab.nodeTraffic.sendUdp(a.address, 7100, 'in time');
    expect(await heard(a.traffic, 7100, 1)).toEqual([expect.stringContaining('in time')]);
  });

  test('is let through once bound, and dropped again once unbound, open connections too', async () => {
    await table.reset(FACTS, state(ALLOW_ALL()));
    const open = await a.traffic.dial(b.address, SERVER_PORT);
    expect(await a.traffic.talk(open)).toBe(`you are ${a.address};`);
    expect(await lab.outside.reaches(b.address, SERVER_PORT)).toBe(true);
    await table.apply({ pods: { unbind: [b.hostInterface] } });
    expect(await a.traffic.talk(open)).toBe('silence');
    expect(await lab.outside.reaches(b.address, SERVER_PORT)).toBe(false);
  });

  test('leaves no open connection to who gets its address next', async () => {
    const shut = { upsert: [['shut', chain('deny')]] } as const;
    await table.reset(FACTS, state(ALLOW_ALL()));
    const open = await a.traffic.dial(b.address, SERVER_PORT);
    await table.apply({ pods: { unbind: [b.hostInterface] } });
    await table.apply({ chains: shut, pods: { bind: [bound(b, { ingress: 'shut' })] } });
    expect(await a.traffic.talk(open)).toBe('silence');
  });

  test('leaves none either when it went while no agent ran', async () => {
    await table.reset(FACTS, state(ALLOW_ALL()));
    const [open, other] = [await a.traffic.dial(b.address, SERVER_PORT), await a.traffic.dial(c.address, SERVER_PORT)];
    const successor = new PolicyTable(lab.node.path);
    await successor.reset(FACTS, state([bound(a), bound(c)]));
    await successor.apply({
      chains: { upsert: [['shut', chain('deny')]] },
      pods: { bind: [bound(b, { ingress: 'shut' })] },
    });
    expect(await a.traffic.talk(open)).toBe('silence');
    expect(await a.traffic.talk(other)).toBe(`you are ${a.address};`);
    await successor.close();
  });
});

describe('a rule about requests', () => {
  const http = [{ methods: ['GET'] }];
  const origin = 'NetworkPolicy shop/web';
  const everyPort = [{ protocol: 'TCP' as const, from: 0, to: 65_535 }];
  const served = () => ({ ...bound(b, { ingress: 'web' }), httpPorts: [SERVER_PORT] });
  const reached = async () => [
    await a.traffic.reaches(b.address, SERVER_PORT),
    await a.traffic.reaches(b.address, OTHER_PORT),
    await a.traffic.reaches(b.address6, SERVER_PORT),
  ];

  test.each<[string, ChainIr, boolean[], boolean[]]>([
    [
      'lets in where a proxy judges them, and nowhere else',
      { rules: [{ action: 'allow', peers: 'any', ports: everyPort, http, origin }], otherwise: 'deny' },
      [true, false, true],
      [false, false, false],
    ],
    [
      'that denies, shuts what no proxy judges',
      { rules: [{ action: 'deny', peers: 'any', ports: everyPort, http, origin }], otherwise: 'allow' },
      [true, false, true],
      [false, false, false],
    ],
  ])('%s', async (_, web, withProxy, without) => {
    await table.reset(FACTS6, state([bound(a), served()], { web }));
    expect(await reached()).toEqual(withProxy);
    const open = await a.traffic.dial(b.address, SERVER_PORT);
    await table.apply({ pods: { bind: [bound(b, { ingress: 'web' })] } });
    expect(await reached()).toEqual(without);
    expect(await a.traffic.talk(open)).toBe('silence');
  });
});

describe('policy', () => {
  test.each([
    { egress: 'open', ingress: 'open', passes: true },
    { egress: 'open', ingress: 'shut', passes: false },
    { egress: 'shut', ingress: 'open', passes: false },
    { egress: 'shut', ingress: 'shut', passes: false },
  ])('asks both ends on one node: egress $egress, ingress $ingress', async ({ egress, ingress, passes }) => {
    const chains = {
      open: chain('deny', { peers: ['ab'], ports: TCP_SERVER }),
      shut: chain('deny', { peers: ['c'], ports: TCP_SERVER }),
    };
    const sets = { ab: ips(a.address, b.address), c: ips(c.address) };
    await table.reset(FACTS, state([bound(a, { egress }), bound(b, { ingress })], chains, sets));
    expect(await a.traffic.reaches(b.address, SERVER_PORT)).toBe(passes);
    expect(await a.traffic.reaches(b.address, OTHER_PORT)).toBe(false);
  });

  test('denies first when the deny comes first, and not when it comes second', async () => {
    const deny = { action: 'deny', peers: ['a'] } as const;
    const sets = { a: ips(a.address) };
    await table.reset(
      FACTS,
      state(
        [bound(a), bound(b, { ingress: 'x' }), bound(c, { ingress: 'y' })],
        { x: chain('deny', deny, {}), y: chain('deny', {}, deny) },
        sets,
      ),
    );
    expect(await a.traffic.reaches(b.address, SERVER_PORT)).toBe(false);
    expect(await a.traffic.reaches(c.address, SERVER_PORT)).toBe(true);
  });

  test('asks the next tier about what is passed to it, and has no tier left over when it changes', async () => {
    const toServer = { ports: TCP_SERVER, peers: ['b'] } as const;
    const tiers = chain(
      'deny',
      { action: 'pass', tier: 0, ...toServer },
      { action: 'deny', tier: 0, peers: ['b'] },
      { tier: 1, peers: ['b', 'c'] },
    );
    const sets = { b: ips(b.address), c: ips(c.address) };
    await table.reset(FACTS, state([bound(a), bound(b), bound(c)], {}, sets));
    await table.apply({ chains: { upsert: [['x', tiers]] }, pods: { bind: [bound(a, { egress: 'x' })] } });
    expect(await a.traffic.reaches(b.address, SERVER_PORT)).toBe(true);
    expect(await a.traffic.reaches(b.address, OTHER_PORT)).toBe(false);
    expect(await a.traffic.reaches(c.address, OTHER_PORT)).toBe(true);
    expect(await a.traffic.reaches(OUTSIDE_ADDRESS, SERVER_PORT)).toBe(false);
    const open = await a.traffic.dial(c.address, SERVER_PORT);
    await table.apply({ chains: { upsert: [['x', chain('deny', { peers: ['b'] })]] } });
    expect(await a.traffic.talk(open)).toBe('silence');
    expect(await a.traffic.reaches(b.address, OTHER_PORT)).toBe(true);
    expect(lab.nft('list chains')).not.toContain('e_x.2');
    await table.apply({ chains: { upsert: [['x', tiers]] } });
    expect(await a.traffic.reaches(b.address, OTHER_PORT)).toBe(false);
    await table.apply({ chains: { remove: ['x'] }, pods: { bind: [bound(a)] } });
    expect(await a.traffic.reaches(b.address, OTHER_PORT)).toBe(true);
    expect(lab.nft('list chains')).not.toContain('e_x');
  });

  test('tells the sender what it rejects, through a Service address too, and to the node', async () => {
    lab.nft('add table ip lb');
    lab.nft('add chain ip lb pre { type nat hook prerouting priority dstnat; }');
    lab.nft(`add rule ip lb pre ip daddr 10.96.0.1 tcp dport 80 dnat to ${b.address}:${SERVER_PORT}`);
    const chains = {
      x: chain('deny', { action: 'reject', peers: ['b', 'node'] }, {}),
      y: chain('deny', { action: 'reject' }),
    };
    const sets = { b: ips(b.address), node: ips(NODE_ADDRESS) };
    await table.reset(FACTS, state([bound(a, { egress: 'x' }), bound(b), bound(c, { ingress: 'y' })], chains, sets));
    expect(await a.traffic.dial(b.address, SERVER_PORT)).toBe('ECONNREFUSED');
    expect(await a.traffic.dial('10.96.0.1', 80)).toBe('ECONNREFUSED');
    expect(await a.traffic.dial(NODE_ADDRESS, SERVER_PORT)).toBe('ECONNREFUSED');
    expect(await lab.outside.dial(c.address, SERVER_PORT)).toBe('ECONNREFUSED');
    expect(await a.traffic.reaches(OUTSIDE_ADDRESS, SERVER_PORT)).toBe(true);
    lab.nft('delete table ip lb');
  });

  test('cuts an open connection that is rejected now, and its sender hears of it', async () => {
    await table.reset(FACTS, state(ALLOW_ALL()));
    const open = await a.traffic.dial(b.address, SERVER_PORT);
    await table.apply({
      chains: { upsert: [['x', chain('deny', { action: 'reject' })]] },
      pods: { bind: [bound(a, { egress: 'x' })] },
    });
    expect(await a.traffic.talk(open)).toBe('silence');
    expect(await a.traffic.dial(b.address, SERVER_PORT)).toBe('ECONNREFUSED');
  });

  test('is counted on trial, and not enforced', async () => {
    const audit = {
      rules: [
        { action: 'deny', peers: ['b'], ports: 'any', origin: 'NetworkPolicy x/trial' },
        { action: 'allow', peers: 'any', ports: 'any', origin: 'NetworkPolicy x/enforced' },
      ],
      onTrial: ['NetworkPolicy x/trial'],
    } as const;
    const chains = { x: { ...chain('deny', { peers: ['b', 'c'] }), audit } };
    const sets = { b: ips(b.address), c: ips(c.address) };
    await table.reset(FACTS, state([bound(a, { egress: 'x' }), bound(b), bound(c)], chains, sets));
    for (const { address } of [b, b, c]) expect(await a.traffic.reaches(address, SERVER_PORT)).toBe(true);
    expect(await a.traffic.reaches(OUTSIDE_ADDRESS, SERVER_PORT)).toBe(false);
    const counted = table.counters().filter(({ chain: of }) => of === 'e_x.audit');
    expect(counted).toMatchObject([{ comment: 'audit deny NetworkPolicy x/trial', packets: 2 }]);
  });

  test('logs who dials whom, on trial too, and lets it pass', async () => {
    const log = new PolicyLog(lab.node.path);
    const x = 'NetworkPolicy shop/x';
    const audit = {
      rules: [{ action: 'log', peers: 'any', ports: 'any', origin: 'trial' }],
      onTrial: ['trial'],
    } as const;
    const chains = {
      x: chain('deny', { action: 'log', peers: ['b'], origin: x }, { peers: ['b'] }),
      y: { ...chain('allow'), audit },
    };
    const pods = [bound(a, { egress: 'x' }), bound(b), bound(c, { ingress: 'y' })];
    await table.reset(FACTS, state(pods, chains, { b: ips(b.address) }));
    expect(await a.traffic.reaches(b.address, SERVER_PORT)).toBe(true);
    expect(await a.traffic.reaches(c.address, SERVER_PORT)).toBe(false);
    expect(lab.netns.pings(b.netnsPath, c.address)).toBe(true);
    const heardOf: LoggedPacket[] = [];
    for (let attempt = 0; attempt < 100 && heardOf.length < 3; attempt += 1) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      heardOf.push(...log.take());
    }
    log.close();
    const [denied] = heardOf.splice(1, 1);
    expect(denied).toMatchObject({
      ...{ verdict: 'deny', policy: 'no rule allows it', direction: 'egress', source: a.address },
      ...{ destination: c.address, protocol: 'TCP', port: SERVER_PORT },
    });
    const toB = { policy: x, direction: 'egress', source: a.address, destination: b.address, protocol: 'TCP' };
    const toC = { policy: 'trial', direction: 'ingress', source: b.address, destination: c.address, protocol: 'ICMP' };
    expect(heardOf).toEqual([
      { ...toB, sourcePort: expect.any(Number), port: SERVER_PORT },
      { ...toC, icmpType: 8 },
    ]);
    expect(table.counters().filter(({ verdict }) => verdict === 'log')).toMatchObject([{ packets: 1 }, { packets: 1 }]);
  });

  test('tells of what it denied, by policy, and of what it rejected', async () => {
    const log = new PolicyLog(lab.node.path);
    const chains = {
      x: chain(
        'allow',
        { action: 'deny', peers: ['b'], origin: 'one' },
        { action: 'reject', peers: ['c'], origin: 'two' },
      ),
    };
    const sets = { b: ips(b.address), c: ips(c.address) };
    await table.reset(FACTS, state([bound(a, { ingress: 'x' }), bound(b), bound(c)], chains, sets));
    expect(await b.traffic.reaches(a.address, SERVER_PORT)).toBe(false);
    expect(await c.traffic.dial(a.address, SERVER_PORT)).toBe('ECONNREFUSED');
    expect(await lab.outside.reaches(a.address, SERVER_PORT)).toBe(true);
    const heardOf: LoggedPacket[] = [];
    for (let attempt = 0; attempt < 100 && heardOf.length < 2; attempt += 1) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      heardOf.push(...log.take());
    }
    log.close();
    expect(heardOf).toMatchObject([
      { verdict: 'deny', policy: 'one', direction: 'ingress', source: b.address, destination: a.address },
      { verdict: 'reject', policy: 'two', direction: 'ingress', source: c.address, destination: a.address },
    ]);
    const counted = table.counters().filter(({ comment }) => ['one', 'two'].includes(comment));
    expect(counted.map(({ comment, verdict }) => `${verdict} ${comment}`).sort()).toEqual(['deny one', 'reject two']);
  });

  test('logs of one rule no more than its share, however much it matches', async () => {
    const log = new PolicyLog(lab.node.path);
    await table.reset(FACTS, state([bound(a, { egress: 'x' }), bound(b)], { x: chain('allow', { action: 'log' }) }));
    await b.traffic.listenUdp(7200);
    for (let port = 20_000; port < 20_200; port += 1) await a.traffic.sendUdp(b.address, 7200, `from ${port}`);
    expect(await heard(b.traffic, 7200, 200)).toHaveLength(200);
    const [counted] = table.counters().filter(({ verdict }) => verdict === 'log');
    expect(counted?.packets).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const { length } = log.take();
    log.close();
    expect(length).toBeGreaterThanOrEqual(20);
    expect(length).toBeLessThan(190);
  });

  test('tells messages of ICMP apart', async () => {
    const ping = [{ protocol: 'ICMP', from: 8, to: 8, code: 0 }] as const;
    const others = [
      { protocol: 'ICMP', from: 8, to: 8, code: 1 },
      { protocol: 'ICMP', from: 13, to: 14 },
      { protocol: 'ICMPv6', from: 0, to: 255 },
    ] as const;
    const chains = { x: chain('deny', { ports: ping }), y: chain('deny', { ports: others }) };
    await table.reset(FACTS, state([bound(a, { egress: 'x' }), bound(b, { egress: 'y' }), bound(c)], chains));
    expect(lab.netns.pings(a.netnsPath, c.address)).toBe(true);
    expect(lab.netns.pings(b.netnsPath, c.address)).toBe(false);
    expect(await a.traffic.reaches(c.address, SERVER_PORT)).toBe(false);
  });

  test('takes prefixes, the whole of IPv4 and ranges of ports', async () => {
    const sets = {
      out: { type: 'cidr', members: ['192.0.2.8/29'] },
      all: { type: 'cidr', members: ['0.0.0.0/0'] },
    } as const;
    const chains = {
      x: chain('deny', {
        peers: ['out'],
        ports: [
          { protocol: 'TCP', from: 8000, to: 8100 },
          { protocol: 'TCP', from: 80, to: 80 },
        ],
      }),
      y: chain('deny', { peers: ['all'], ports: [{ protocol: 'TCP', from: 0, to: 65_535 }] }),
    };
    await table.reset(FACTS, state([bound(a), bound(b, { ingress: 'x' }), bound(c, { ingress: 'y' })], chains, sets));
    expect(await lab.outside.reaches(b.address, SERVER_PORT)).toBe(true);
    expect(await lab.outside.reaches(b.address, OTHER_PORT)).toBe(false);
    expect(await a.traffic.reaches(b.address, SERVER_PORT)).toBe(false);
    expect(await a.traffic.reaches(c.address, OTHER_PORT)).toBe(true);
    await table.apply({
      sets: {
        patch: [
          ['out', { add: ['10.42.1.2/32'], remove: ['192.0.2.8/29'] }],
          ['all', { add: [], remove: ['0.0.0.0/0'] }],
        ],
      },
    });
    expect(await lab.outside.reaches(b.address, SERVER_PORT)).toBe(false);
    expect(await a.traffic.reaches(b.address, SERVER_PORT)).toBe(true);
    expect(await a.traffic.reaches(c.address, OTHER_PORT)).toBe(false);
  });

  test('lets a node reach its pods whatever their policy, and holds pods to theirs towards the node', async () => {
    const shut = { ingress: 'shut', egress: 'shut' };
    await table.reset(FACTS, state([bound(a, shut), bound(b)], { shut: chain('deny') }));
    expect(await lab.nodeTraffic.reaches(a.address, SERVER_PORT)).toBe(true);
    expect(await a.traffic.reaches(NODE_ADDRESS, SERVER_PORT)).toBe(false);
    expect(await b.traffic.reaches(NODE_ADDRESS, SERVER_PORT)).toBe(true);
  });

  test('sees pods behind a Service address, and lets a pod reach itself through one', async () => {
    lab.nft('add table ip lb');
    lab.nft('add chain ip lb pre { type nat hook prerouting priority dstnat; }');
    lab.nft('add chain ip lb post { type nat hook postrouting priority srcnat; }');
    lab.nft(`add rule ip lb pre ip daddr 10.96.0.1 tcp dport 80 dnat to ${b.address}:${SERVER_PORT}`);
    lab.nft(`add rule ip lb post ip saddr ${b.address} ip daddr ${b.address} masquerade`);
    const chains = { toB: chain('deny', { peers: ['b'], ports: TCP_SERVER }), shut: chain('deny') };
    const pods = [bound(a, { egress: 'toB' }), bound(b, { egress: 'shut', ingress: 'fromA' }), bound(c)];
    await table.reset(
      FACTS,
      state(pods, { ...chains, fromA: chain('deny', { peers: ['a'] }) }, { a: ips(a.address), b: ips(b.address) }),
    );
    expect(await a.traffic.reaches('10.96.0.1', 80)).toBe(true);
    expect(await c.traffic.reaches('10.96.0.1', 80)).toBe(false);
    expect(await b.traffic.reaches('10.96.0.1', 80)).toBe(true);
    lab.nft('delete table ip lb');
  });
});

describe('a limit', () => {
  const limited = (limit: { max?: number; newPerSecond?: number }): ChainIr => ({
    ...chain('allow'),
    limits: [{ origin: 'NetworkPolicy x/limit', ...limit }],
  });
  const dials = (from: LabPod, to: LabPod, times: number) =>
    Promise.all(Array.from({ length: times }, () => from.traffic.dial(to.address, SERVER_PORT, 400)));
  const passed = (answers: readonly unknown[]) => answers.filter((answer) => typeof answer === 'number');

  test('of open connections is each pod its own, and goes down with those that close', async () => {
    const to = { ingress: 'x' };
    await table.reset(FACTS, state([bound(a), bound(b, to), bound(c, to)], { x: limited({ max: 3 }) }));
    const open = passed(await dials(a, b, 5));
    expect(open).toHaveLength(3);
    expect(passed(await dials(a, c, 3))).toHaveLength(3);
    expect(passed(await dials(a, b, 1))).toHaveLength(0);
    await a.traffic.hangUp(open[0]);
    expect(await a.traffic.talk(open[1])).toBe(`you are ${a.address};`);
    expect(passed(await dials(a, b, 1))).toHaveLength(1);
    const dropped = table.counters().find(({ chain: of }) => of === 'i_x.limits');
    expect(dropped).toMatchObject({ comment: 'NetworkPolicy x/limit', verdict: 'deny' });
  });

  test('of new ones in a second is of those that a pod opens, and grows back', async () => {
    const from = { egress: 'x' };
    await table.reset(FACTS, state([bound(a, from), bound(b), bound(c, from)], { x: limited({ newPerSecond: 4 }) }));
    const answers = passed(await dials(a, b, 12));
    expect(answers.length).toBeGreaterThanOrEqual(4);
    expect(answers.length).toBeLessThan(12);
    expect(passed(await dials(c, b, 4))).toHaveLength(4);
    expect(await a.traffic.talk(answers[0])).toBe(`you are ${a.address};`);
    await new Promise((resolve) => setTimeout(resolve, 1100));
    expect(passed(await dials(a, b, 2))).toHaveLength(2);
  });

  test('comes and goes with its chain, is held against what is allowed only, and cuts nothing that is open', async () => {
    await table.reset(FACTS, state(ALLOW_ALL()));
    const open = passed(await dials(a, b, 4));
    const x = { ...limited({ max: 1, newPerSecond: 100 }), ...chain('deny', { ports: TCP_SERVER }) };
    await table.apply({ chains: { upsert: [['x', x]] }, pods: { bind: [bound(b, { ingress: 'x' })] } });
    for (const connection of open) expect(await a.traffic.talk(connection)).toBe(`you are ${a.address};`);
    expect(await a.traffic.reaches(b.address, OTHER_PORT)).toBe(false);
    expect(passed(await dials(c, b, 2))).toHaveLength(1);
    expect(table.counters().filter(({ verdict }) => verdict === 'allow')).toMatchObject([{ chain: 'i_x' }]);
    await table.apply({ chains: { upsert: [['x', limited({ newPerSecond: 100 })]] } });
    expect(lab.nft('list sets')).not.toContain('i_x.limits.1.open4');
    expect(lab.nft('list sets')).toContain('i_x.limits.1.rate4');
    expect(passed(await dials(c, b, 2))).toHaveLength(2);
    await table.apply({ chains: { remove: ['x'] }, pods: { bind: [bound(b)] } });
    expect(lab.nft('list table inet weft')).not.toContain('i_x');
  });
});

describe('an address in recheck, before conntrack entries are deleted', () => {
  test('has the packets of its forbidden connection dropped, and every other one passes', async () => {
    await table.reset(FACTS, state(ALLOW_ALL()));
    const [toB, toC] = [await a.traffic.dial(b.address, SERVER_PORT), await a.traffic.dial(c.address, SERVER_PORT)];
    const fromB = await b.traffic.dial(a.address, SERVER_PORT);
    lab.nft(`insert rule inet weft from_pod ip saddr ${a.address} ip daddr ${b.address} drop`);
    expect(await a.traffic.talk(toB)).toBe(`you are ${a.address};`);
    lab.nft(`add element inet weft recheck { ${a.address} }`);
    lab.nft('flush chain inet weft shortcut');
    expect(await a.traffic.talk(toB)).toBe('silence');
    expect(await a.traffic.talk(toC)).toBe(`you are ${a.address};`);
    // Here a replies, which its rule about b does not speak of.
    expect(await b.traffic.talk(fromB)).toBe(`you are ${b.address};`);
    await b.traffic.speakFromServer();
    expect(await a.traffic.hear(toB)).toBe('unasked;');
  });
});

describe('a policy that is tightened', () => {
  test('cuts the open connection that it forbids, and leaves the one that it allows', async () => {
    await table.reset(FACTS, state(ALLOW_ALL()));
    const [toB, toC] = [await a.traffic.dial(b.address, SERVER_PORT), await a.traffic.dial(c.address, SERVER_PORT)];
    expect(await a.traffic.talk(toB)).toBe(`you are ${a.address};`);
    expect(await a.traffic.talk(toC)).toBe(`you are ${a.address};`);
    await table.apply({
      sets: { upsert: [['c', ips(c.address)]] },
      chains: { upsert: [['onlyC', chain('deny', { peers: ['c'] })]] },
      pods: { bind: [bound(a, { egress: 'onlyC' })] },
    });
    expect(await a.traffic.talk(toB)).toBe('silence');
    expect(await a.traffic.talk(toC)).toBe(`you are ${a.address};`);
    // Nor does the cut connection come back from its other end.
    await b.traffic.speakFromServer();
    expect(await a.traffic.hear(toB)).toBe('silence');
    expect(await a.traffic.talk(toB)).toBe('silence');
  });

  test('cuts by a member that left a set, through a Service address, and towards the node', async () => {
    lab.nft('add table ip lb');
    lab.nft('add chain ip lb pre { type nat hook prerouting priority dstnat; }');
    lab.nft(`add rule ip lb pre ip daddr 10.96.0.1 tcp dport 80 dnat to ${b.address}:${SERVER_PORT}`);
    const pods = [bound(a, { egress: 'x' }), bound(b), bound(c)];
    const sets = { peers: ips(b.address, c.address, NODE_ADDRESS) };
    await table.reset(FACTS, state(pods, { x: chain('deny', { peers: ['peers'] }) }, sets));
    const [service, direct, node] = [
      await a.traffic.dial('10.96.0.1', 80),
      await a.traffic.dial(c.address, SERVER_PORT),
      await a.traffic.dial(NODE_ADDRESS, SERVER_PORT),
    ];
    await table.apply({ sets: { patch: [['peers', { add: [], remove: [b.address] }]] } });
    expect(await a.traffic.talk(service)).toBe('silence');
    expect(await a.traffic.talk(node)).toBe(`you are ${a.address};`);
    await table.apply({ sets: { patch: [['peers', { add: [], remove: [NODE_ADDRESS] }]] } });
    expect(await a.traffic.talk(node)).toBe('silence');
    expect(await a.traffic.talk(direct)).toBe(`you are ${a.address};`);
    lab.nft('delete table ip lb');
  });

  test('leaves open what it keeps, over a restart of the agent too, and lets nothing new through', async () => {
    const keepsOpen = true as const;
    const chains = {
      x: chain('deny', { action: 'deny', peers: ['b'], keepsOpen }, { action: 'deny', peers: ['c'] }, {}),
      y: { rules: [], otherwise: 'deny', keepsOpen } satisfies ChainIr,
    };
    const sets = { b: ips(b.address), c: ips(c.address) };
    await table.reset(FACTS, state(ALLOW_ALL(), chains, sets));
    const [toB, toC] = [await a.traffic.dial(b.address, SERVER_PORT), await a.traffic.dial(c.address, SERVER_PORT)];
    const fromOutside = await lab.outside.dial(c.address, SERVER_PORT);
    const pods = [bound(a, { egress: 'x' }), bound(b), bound(c, { ingress: 'y' })];
    await table.apply({ pods: { bind: pods } });
    const checkAll = async () => {
      expect(await a.traffic.talk(toB)).toBe(`you are ${a.address};`);
      expect(await lab.outside.talk(fromOutside)).toBe(`you are ${OUTSIDE_ADDRESS};`);
      expect(await a.traffic.talk(toC)).toBe('silence');
      expect(await a.traffic.reaches(b.address, SERVER_PORT)).toBe(false);
      expect(await lab.outside.reaches(c.address, SERVER_PORT)).toBe(false);
    };
    await checkAll();
    const successor = new PolicyTable(lab.node.path);
    await successor.reset(FACTS, state(pods, chains, sets));
    await checkAll();
    await successor.close();
  });

  test('does not cut what the node itself opened, nor what the far end opened and may', async () => {
    await table.reset(FACTS, state(ALLOW_ALL()));
    const [fromNode, fromB] = [
      await lab.nodeTraffic.dial(a.address, SERVER_PORT),
      await b.traffic.dial(a.address, SERVER_PORT),
    ];
    // a may say nothing of its own, and be dialled by b alone.
    const chains = {
      upsert: [
        ['shut', chain('deny')],
        ['fromB', chain('deny', { peers: ['b'] })],
      ] as const,
    };
    await table.apply({
      sets: { upsert: [['b', ips(b.address)]] },
      chains,
      pods: { bind: [bound(a, { egress: 'shut', ingress: 'fromB' })] },
    });
    expect(await b.traffic.talk(fromB)).toBe(`you are ${b.address};`);
    expect(String(await lab.nodeTraffic.talk(fromNode))).toContain('you are');
    await a.traffic.speakFromServer();
    expect(await b.traffic.hear(fromB)).toBe('unasked;');
  });

  test('holds for a chain that changes under its key', async () => {
    await table.reset(FACTS, state([bound(a, { egress: 'x' }), bound(b)], { x: chain('deny', {}) }));
    const open = await a.traffic.dial(b.address, SERVER_PORT);
    await table.apply({
      chains: { upsert: [['x', chain('deny', { ports: [{ protocol: 'TCP', from: OTHER_PORT, to: OTHER_PORT }] })]] },
    });
    expect(await a.traffic.talk(open)).toBe('silence');
    expect(await a.traffic.reaches(b.address, OTHER_PORT)).toBe(true);
  });

  test.each([{ meanwhile: 'nothing' }, { meanwhile: 'delete table inet weft' }])(
    'holds over a restart of the agent, which breaks nothing else; meanwhile: $meanwhile',
    async ({ meanwhile }) => {
      await table.reset(FACTS, state(ALLOW_ALL()));
      const [toB, toC] = [await a.traffic.dial(b.address, SERVER_PORT), await a.traffic.dial(c.address, SERVER_PORT)];
      const successor = new PolicyTable(lab.node.path);
      if (meanwhile === 'nothing') {
        await successor.open();
        expect(await a.traffic.talk(toB)).toBe(`you are ${a.address};`);
      } else lab.nft(meanwhile);
      await successor.reset(
        FACTS,
        state(
          [bound(a, { egress: 'onlyC' }), bound(b), bound(c)],
          { onlyC: chain('deny', { peers: ['c'] }) },
          { c: ips(c.address) },
        ),
      );
      expect(await a.traffic.talk(toB)).toBe('silence');
      expect(await a.traffic.talk(toC)).toBe(`you are ${a.address};`);
      await successor.close();
    },
  );
});
