import { writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { leaveBridge, tidyBridges } from '../../src/agent/dataplane/bridge.ts';
import { listAll, removeAll } from '../../src/agent/dataplane/leftovers.ts';
import { BridgeGuard } from '../../src/agent/dataplane/nft/bridge-guard.ts';
import { HostPorts } from '../../src/agent/dataplane/nft/host-ports.ts';
import { PolicyTable } from '../../src/agent/dataplane/nft/policy-table.ts';
import { podMac } from '../../src/agent/dataplane/pod-addressing.ts';
import { listPodInterfaces } from '../../src/agent/dataplane/pod-interfaces.ts';
import { unwirePod, wirePod } from '../../src/agent/dataplane/pod-link.ts';
import { checkPod } from '../../src/agent/dataplane/pod-link-check.ts';
import type { ChainIr } from '../../src/model/node/ir.ts';
import { bridgeName } from '../../src/model/node/names.ts';
import {
  bound,
  chain,
  FACTS6,
  heard,
  type LabPod,
  type NftLab,
  NODE_ADDRESS,
  NODE_ADDRESS6,
  openNftLab,
  OUTSIDE_ADDRESS,
  OUTSIDE_ADDRESS6,
  SERVER_PORT,
} from './nft-lab.ts';

const BRIDGE = bridgeName('bridged');
let lab: NftLab;
let policy: PolicyTable;
let guard: BridgeGuard;
/** Behind the bridge: a and b. Routed: c. */
let a: LabPod;
let b: LabPod;
let c: LabPod;

beforeAll(async () => {
  lab = await openNftLab(BRIDGE);
  [a, b, c] = lab.pods;
  for (const { netnsPath } of lab.pods) lab.netns.ip(netnsPath, 'link', 'set', 'lo', 'up');
}, 60_000);
afterAll(() => lab.close());
beforeEach(async () => {
  policy = new PolicyTable(lab.node.path);
  guard = new BridgeGuard(lab.node.path);
  await guard.reset([a, b].map(portOf));
});
afterEach(async () => {
  await guard.reset([]);
  await policy.remove();
  await guard.close();
  await policy.close();
});

function portOf({ hostInterface, address, address6 }: LabPod) {
  return { hostInterface, addresses: [address, address6] };
}

function linkOf({ netnsPath, hostInterface, address, address6 }: LabPod) {
  const addresses = [address, address6];
  return { netnsPath, ifname: 'eth0', hostInterface, addresses, mtu: 1450, bridge: BRIDGE };
}

function reset(pods: Parameters<typeof bound>[1][], chains: Readonly<Record<string, ChainIr>> = {}) {
  const state = { pods: lab.pods.map((pod, index) => bound(pod, pods[index])), sets: new Map() };
  return policy.reset(FACTS6, { ...state, chains: new Map(Object.entries(chains)) });
}

async function whom(from: LabPod, to: LabPod): Promise<unknown[]> {
  return [await from.traffic.answerOf(to.address, SERVER_PORT), await from.traffic.answerOf(to.address6, SERVER_PORT)];
}

const youAre = (of: LabPod) => [`you are ${of.address};`, `you are ${of.address6};`];
const SILENCE = ['silence', 'silence'];

describe.each([
  ['routed only', '0'],
  ['bridged by br_netfilter after a translation', '1'],
])('pods behind a bridge, %s,', (_, callNft) => {
  const port = 7000 + 10 * Number(callNft);

  beforeAll(() =>
    lab.node.run(() => {
      for (const which of ['iptables', 'ip6tables'])
        writeFileSync(`/proc/sys/net/bridge/bridge-nf-call-${which}`, callNft);
    }),
  );

  test('reach each other and themselves by a port of the node, as policy lets them', async () => {
    await reset([]);
    const ports = new HostPorts(lab.node.path);
    await ports.bind({ ...portOf(b), ports: [{ protocol: 'TCP', hostPort: 80, port: SERVER_PORT }] });
    expect(await a.traffic.answerOf(NODE_ADDRESS, 80)).toBe(`you are ${a.address};`);
    expect(await a.traffic.answerOf(NODE_ADDRESS6, 80)).toBe(`you are ${a.address6};`);
    expect(await b.traffic.reaches(NODE_ADDRESS, 80)).toBe(true);
    expect(await b.traffic.reaches(NODE_ADDRESS6, 80)).toBe(true);
    expect(await lab.outside.answerOf(NODE_ADDRESS, 80)).toBe(`you are ${OUTSIDE_ADDRESS};`);
    await reset([{}, { ingress: 'shut' }], { shut: chain('deny') });
    expect(await a.traffic.answerOf(NODE_ADDRESS, 80)).toBe('silence');
    expect(await c.traffic.answerOf(NODE_ADDRESS6, 80)).toBe('silence');
    expect(await b.traffic.reaches(NODE_ADDRESS, 80)).toBe(true);
    await ports.reset([]);
    await ports.close();
  });

  test('reach each other, routed pods, the node and the world, as themselves, in both families', async () => {
    await reset([]);
    expect(await whom(a, b)).toEqual(youAre(a));
    expect(await whom(a, c)).toEqual(youAre(a));
    expect(await whom(c, a)).toEqual(youAre(c));
    expect(await whom(a, a)).toEqual(youAre(a));
    expect(await a.traffic.answerOf(NODE_ADDRESS, SERVER_PORT)).toBe(`you are ${a.address};`);
    expect(await lab.nodeTraffic.reaches(b.address, SERVER_PORT)).toBe(true);
    expect(await a.traffic.answerOf(OUTSIDE_ADDRESS, SERVER_PORT)).toBe(`you are ${a.address};`);
    expect(await lab.outside.answerOf(b.address6, SERVER_PORT)).toBe(`you are ${OUTSIDE_ADDRESS6};`);
  });

  test('are shut off until they are bound, and nobody else is', async () => {
    await policy.reset(FACTS6, { pods: [bound(b), bound(c)], sets: new Map(), chains: new Map() });
    expect(await whom(a, b)).toEqual(SILENCE);
    expect(await whom(b, a)).toEqual(SILENCE);
    expect(await lab.nodeTraffic.answerOf(a.address, SERVER_PORT)).toBe('silence');
    expect(await whom(b, c)).toEqual(youAre(b));
  });

  test('are held to the ingress policy of the one that is dialled, by its neighbour on the bridge too', async () => {
    await reset([{}, { ingress: 'shut' }], { shut: chain('deny') });
    expect(await whom(a, b)).toEqual(SILENCE);
    expect(await whom(c, b)).toEqual(SILENCE);
    expect(await whom(b, a)).toEqual(youAre(b));
    expect(await whom(b, b)).toEqual(youAre(b));
    expect(await lab.nodeTraffic.reaches(b.address, SERVER_PORT)).toBe(true);
  });

  test('are held to the egress policy of the one that dials', async () => {
    await reset([{ egress: 'shut' }], { shut: chain('deny') });
    expect(await whom(a, b)).toEqual(SILENCE);
    expect(await a.traffic.answerOf(OUTSIDE_ADDRESS, SERVER_PORT)).toBe('silence');
    expect(await a.traffic.answerOf(NODE_ADDRESS, SERVER_PORT)).toBe('silence');
    expect(await whom(b, a)).toEqual(youAre(b));
  });

  test('lose an open connection to a policy that forbids it', async () => {
    await reset([]);
    const open = await a.traffic.dial(b.address, SERVER_PORT);
    expect(await a.traffic.talk(open)).toBe(`you are ${a.address};`);
    const chains = { upsert: [['shut', chain('deny')]] } as const;
    await policy.apply({ chains, pods: { bind: [bound(b, { ingress: 'shut' })] } });
    expect(await a.traffic.talk(open)).toBe('silence');
  });

  test('cannot take the address of another on the bridge, nor reach another without the node', async () => {
    await reset([{ egress: 'shut' }], { shut: chain('deny') });
    lab.netns.ip(a.netnsPath, 'address', 'add', `${b.address}/32`, 'dev', 'eth0');
    await c.traffic.listenUdp(port);
    await a.traffic.sendUdp(c.address, port, 'spoofed', b.address);
    // A frame for the other pod's own MAC, as its real neighbour on a common bridge would send it.
    lab.netns.ip(a.netnsPath, 'neigh', 'replace', b.address6, 'lladdr', podMac(linkOf(b)), 'dev', 'eth0');
    lab.netns.ip(a.netnsPath, 'route', 'add', `${b.address6}/128`, 'dev', 'eth0');
    await b.traffic.listenUdp(port + 1);
    await a.traffic.sendUdp(b.address6, port + 1, 'around the node');
    await b.traffic.sendUdp(c.address, port, 'honest', b.address);
    await c.traffic.sendUdp(b.address6, port + 1, 'honest');
    expect(await heard(c.traffic, port, 1)).toEqual([`${b.address}: honest`]);
    expect(await heard(b.traffic, port + 1, 1)).toEqual([`${c.address6}: honest`]);
    lab.netns.ip(a.netnsPath, 'route', 'del', `${b.address6}/128`, 'dev', 'eth0');
    lab.netns.ip(a.netnsPath, 'address', 'del', `${b.address}/32`, 'dev', 'eth0');
  });

  test('are kept from it by the guard alone, which is put back when somebody takes it away', async () => {
    await reset([]);
    await c.traffic.listenUdp(port + 2);
    lab.netns.ip(a.netnsPath, 'address', 'add', `${b.address}/32`, 'dev', 'eth0');
    lab.nft('delete table bridge weft_bridge');
    await a.traffic.sendUdp(c.address, port + 2, 'unguarded', b.address);
    expect(await guard.repair()).toBe(true);
    await a.traffic.sendUdp(c.address, port + 2, 'guarded', b.address);
    await a.traffic.sendUdp(c.address, port + 2, 'honest', a.address);
    expect(await heard(c.traffic, port + 2, 2)).toEqual([`${b.address}: unguarded`, `${a.address}: honest`]);
    lab.netns.ip(a.netnsPath, 'address', 'del', `${b.address}/32`, 'dev', 'eth0');
  });
});

describe('a port of the bridge', () => {
  test('is as CHECK wants it, and is found by who has lost his journal', () => {
    expect(checkPod(lab.node, linkOf(a))).toEqual([]);
    const found = listPodInterfaces(lab.node).map(({ name, addresses, bridge }) => ({ name, addresses, bridge }));
    expect(found).toEqual([
      { name: a.hostInterface, addresses: [a.address, a.address6], bridge: BRIDGE },
      { name: b.hostInterface, addresses: [b.address, b.address6], bridge: BRIDGE },
      { name: c.hostInterface, addresses: [c.address, c.address6], bridge: undefined },
    ]);
  });

  test('that somebody took off the bridge fails CHECK, is seen, and is put back', async () => {
    await reset([]);
    lab.netns.ip(lab.node.path, 'link', 'set', a.hostInterface, 'nomaster');
    expect(checkPod(lab.node, linkOf(a))).toEqual([`${a.hostInterface} is no port of ${BRIDGE}`]);
    expect(listPodInterfaces(lab.node).find(({ name }) => name === a.hostInterface)?.bridge).toBeUndefined();
    wirePod(lab.node, linkOf(a));
    expect(checkPod(lab.node, linkOf(a))).toEqual([]);
    expect(await whom(b, a)).toEqual(youAre(b));
  });

  test('leaves nothing: its ways go with it, and the bridge with its last port', async () => {
    const held = new Set([a, b, c].flatMap((pod) => portOf(pod).addresses));
    expect(tidyBridges(lab.node, held)).toEqual([]);
    leaveBridge(lab.node, linkOf(a));
    await unwirePod(lab.node, a);
    expect(listAll(lab.node).routes.join()).not.toContain(a.address6);
    await unwirePod(lab.node, b);
    expect(tidyBridges(lab.node, held)).toEqual([`delete bridge ${BRIDGE}, which has no port`]);
    wirePod(lab.node, linkOf(a));
    expect(tidyBridges(lab.node, new Set([a.address]))).toHaveLength(2);
    await removeAll(lab.node);
    expect(listAll(lab.node)).toEqual({ links: [], routes: [], neighbours: [] });
  });
});
