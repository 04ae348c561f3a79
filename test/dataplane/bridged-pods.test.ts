import { rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { PodIr } from '../../src/model/node/ir.ts';
import { bridgeName } from '../../src/model/node/names.ts';
import { AGENT_NODE, AGENT_OUTSIDE, AgentLab, eventually } from './agent-lab.ts';
import type { Traffic } from './traffic.ts';

const BRIDGE = bridgeName('pods');
const addressing: PodIr['addressing'] = {
  ...{ pools: ['pods'], families: [4], fixed: [] },
  link: { kind: 'Bridge', bridge: BRIDGE },
};
const WEB: Partial<PodIr> = { addressing, hostPorts: [{ protocol: 'TCP', hostPort: 80, port: 8080 }] };
const lab = new AgentLab();
let web: Traffic;
let client: Traffic;
let address = '';
let clientAddress = '';

beforeAll(async () => {
  await lab.start();
  const all = { peers: 'any', ports: 'any', origin: 'NetworkPolicy a/b' } as const;
  await lab.node.put([
    ['chain', 'shut', { rules: [], otherwise: 'deny' }],
    ['chain', 'rejecting', { rules: [{ action: 'reject', ...all }], otherwise: 'deny' }],
    ['chain', 'limited', { rules: [], otherwise: 'allow', limits: [{ origin: all.origin, max: 1 }] }],
  ]);
  await lab.tell('web', WEB);
  await lab.tell('client', { addressing });
  web = await lab.traffic(lab.netnsOf('web'));
  client = await lab.traffic(lab.netnsOf('client'));
  await web.listenTcp(8080);
}, 60_000);
afterAll(() => lab.close());

test('pods of a pool with bridges are connected by ADD, with a hostPort, and pass CHECK', async () => {
  const added = lab.cni('ADD', 'web');
  address = added.ips?.[0]?.address.replace('/32', '') ?? '';
  const second = lab.cni('ADD', 'client');
  clientAddress = second.ips?.[0]?.address.replace('/32', '') ?? '';
  expect(await client.reaches(address, 8080)).toBe(true);
  const outside = await lab.traffic(lab.outsidePath);
  expect(await outside.answerOf(AGENT_NODE, 80)).toBe(`you are ${AGENT_OUTSIDE};`);
  const node = await lab.traffic(lab.node.netnsPath);
  expect(await node.reaches('127.0.0.1', 80)).toBe(true);
  expect(await web.reaches(AGENT_NODE, 80)).toBe(true);
  expect(lab.cni('CHECK', 'web')).toEqual({ code: 0 });
});

test('are held to a policy that comes later, and let go by its end', async () => {
  await lab.tell('web', { ...WEB, ingressChain: 'shut' });
  expect(await client.reaches(address, 8080)).toBe(false);
  await lab.tell('web', WEB);
  expect(await client.reaches(address, 8080)).toBe(true);
});

test('hear of it when they are rejected, by either end, and are held to limits', async () => {
  await lab.tell('web', { ...WEB, ingressChain: 'rejecting' });
  expect(await client.dial(address, 8080)).toBe('ECONNREFUSED');
  await lab.tell('web', { ...WEB, ingressChain: 'limited' });
  await lab.tell('client', { addressing, egressChain: 'rejecting' });
  expect(await client.dial(address, 8080)).toBe('ECONNREFUSED');
  await lab.tell('client', { addressing });
  expect(await client.dial(address, 8080)).toEqual(expect.any(Number));
  expect(await client.dial(address, 8080)).toBe('silence');
  await lab.tell('web', WEB);
  expect(await client.reaches(address, 8080)).toBe(true);
});

test('are there after a restart of the agent, with its journal and without', async () => {
  await lab.node.restart();
  expect(await client.reaches(address, 8080)).toBe(true);
  await lab.node.stop();
  rmSync(path.join(lab.folder, 'state/leases.journal'));
  await lab.node.restart();
  await lab.tell('web', { ...WEB, addresses: [address] });
  await lab.tell('client', { addressing, addresses: [clientAddress] });
  expect(await eventually(() => client.reaches(address, 8080))).toBe(true);
  expect(lab.cni('CHECK', 'web')).toEqual({ code: 0 });
});

test('are gone after DEL, ways and guard too', () => {
  expect(lab.cni('DEL', 'web').code).toBe(0);
  expect(lab.onNode('ip', 'route', 'show', 'dev', BRIDGE)).not.toContain(address);
  expect(lab.onNode('nft', 'list', 'tables')).toContain('weft_bridge');
  expect(lab.cni('DEL', 'client').code).toBe(0);
  expect(lab.onNode('nft', 'list', 'tables')).not.toContain('weft_bridge');
});
