import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { HostPorts } from '../../src/agent/dataplane/nft/host-ports.ts';
import { PolicyTable } from '../../src/agent/dataplane/nft/policy-table.ts';
import { Netns } from '../../src/agent/dataplane/netns.ts';
import { takeLoopback } from '../../src/agent/dataplane/pod-link.ts';
import { applySysctls } from '../../src/agent/dataplane/sysctl.ts';
import type { HostPortIr } from '../../src/model/node/ir.ts';
import {
  bound,
  chain,
  FACTS6,
  type LabPod,
  type NftLab,
  NODE_ADDRESS,
  NODE_ADDRESS6,
  openNftLab,
  OUTSIDE_ADDRESS,
  OUTSIDE_ADDRESS6,
  SERVER_PORT,
} from './nft-lab.ts';
import { Caller } from './service-caller.ts';

const HOST_PORT = 18_080;
const UDP_PORT = 15_353;
const TCP: HostPortIr = { protocol: 'TCP', hostPort: HOST_PORT, port: SERVER_PORT };

let lab: NftLab;
let table: HostPorts;
let a: LabPod;
let b: LabPod;

beforeAll(async () => {
  lab = await openNftLab();
  [a, b] = lab.pods;
  table = new HostPorts(lab.node.path);
  takeLoopback(lab.node, { ...a, ifname: 'eth0', addresses: [a.address], mtu: 1500 });
}, 60_000);
afterAll(async () => {
  await table.close();
  await lab.close();
});
afterEach(() => table.reset([]));

function bindA(...ports: readonly HostPortIr[]): Promise<void> {
  return table.bind({ hostInterface: a.hostInterface, addresses: [a.address, a.address6], ports });
}

describe('a port of the node leads to the pod', () => {
  const families: [string, string, string][] = [
    ['IPv4', NODE_ADDRESS, OUTSIDE_ADDRESS],
    ['IPv6', NODE_ADDRESS6, OUTSIDE_ADDRESS6],
  ];

  test.each(families)('%s: from outside, which the pod sees as it is', async (_, node, outside) => {
    await bindA(TCP);
    expect(String(await lab.outside.answerOf(node, HOST_PORT))).toContain(`you are ${outside}`);
  });

  test.each(families)('%s: from the node itself, from another pod, and from the pod itself', async (_, node) => {
    await bindA(TCP);
    expect(await lab.nodeTraffic.reaches(node, HOST_PORT)).toBe(true);
    expect(await b.traffic.reaches(node, HOST_PORT)).toBe(true);
    expect(await a.traffic.reaches(node, HOST_PORT)).toBe(true);
  });

  test("from the node's 127.0.0.1, which no pod reaches by that", async () => {
    await bindA(TCP);
    expect(await lab.nodeTraffic.reaches('127.0.0.1', HOST_PORT)).toBe(true);
    await lab.nodeTraffic.listenTcp(HOST_PORT + 1);
    // A pod that may change its own network could try.
    using inside = Netns.open(a.netnsPath);
    applySysctls(inside, { 'ipv4/conf/eth0/route_localnet': '1' });
    lab.netns.ip(a.netnsPath, 'route', 'add', '127.0.0.2/32', 'via', '169.254.1.1', 'dev', 'eth0');
    expect(await a.traffic.reaches('127.0.0.2', HOST_PORT + 1)).toBe(false);
    await table.reset([]);
    expect(await a.traffic.reaches('127.0.0.2', HOST_PORT + 1)).toBe(true);
  });

  test('at one address only, when it says so', async () => {
    await bindA({ ...TCP, address: NODE_ADDRESS });
    expect(await lab.outside.reaches(NODE_ADDRESS, HOST_PORT)).toBe(true);
    expect(await lab.outside.reaches(NODE_ADDRESS6, HOST_PORT)).toBe(false);
    expect(await lab.nodeTraffic.reaches('127.0.0.1', HOST_PORT)).toBe(false);
  });

  test('until it is given back; that of other pods stays', async () => {
    await bindA(TCP);
    await table.bind({
      hostInterface: b.hostInterface,
      addresses: [b.address],
      ports: [{ ...TCP, hostPort: HOST_PORT + 2 }],
    });
    await table.unbind(a.hostInterface);
    expect(await lab.outside.reaches(NODE_ADDRESS, HOST_PORT)).toBe(false);
    expect(await lab.outside.reaches(NODE_ADDRESS, HOST_PORT + 2)).toBe(true);
    await table.unbind(b.hostInterface);
    expect(lab.nft('list tables')).not.toContain('weft_host_ports');
  });
});

test('policy sees what is translated: the port of the pod, and who really calls', async () => {
  const policy = new PolicyTable(lab.node.path);
  const port = { protocol: 'TCP' as const, from: SERVER_PORT, to: SERVER_PORT };
  const outsiders = { type: 'cidr' as const, members: [`${OUTSIDE_ADDRESS}/32`] };
  const letIn = (peers: readonly string[]) =>
    policy.reset(FACTS6, {
      sets: new Map([['outsiders', outsiders]]),
      chains: new Map([['in', chain('deny', { peers, ports: [port] })]]),
      pods: [bound(a, { ingress: 'in' }), bound(b)],
    });
  await bindA(TCP);
  try {
    await letIn(['outsiders']);
    expect(await lab.outside.reaches(NODE_ADDRESS, HOST_PORT)).toBe(true);
    expect(await b.traffic.reaches(NODE_ADDRESS, HOST_PORT)).toBe(false);
    await letIn([]);
    expect(await lab.outside.reaches(NODE_ADDRESS, HOST_PORT)).toBe(false);
  } finally {
    await policy.remove();
    await policy.close();
  }
});

test('UDP that went nowhere before goes to the pod as soon as it has the port', async () => {
  await a.traffic.listenUdp(UDP_PORT);
  await lab.nodeTraffic.listenUdp(UDP_PORT);
  const caller = await Caller.start(lab.node.path.replace(/node$/, 'outside'));
  await caller.sendUdp('one', NODE_ADDRESS, UDP_PORT, 'before');
  await bindA({ protocol: 'UDP', hostPort: UDP_PORT, port: UDP_PORT });
  await caller.sendUdp('one', NODE_ADDRESS, UDP_PORT, 'after');
  await caller.stop();
  await sleep(200);
  expect(String(await a.traffic.heardUdp(UDP_PORT))).toContain('after');
  expect(String(await lab.nodeTraffic.heardUdp(UDP_PORT))).not.toContain('after');
});

describe('the table', () => {
  test('refuses a port that another pod has, names it, and goes on as it was', async () => {
    await bindA(TCP);
    const other = {
      hostInterface: b.hostInterface,
      addresses: [b.address],
      ports: [{ ...TCP, address: NODE_ADDRESS }],
    };
    await expect(table.bind(other)).rejects.toThrow(`port TCP ${HOST_PORT} at ${NODE_ADDRESS} of the node`);
    expect(await lab.outside.reaches(NODE_ADDRESS, HOST_PORT)).toBe(true);
  });

  test('takes the same port of the same pod again, and with another protocol', async () => {
    await bindA(TCP);
    await bindA(TCP, { ...TCP, protocol: 'UDP' });
    expect(await lab.outside.reaches(NODE_ADDRESS, HOST_PORT)).toBe(true);
  });

  test('shows when somebody else changed it, and is put back', async () => {
    await bindA(TCP);
    expect(table.verify()).toBe(true);
    lab.nft('flush chain inet weft_host_ports host_ports');
    expect(table.verify()).toBe(false);
    await table.repair();
    expect(table.verify()).toBe(true);
    expect(await lab.outside.reaches(NODE_ADDRESS, HOST_PORT)).toBe(true);
  });

  test('is not there without ports, and an earlier one is taken away', async () => {
    await bindA(TCP);
    const next = new HostPorts(lab.node.path);
    expect(next.verify()).toBe(false);
    await next.repair();
    expect(lab.nft('list tables')).not.toContain('weft_host_ports');
    await next.close();
  });
});
