import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { PolicyTable } from '../../src/agent/dataplane/nft/policy-table.ts';
import type { PolicyState } from '../../src/agent/dataplane/nft/policy-table.ts';
import type { AddressSetIr, ChainIr } from '../../src/model/node/ir.ts';
import {
  bound,
  chain,
  FACTS,
  FACTS6,
  type LabPod,
  type NftLab,
  NODE_ADDRESS,
  NODE_ADDRESS6,
  openNftLab,
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

function state(
  pods: PolicyState['pods'],
  chains: Readonly<Record<string, ChainIr>> = {},
  sets: Readonly<Record<string, AddressSetIr>> = {},
): PolicyState {
  return { pods, chains: new Map(Object.entries(chains)), sets: new Map(Object.entries(sets)) };
}

const ips = (...members: string[]): AddressSetIr => ({ type: 'ip', members });
const cidrs = (...members: string[]): AddressSetIr => ({ type: 'cidr', members });

describe('a table without IPv6', () => {
  test('drops all of it, in both directions, and lets IPv4 pass', async () => {
    await table.reset(FACTS, ALL_BOUND());
    expect(await a.traffic.reaches(b.address, SERVER_PORT)).toBe(true);
    expect(await a.traffic.reaches(b.address6, SERVER_PORT)).toBe(false);
    expect(await a.traffic.reaches(NODE_ADDRESS6, SERVER_PORT)).toBe(false);
    expect(await lab.outside.reaches(a.address6, SERVER_PORT)).toBe(false);
    expect(await lab.nodeTraffic.reaches(a.address6, SERVER_PORT)).toBe(false);
  });

  test('becomes one with it and back while connections are open: those of IPv4 stay', async () => {
    const sets = { b: ips(b.address, b.address6), c: ips(c.address, c.address6) };
    const pods = [bound(a, { egress: 'x' }), bound(b), bound(c)];
    await table.reset(FACTS, state(pods, { x: chain('deny', { peers: ['b'] }) }, sets));
    const four = await a.traffic.dial(b.address, SERVER_PORT);
    await table.apply({ facts: FACTS6 });
    expect(await a.traffic.talk(four)).toBe(`you are ${a.address};`);
    const six = await a.traffic.dial(b.address6, SERVER_PORT);
    expect(await a.traffic.talk(six)).toBe(`you are ${a.address6};`);
    expect(await a.traffic.reaches(c.address6, SERVER_PORT)).toBe(false);
    await table.apply({ facts: FACTS });
    expect(await a.traffic.talk(four)).toBe(`you are ${a.address};`);
    expect(await a.traffic.talk(six)).toBe('silence');
    await table.apply({ facts: FACTS6 });
    expect(await a.traffic.talk(four)).toBe(`you are ${a.address};`);
    expect(await a.traffic.reaches(b.address6, SERVER_PORT)).toBe(true);
    expect(await a.traffic.reaches(c.address6, SERVER_PORT)).toBe(false);
  });
});

describe('a policy that is tightened', () => {
  test('cuts the open connection of IPv6 that it forbids, and only that', async () => {
    const sets = { peers: ips(b.address, b.address6, c.address, c.address6, NODE_ADDRESS, NODE_ADDRESS6) };
    const pods = [bound(a, { egress: 'x' }), bound(b), bound(c)];
    await table.reset(FACTS6, state(pods, { x: chain('deny', { peers: ['peers'] }) }, sets));
    const [toB, toB4, toC, toNode] = [
      await a.traffic.dial(b.address6, SERVER_PORT),
      await a.traffic.dial(b.address, SERVER_PORT),
      await a.traffic.dial(c.address6, SERVER_PORT),
      await a.traffic.dial(NODE_ADDRESS6, SERVER_PORT),
    ];
    const [fromB, fromNode] = [
      await b.traffic.dial(a.address6, SERVER_PORT),
      await lab.nodeTraffic.dial(a.address6, SERVER_PORT),
    ];
    await table.apply({ sets: { patch: [['peers', { add: [], remove: [b.address6] }]] } });
    expect(await a.traffic.talk(toB)).toBe('silence');
    expect(await a.traffic.talk(toB4)).toBe(`you are ${a.address};`);
    for (const open of [toC, toNode]) expect(await a.traffic.talk(open)).toBe(`you are ${a.address6};`);
    expect(await b.traffic.talk(fromB)).toBe(`you are ${b.address6};`);
    expect(String(await lab.nodeTraffic.talk(fromNode))).toContain('you are');
    // Nor does the cut connection come back from its other end.
    await b.traffic.speakFromServer();
    expect(await a.traffic.hear(toB)).toBe('silence');
  });

  test('cuts by a chain that is new to the pod, and by a prefix of IPv6 that comes into a set which denies', async () => {
    await table.reset(
      FACTS6,
      state(
        [bound(a, { egress: 'x' }), bound(b), bound(c)],
        { x: chain('allow', { action: 'deny', peers: ['bad'] }) },
        { bad: cidrs('2001:db8:bad::/48') },
      ),
    );
    const [toB, toC] = [await a.traffic.dial(b.address6, SERVER_PORT), await a.traffic.dial(c.address6, SERVER_PORT)];
    await table.apply({ sets: { patch: [['bad', { add: [`${b.address6}/128`], remove: [] }]] } });
    expect(await a.traffic.talk(toB)).toBe('silence');
    expect(await a.traffic.talk(toC)).toBe(`you are ${a.address6};`);
    await table.apply({
      chains: { upsert: [['shut', chain('deny')]] },
      pods: { bind: [bound(c, { ingress: 'shut' })] },
    });
    expect(await a.traffic.talk(toC)).toBe('silence');
  });

  test('holds over a restart of the agent, and over a ruleset that somebody flushed', async () => {
    await table.reset(FACTS6, ALL_BOUND());
    const [toB, toC] = [await a.traffic.dial(b.address6, SERVER_PORT), await a.traffic.dial(c.address6, SERVER_PORT)];
    lab.nft('flush ruleset');
    const successor = new PolicyTable(lab.node.path);
    const pods = [bound(a, { egress: 'onlyC' }), bound(b), bound(c)];
    await successor.reset(FACTS6, state(pods, { onlyC: chain('deny', { peers: ['c'] }) }, { c: ips(c.address6) }));
    expect(await a.traffic.talk(toB)).toBe('silence');
    expect(await a.traffic.talk(toC)).toBe(`you are ${a.address6};`);
    await successor.close();
  });

  test('leaves no open connection of IPv6 to who gets the address next', async () => {
    await table.reset(FACTS6, ALL_BOUND());
    const open = await a.traffic.dial(b.address6, SERVER_PORT);
    await table.apply({ pods: { unbind: [b.hostInterface] } });
    expect(await a.traffic.talk(open)).toBe('silence');
    const shut = { upsert: [['shut', chain('deny')]] } as const;
    await table.apply({ chains: shut, pods: { bind: [bound(b, { ingress: 'shut' })] } });
    expect(await a.traffic.talk(open)).toBe('silence');
  });
});
