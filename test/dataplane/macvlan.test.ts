import { rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { PodIr } from '../../src/model/node/ir.ts';
import { macvlanName } from '../../src/model/node/names.ts';
import { AGENT_NODE, AGENT_OUTSIDE, AGENT_POOL, AgentLab, eventually } from './agent-lab.ts';
import type { Traffic } from './traffic.ts';

const POOL = { ...AGENT_POOL, cidr: '192.0.2.128/25' };
const networks = [{ cidr: POOL.cidr, gateway: AGENT_OUTSIDE }];
const addressing: PodIr['addressing'] = {
  ...{ pools: ['pods'], families: [4], fixed: [] },
  link: { kind: 'Macvlan', networks },
};
const lab = new AgentLab();
const [WEB, CLIENT] = ['192.0.2.129', '192.0.2.130'];
let web: Traffic;
let client: Traffic;
let outside: Traffic;
let node: Traffic;

beforeAll(async () => {
  await lab.start([POOL]);
  await lab.node.put([['chain', 'shut', { rules: [], otherwise: 'deny' }]]);
  for (const name of ['web', 'client']) await lab.tell(name, { addressing });
  web = await lab.traffic(lab.netnsOf('web'));
  client = await lab.traffic(lab.netnsOf('client'));
  outside = await lab.traffic(lab.outsidePath);
  node = await lab.traffic(lab.node.netnsPath);
  for (const traffic of [web, client, outside, node]) await traffic.listenTcp(8080);
}, 60_000);
afterAll(() => lab.close());

describe('pods on macvlans', () => {
  test('are connected by ADD, which says so without a link on the node, and pass CHECK', () => {
    expect(lab.cni('ADD', 'web')).toMatchObject({
      ...{ code: 0, interfaces: [{ name: 'eth0', sandbox: lab.netnsOf('web') }] },
      ips: [{ interface: 0, address: `${WEB}/32` }],
      routes: [{ dst: POOL.cidr }, { dst: '0.0.0.0/0', gw: AGENT_OUTSIDE }],
    });
    expect(lab.cni('ADD', 'client').code).toBe(0);
    expect(lab.cni('CHECK', 'web')).toEqual({ code: 0 });
    expect(lab.onNode('ip', '-o', 'link', 'show')).not.toMatch(/^\d+: weft/m);
  });

  test('are machines of the network: each other’s, the outside’s, and as themselves', async () => {
    expect(await client.answerOf(WEB, 8080)).toBe(`you are ${CLIENT};`);
    expect(await client.answerOf(AGENT_OUTSIDE, 8080)).toBe(`you are ${CLIENT};`);
    expect(await outside.answerOf(WEB, 8080)).toBe(`you are ${AGENT_OUTSIDE};`);
  });

  test('and their node reach each other, and the network has one answer for the node’s address', async () => {
    expect(await node.answerOf(WEB, 8080)).toBe(`you are ${AGENT_NODE};`);
    expect(await client.answerOf(AGENT_NODE, 8080)).toBe(`you are ${CLIENT};`);
    lab.lab.ip(lab.outsidePath, 'neigh', 'flush', 'all');
    expect(await outside.reaches(AGENT_NODE, 8080)).toBe(true);
    const mac = /link\/ether (\S+)/.exec(lab.onNode('ip', 'link', 'show', 'eth0'))?.[1];
    expect(lab.lab.ip(lab.outsidePath, 'neigh', 'show', AGENT_NODE)).toContain(mac);
  });

  test('cannot have a hostPort, nor a limit of what comes in', async () => {
    lab.cni('DEL', 'client');
    await lab.tell('client', { addressing, hostPorts: [{ protocol: 'TCP', hostPort: 80, port: 8080 }] });
    expect(lab.cni('ADD', 'client')).toMatchObject({ code: 104, msg: expect.stringContaining('no hostPort') });
    await lab.tell('client', { addressing });
    const bandwidth = { ingressRate: 1_000_000 };
    expect(lab.cni('ADD', 'client', { runtimeConfig: { bandwidth } })).toMatchObject({
      code: 104,
      msg: expect.stringContaining('no limit of what comes in'),
    });
    expect(lab.cni('ADD', 'client').code).toBe(0);
  });

  test('are cut off by a policy that selects them, which the node then refuses, and come back without it', async () => {
    await expect(lab.tell('web', { addressing, ingressChain: 'shut' })).rejects.toThrow(
      'none can hold for podNetwork Macvlan',
    );
    expect(await outside.reaches(WEB, 8080)).toBe(false);
    expect(await client.reaches(WEB, 8080)).toBe(false);
    expect(lab.lab.ip(lab.netnsOf('web'), '-o', 'link')).not.toContain('eth0');
    await lab.tell('web', { addressing });
    expect(await eventually(() => outside.reaches(WEB, 8080))).toBe(true);
    expect(lab.cni('CHECK', 'web')).toEqual({ code: 0 });
  }, 30_000);

  test('are put back when somebody takes their link away', async () => {
    lab.lab.ip(lab.netnsOf('web'), 'link', 'del', 'eth0');
    expect(lab.cni('CHECK', 'web')).toMatchObject({ code: 102, msg: "the pod's eth0 is no macvlan" });
    expect(await eventually(() => client.reaches(WEB, 8080))).toBe(true);
  }, 30_000);

  test('that a policy selects are not connected at all', async () => {
    await lab.tell('held', { addressing, egressChain: 'shut' });
    expect(lab.cni('ADD', 'held')).toMatchObject({
      code: 104,
      msg: expect.stringContaining('a policy selects the pod'),
    });
    expect(lab.lab.ip(lab.netnsOf('held'), '-o', 'link')).not.toContain('eth0');
  });

  test('keep their addresses over a restart of the agent, with its journal and without', async () => {
    await lab.node.restart();
    expect(await outside.reaches(WEB, 8080)).toBe(true);
    expect(lab.cni('CHECK', 'web')).toEqual({ code: 0 });
    await lab.node.stop();
    rmSync(path.join(lab.folder, 'state/leases.journal'));
    await lab.node.restart();
    await lab.tell('web', { addressing, addresses: [WEB] });
    await lab.tell('late', { addressing });
    const late = lab.cni('ADD', 'late');
    expect([WEB, CLIENT].map((address) => `${address}/32`)).not.toContain(late.ips?.[0]?.address);
    expect(await outside.reaches(WEB, 8080)).toBe(true);
  }, 30_000);

  test('are gone after DEL, with what remembers them', async () => {
    for (const name of ['web', 'client', 'late']) expect(lab.cni('DEL', name).code).toBe(0);
    expect(lab.lab.ip(lab.netnsOf('late'), '-o', 'link')).not.toContain('eth0');
    expect(lab.onNode('nft', 'list', 'tables')).not.toContain('weft_macvlan');
    expect(lab.onNode('ip', 'route', 'show', 'dev', macvlanName('eth0'))).toBe('');
  });

  test('leave nothing on the node after an uninstall', async () => {
    expect(await lab.node.teardown()).toEqual([]);
    expect(lab.onNode('ip', '-o', 'link')).not.toMatch(/^\d+: \w*\.?\w*weft/m);
  });
});
