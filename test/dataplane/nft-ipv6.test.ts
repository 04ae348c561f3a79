import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { PolicyTable } from '../../src/agent/dataplane/nft/policy-table.ts';
import type { PolicyState } from '../../src/agent/dataplane/nft/policy-table.ts';
import type { AddressSetIr, ChainIr } from '../../src/model/node/ir.ts';
import {
  bound,
  chain,
  FACTS6,
  heard,
  type LabPod,
  type NftLab,
  NODE_ADDRESS6,
  openNftLab,
  OTHER_PORT,
  OUTSIDE_ADDRESS,
  OUTSIDE_ADDRESS6,
  SERVER_PORT,
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

const ALL_BOUND = () => state(lab.pods.map((pod) => bound(pod)));
const TCP_SERVER = [{ protocol: 'TCP', from: SERVER_PORT, to: SERVER_PORT }] as const;
const TCP_OTHER = [{ protocol: 'TCP', from: OTHER_PORT, to: OTHER_PORT }] as const;

function state(
  pods: PolicyState['pods'],
  chains: Readonly<Record<string, ChainIr>> = {},
  sets: Readonly<Record<string, AddressSetIr>> = {},
): PolicyState {
  return { pods, chains: new Map(Object.entries(chains)), sets: new Map(Object.entries(sets)) };
}

const ips = (...members: string[]): AddressSetIr => ({ type: 'ip', members });
const cidrs = (...members: string[]): AddressSetIr => ({ type: 'cidr', members });

describe('who a pod says it is over IPv6', () => {
  test.each(['fd00:42::109', 'fe80::9'])(
    'must be the address that was bound to its interface, and not %s',
    async (lie) => {
      await table.reset(FACTS6, ALL_BOUND());
      lab.netns.ip(a.netnsPath, 'address', 'add', `${lie}/128`, 'dev', 'eth0', 'nodad');
      const port = lie === 'fe80::9' ? 7001 : 7000;
      const from = lie === 'fe80::9' ? 'fe80::9%eth0' : lie;
      await b.traffic.listenUdp(port);
      expect(await a.traffic.sendUdp(b.address6, port, 'honest', a.address6)).toBe('sent');
      expect(await a.traffic.sendUdp(b.address6, port, 'spoofed', from)).toBe('sent');
      expect(await a.traffic.sendUdp(b.address6, port, 'honest again', a.address6)).toBe('sent');
      expect(await heard(b.traffic, port, 2)).toEqual([`${a.address6}: honest`, `${a.address6}: honest again`]);
      lab.netns.ip(a.netnsPath, 'address', 'del', `${lie}/128`, 'dev', 'eth0');
    },
  );

  test('is masked when it dials out of a pool with natOutgoing, of that family only, and not towards pods', async () => {
    await table.reset({ ...FACTS6, natCidrs: ['fd00:42::/64'] }, ALL_BOUND());
    expect(await a.traffic.answerOf(OUTSIDE_ADDRESS6, SERVER_PORT)).toBe(`you are ${NODE_ADDRESS6};`);
    expect(await a.traffic.answerOf(OUTSIDE_ADDRESS, SERVER_PORT)).toBe(`you are ${a.address};`);
    expect(await a.traffic.answerOf(b.address6, SERVER_PORT)).toBe(`you are ${a.address6};`);
    await table.apply({ facts: FACTS6 });
    expect(await a.traffic.answerOf(OUTSIDE_ADDRESS6, SERVER_PORT)).toBe(`you are ${a.address6};`);
  });
});

describe('policy over IPv6', () => {
  test.each([
    { egress: 'open', ingress: 'open', passes: true },
    { egress: 'open', ingress: 'shut', passes: false },
    { egress: 'shut', ingress: 'open', passes: false },
  ])('asks both ends on one node: egress $egress, ingress $ingress', async ({ egress, ingress, passes }) => {
    const chains = {
      open: chain('deny', { peers: ['ab'], ports: TCP_SERVER }),
      shut: chain('deny', { peers: ['c'], ports: TCP_SERVER }),
    };
    const sets = { ab: ips(a.address6, b.address6), c: ips(c.address6) };
    await table.reset(FACTS6, state([bound(a, { egress }), bound(b, { ingress })], chains, sets));
    expect(await a.traffic.reaches(b.address6, SERVER_PORT)).toBe(passes);
    expect(await a.traffic.reaches(b.address6, OTHER_PORT)).toBe(false);
  });

  test('is one of its own: who is known by the address of one family is not let in by the other', async () => {
    const sets = { four: ips(a.address), six: ips(a.address6) };
    const chains = { four: chain('deny', { peers: ['four'] }), six: chain('deny', { peers: ['six'] }) };
    await table.reset(
      FACTS6,
      state([bound(a), bound(b, { ingress: 'four' }), bound(c, { ingress: 'six' })], chains, sets),
    );
    const reached = [];
    for (const address of [b.address, b.address6, c.address, c.address6])
      reached.push(await a.traffic.reaches(address, SERVER_PORT));
    expect(reached).toEqual([true, false, false, true]);
  });

  test('denies first when the deny comes first, and not when it comes second', async () => {
    const deny = { action: 'deny', peers: ['a'] } as const;
    const chains = { x: chain('deny', deny, {}), y: chain('deny', {}, deny) };
    const pods = [bound(a), bound(b, { ingress: 'x' }), bound(c, { ingress: 'y' })];
    await table.reset(FACTS6, state(pods, chains, { a: ips(a.address6) }));
    expect(await a.traffic.reaches(b.address6, SERVER_PORT)).toBe(false);
    expect(await a.traffic.reaches(b.address, SERVER_PORT)).toBe(true);
    expect(await a.traffic.reaches(c.address6, SERVER_PORT)).toBe(true);
  });

  test('takes prefixes, each family for itself, up to the last address', async () => {
    const chains = { x: chain('deny', { peers: ['some'] }), y: chain('deny', { peers: ['all'] }) };
    const sets = { some: cidrs('2001:db8::8/125', 'ffff::/16'), all: cidrs('0.0.0.0/0') };
    await table.reset(FACTS6, state([bound(a), bound(b, { ingress: 'x' }), bound(c, { ingress: 'y' })], chains, sets));
    expect(await lab.outside.reaches(b.address6, SERVER_PORT)).toBe(true);
    expect(await a.traffic.reaches(b.address6, SERVER_PORT)).toBe(false);
    // All of IPv4 is nothing of IPv6.
    expect(await a.traffic.reaches(c.address, SERVER_PORT)).toBe(true);
    expect(await a.traffic.reaches(c.address6, SERVER_PORT)).toBe(false);
    await table.apply({
      sets: {
        patch: [
          ['some', { add: [`${a.address6}/128`], remove: ['2001:db8::8/125'] }],
          ['all', { add: ['::/0'], remove: ['0.0.0.0/0'] }],
        ],
      },
    });
    expect(await lab.outside.reaches(b.address6, SERVER_PORT)).toBe(false);
    expect(await a.traffic.reaches(b.address6, SERVER_PORT)).toBe(true);
    expect(await a.traffic.reaches(c.address6, SERVER_PORT)).toBe(true);
    expect(await a.traffic.reaches(c.address, SERVER_PORT)).toBe(false);
  });

  test('takes a port by name as what it is with each pod', async () => {
    const rules = [
      { peers: ['b'], ports: TCP_SERVER },
      { peers: ['c'], ports: TCP_OTHER },
    ] as const;
    const sets = { b: ips(b.address, b.address6), c: ips(c.address, c.address6) };
    await table.reset(
      FACTS6,
      state([bound(a, { egress: 'named' }), bound(b), bound(c)], { named: chain('deny', ...rules) }, sets),
    );
    const reached = [];
    for (const { address6 } of [b, c])
      for (const port of [SERVER_PORT, OTHER_PORT]) reached.push(await a.traffic.reaches(address6, port));
    expect(reached).toEqual([true, false, false, true]);
  });

  test('lets a node reach its pods whatever their policy, and holds pods to theirs towards the node', async () => {
    const shut = { ingress: 'shut', egress: 'shut' };
    await table.reset(FACTS6, state([bound(a, shut), bound(b)], { shut: chain('deny') }));
    expect(await lab.nodeTraffic.reaches(a.address6, SERVER_PORT)).toBe(true);
    expect(await a.traffic.reaches(NODE_ADDRESS6, SERVER_PORT)).toBe(false);
    expect(await b.traffic.reaches(NODE_ADDRESS6, SERVER_PORT)).toBe(true);
  });

  test('sees pods behind a Service address, and lets a pod reach itself through one', async () => {
    lab.nft('add table ip6 lb');
    lab.nft('add chain ip6 lb pre { type nat hook prerouting priority dstnat; }');
    lab.nft('add chain ip6 lb post { type nat hook postrouting priority srcnat; }');
    lab.nft(`add rule ip6 lb pre ip6 daddr fd00:96::1 tcp dport 80 dnat to [${b.address6}]:${SERVER_PORT}`);
    lab.nft(`add rule ip6 lb post ip6 saddr ${b.address6} ip6 daddr ${b.address6} masquerade`);
    const pods = [bound(a, { egress: 'toB' }), bound(b, { egress: 'shut', ingress: 'fromA' }), bound(c)];
    const chains = {
      toB: chain('deny', { peers: ['b'], ports: TCP_SERVER }),
      shut: chain('deny'),
      fromA: chain('deny', { peers: ['a'] }),
    };
    await table.reset(FACTS6, state(pods, chains, { a: ips(a.address6), b: ips(b.address6) }));
    expect(await a.traffic.reaches('fd00:96::1', 80)).toBe(true);
    expect(await c.traffic.reaches('fd00:96::1', 80)).toBe(false);
    expect(await b.traffic.reaches('fd00:96::1', 80)).toBe(true);
    lab.nft('delete table ip6 lb');
  });
});

describe('VXLAN over IPv6', () => {
  test('is taken from peers only, and never from pods', async () => {
    await table.reset(FACTS6, ALL_BOUND());
    await lab.nodeTraffic.listenUdp(4789);
    await lab.outside.sendUdp(NODE_ADDRESS6, 4789, 'stranger');
    await a.traffic.sendUdp(NODE_ADDRESS6, 4789, 'pod');
    await table.apply({ facts: { ...FACTS6, vxlanPeers: [OUTSIDE_ADDRESS6] } });
    await lab.outside.sendUdp(NODE_ADDRESS6, 4789, 'peer');
    expect(await heard(lab.nodeTraffic, 4789, 1)).toEqual([`${OUTSIDE_ADDRESS6}: peer`]);
    await lab.outside.listenUdp(4789);
    await a.traffic.sendUdp(OUTSIDE_ADDRESS6, 4789, 'pod');
    await table.apply({ facts: FACTS6 });
    await a.traffic.sendUdp(OUTSIDE_ADDRESS6, 4789, 'no node');
    expect(await heard(lab.outside, 4789, 1)).toEqual([`${a.address6}: no node`]);
  });

  test('brings nobody in under an address of this node', async () => {
    // A device of the tunnel's name stands in for the tunnel: the rule sees the packets it brings.
    const far = lab.netns.add('far');
    const end = ['type', 'veth', 'peer', 'name', 'wire', 'netns', far.slice('/run/netns/'.length)];
    lab.netns.ip(lab.node.path, 'link', 'add', 'vxlan.weft', ...end);
    lab.netns.ip(lab.node.path, 'link', 'set', 'vxlan.weft', 'up');
    lab.netns.ip(far, 'link', 'set', 'wire', 'up');
    lab.netns.ip(lab.node.path, 'address', 'add', '2001:db8:7::1/64', 'dev', 'vxlan.weft', 'nodad');
    for (const address of ['2001:db8:7::2/64', 'fd00:42::132/128'])
      lab.netns.ip(far, 'address', 'add', address, 'dev', 'wire', 'nodad');
    lab.netns.ip(far, 'route', 'add', 'fd00:42::/64', 'via', '2001:db8:7::1');
    await table.reset(FACTS6, ALL_BOUND());
    expect(lab.netns.pings(far, b.address6, '-I', '2001:db8:7::2')).toBe(true);
    expect(lab.netns.pings(far, b.address6, '-I', 'fd00:42::132')).toBe(false);
    const dropped = table.counters().filter(({ comment }) => comment === "tunnelled from this node's own blocks");
    expect(dropped.reduce((sum, { packets }) => sum + packets, 0)).toBe(1);
    lab.netns.ip(lab.node.path, 'link', 'del', 'vxlan.weft');
  });
});

test('members of both families are loaded in slices, and a set that nobody uses any more is gone with its twin', async () => {
  const many = Array.from({ length: 30_000 }, (_, at) => `2001:db8:1::${(at + 1).toString(16)}`);
  await table.reset(FACTS6, ALL_BOUND());
  await table.apply({
    sets: { upsert: [['many', ips(...many, b.address6, c.address)]] },
    chains: { upsert: [['x', chain('deny', { peers: ['many'] })]] },
    pods: { bind: [bound(a, { egress: 'x' })] },
  });
  expect(lab.nft('list set inet weft s6_many').match(/2001:db8:1::/g)).toHaveLength(30_000);
  expect(await a.traffic.reaches(b.address6, SERVER_PORT)).toBe(true);
  expect(await a.traffic.reaches(c.address6, SERVER_PORT)).toBe(false);
  expect(await a.traffic.reaches(c.address, SERVER_PORT)).toBe(true);
  await table.apply({ sets: { remove: ['many'] }, chains: { remove: ['x'] }, pods: { bind: [bound(a)] } });
  expect(lab.nft('list sets')).not.toMatch(/s6?_many/);
  expect(table.verify()).toBe(true);
}, 30_000);
