import { writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { localnetSysctl } from '../../src/agent/dataplane/host-port-loopback.ts';
import { inNetns } from '../../src/agent/dataplane/netns.ts';
import { HostPortTable } from '../../src/agent/dataplane/nft/host-ports/table.ts';
import { PolicyTable } from '../../src/agent/dataplane/nft/policy-table.ts';
import { applySysctls } from '../../src/agent/dataplane/sysctl.ts';
import type { HostPort } from '../../src/model/node/host-ports.ts';
import type { ChainIr } from '../../src/model/node/ir.ts';
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

let lab: NftLab;
let policy: PolicyTable;
let table: HostPortTable;
let a: LabPod;
let b: LabPod;

const WEB: HostPort = { protocol: 'TCP', hostPort: 80, containerPort: SERVER_PORT };
const BOUND: HostPort = { protocol: 'TCP', hostPort: 81, containerPort: SERVER_PORT, hostIp: NODE_ADDRESS };
const DNS: HostPort = { protocol: 'UDP', hostPort: 53, containerPort: 5353 };

function holder(pod: LabPod, ...hostPorts: HostPort[]) {
  const { hostInterface, address, address6 } = pod;
  const attachment = { podUid: hostInterface, ifname: 'eth0', hostInterface, addresses: [address, address6] };
  return { ...attachment, wiring: { hostPorts } };
}

function policyOf(pods: Parameters<typeof bound>[1][], chains: ReadonlyMap<string, ChainIr> = new Map()) {
  return { pods: lab.pods.map((pod, index) => bound(pod, pods[index])), sets: new Map(), chains };
}

beforeAll(async () => {
  lab = await openNftLab();
  [a, b] = lab.pods;
  for (const pod of lab.pods) applySysctls(lab.node, localnetSysctl(pod.hostInterface));
}, 60_000);
afterAll(() => lab.close());
beforeEach(async () => {
  policy = new PolicyTable(lab.node.path);
  table = new HostPortTable(lab.node.path);
  await policy.reset(FACTS6, policyOf([]));
});
afterEach(async () => {
  await table.reset([]);
  await policy.remove();
  await table.close();
  await policy.close();
});

describe('a port of the node', () => {
  test('leads from outside to the pod, which sees who dials', async () => {
    await table.add(holder(a, WEB));
    expect(await lab.outside.answerOf(NODE_ADDRESS, 80)).toBe(`you are ${OUTSIDE_ADDRESS};`);
    expect(await lab.outside.answerOf(NODE_ADDRESS6, 80)).toBe(`you are ${OUTSIDE_ADDRESS6};`);
  });

  test('leads from the node itself to the pod: by its own address and by its loopback', async () => {
    await table.add(holder(a, WEB));
    expect(await lab.nodeTraffic.answerOf(NODE_ADDRESS, 80)).toBe(`you are ${NODE_ADDRESS};`);
    expect(await lab.nodeTraffic.answerOf(NODE_ADDRESS6, 80)).toBe(`you are ${NODE_ADDRESS6};`);
    expect(await lab.nodeTraffic.answerOf('127.0.0.1', 80)).toBe(`you are ${NODE_ADDRESS};`);
  });

  test('leads from pods of the node to the pod, from the pod itself too', async () => {
    await table.add(holder(a, WEB));
    expect(await b.traffic.answerOf(NODE_ADDRESS, 80)).toBe(`you are ${b.address};`);
    expect(await b.traffic.answerOf(NODE_ADDRESS6, 80)).toBe(`you are ${b.address6};`);
    expect(await a.traffic.reaches(NODE_ADDRESS, 80)).toBe(true);
    expect(await a.traffic.reaches(NODE_ADDRESS6, 80)).toBe(true);
  });

  test('with a hostIP is a port of that address only', async () => {
    await table.add(holder(a, BOUND));
    expect(await lab.outside.reaches(NODE_ADDRESS, 81)).toBe(true);
    expect(await lab.outside.answerOf(NODE_ADDRESS6, 81)).toBe('ECONNREFUSED');
    expect(await lab.nodeTraffic.answerOf('127.0.0.1', 81)).toBe('ECONNREFUSED');
  });

  test('does not take the same port of other machines', async () => {
    await table.add(holder(a, { ...WEB, hostPort: SERVER_PORT }));
    expect(await b.traffic.answerOf(OUTSIDE_ADDRESS, SERVER_PORT)).toBe(`you are ${b.address};`);
    expect(await a.traffic.answerOf(b.address, SERVER_PORT)).toBe(`you are ${a.address};`);
  });

  test('is gone with its pod, and leads to the next that has it', async () => {
    await table.add(holder(a, WEB));
    await table.remove(a);
    expect(await lab.outside.answerOf(NODE_ADDRESS, 80)).toBe('ECONNREFUSED');
    await table.add(holder(b, WEB));
    expect(await lab.outside.reaches(NODE_ADDRESS, 80)).toBe(true);
  });

  test('follows a pod to its new sandbox, and the old one takes nothing with it', async () => {
    await table.add(holder(a, WEB));
    await table.add({ ...holder(b, WEB), podUid: a.hostInterface });
    await table.remove(a);
    expect(table.faults(holder(b, WEB))).toEqual([]);
    expect(table.faults(holder(a, WEB))).not.toEqual([]);
  });
});

describe('policy', () => {
  test('judges what comes by a port of the node by who dials and by the pod that is reached', async () => {
    await table.add(holder(a, WEB));
    await policy.reset(FACTS6, policyOf([{ ingress: 'shut' }], new Map([['shut', chain('deny')]])));
    expect(await lab.outside.answerOf(NODE_ADDRESS, 80)).toBe('silence');
    expect(await b.traffic.answerOf(NODE_ADDRESS6, 80)).toBe('silence');
    expect(await lab.nodeTraffic.reaches('127.0.0.1', 80)).toBe(true);
    expect(await a.traffic.reaches(NODE_ADDRESS, 80)).toBe(true);
    const open = chain('deny', { ports: [{ protocol: 'TCP', from: SERVER_PORT, to: SERVER_PORT }] });
    await policy.reset(FACTS6, policyOf([{ ingress: 'open' }], new Map([['open', open]])));
    expect(await lab.outside.reaches(NODE_ADDRESS, 80)).toBe(true);
  });

  test('a pod with a port of the node does not reach what listens on the loopback of the node', async () => {
    // In the pod's namespace, 127.0.0.1 is made an address behind the pod's interface.
    lab.netns.ip(a.netnsPath, 'route', 'flush', 'table', 'local', 'dev', 'lo');
    lab.netns.ip(a.netnsPath, 'route', 'add', '127.0.0.1', 'via', '169.254.1.1', 'dev', 'eth0', 'src', a.address);
    inNetns(a.netnsPath, () => writeFileSync('/proc/sys/net/ipv4/conf/eth0/route_localnet', '1'));
    await lab.nodeTraffic.listenUdp(7100);
    await a.traffic.sendUdp('127.0.0.1', 7100, 'unguarded');
    await table.add(holder(a, WEB));
    await a.traffic.sendUdp('127.0.0.1', 7100, 'guarded');
    await table.reset([]);
    await a.traffic.sendUdp('127.0.0.1', 7100, 'unguarded again');
    const said = ['unguarded', 'unguarded again'].map((text) => `${a.address}: ${text}`);
    expect(await heard(lab.nodeTraffic, 7100, 2)).toEqual(said);
  });
});

describe('UDP', () => {
  test('of a client that dialled before the pod was there comes to the pod, and then to the next one', async () => {
    await a.traffic.listenUdp(5353);
    await b.traffic.listenUdp(5353);
    const say = (text: string) => lab.outside.sendUdp(NODE_ADDRESS, 53, text, undefined, 4444);
    await say('nobody');
    await table.add(holder(a, DNS));
    await say('a');
    expect(await heard(a.traffic, 5353, 1)).toEqual([`${OUTSIDE_ADDRESS}: a`]);
    await table.remove(a);
    await table.add(holder(b, DNS));
    await say('b');
    expect(await heard(b.traffic, 5353, 1)).toEqual([`${OUTSIDE_ADDRESS}: b`]);
  });
});

describe('the table', () => {
  test('is only there while a pod has such a port', async () => {
    await table.add(holder(a));
    expect(lab.nft('list tables')).not.toContain('weft_hostports');
    await table.add(holder(a, WEB));
    expect(lab.nft('list tables')).toContain('weft_hostports');
    await table.remove(a);
    expect(lab.nft('list tables')).not.toContain('weft_hostports');
  });

  test.each([
    'delete table inet weft_hostports',
    'flush chain inet weft_hostports translate',
    'flush map inet weft_hostports any4',
  ])('is put back after %s', async (damage) => {
    await table.add(holder(a, WEB, BOUND, DNS));
    expect(await table.repair()).toBe(false);
    lab.nft(damage);
    expect(await table.repair()).toBe(true);
    expect(await lab.outside.reaches(NODE_ADDRESS, 80)).toBe(true);
    expect(await table.repair()).toBe(false);
  });

  test('is replaced by a new agent with what its pods have, and says what they had to one without a journal', async () => {
    await table.add(holder(a, WEB, BOUND, DNS));
    const next = new HostPortTable(lab.node.path);
    expect(
      next
        .read()
        .get(a.address)
        ?.toSorted((x, y) => x.hostPort - y.hostPort),
    ).toEqual([DNS, WEB, BOUND]);
    await next.reset([holder(b, WEB)]);
    expect([...next.read().keys()].sort()).toEqual([b.address, b.address6]);
    await next.reset([]);
    expect(lab.nft('list tables')).not.toContain('weft_hostports');
    await next.close();
  });

  test('holds SCTP as it holds TCP', async () => {
    const sctp: HostPort = { protocol: 'SCTP', hostPort: 3868, containerPort: 3868 };
    await table.add(holder(a, sctp));
    expect(table.faults(holder(a, sctp))).toEqual([]);
    expect(lab.nft('-n list map inet weft_hostports any6')).toContain(`132 . 3868 : ${a.address6} . 3868`);
  });
});
