import { rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { AGENT_NODE, AGENT_OUTSIDE, AgentLab } from './agent-lab.ts';
import type { Traffic } from './traffic.ts';

const lab = new AgentLab();
let outside: Traffic;

const ports = (hostPort: number, containerPort: number) => ({
  runtimeConfig: { portMappings: [{ hostPort, containerPort, protocol: 'tcp' }] },
});

beforeAll(async () => {
  await lab.start();
  for (const name of ['web', 'other']) await lab.tell(name);
  await lab.tell('slow', { bandwidth: { ingressBitsPerSecond: 2_000_000 } });
  outside = await lab.traffic(lab.outsidePath);
  const web = await lab.traffic(lab.netnsOf('web'));
  await web.listenTcp(8080);
}, 60_000);
afterAll(() => lab.close());

describe('a hostPort that the runtime asks for', () => {
  test('leads to the pod, is part of CHECK, and is nobody else’s', async () => {
    expect(lab.cni('ADD', 'web', ports(80, 8080))).toMatchObject({ code: 0 });
    expect(await outside.answerOf(AGENT_NODE, 80)).toBe(`you are ${AGENT_OUTSIDE};`);
    expect(lab.cni('CHECK', 'web')).toEqual({ code: 0 });
    const refused = lab.cni('ADD', 'other', ports(80, 9090));
    expect(refused.code).toBe(104);
    expect(refused.msg).toContain('shop/other: hostPort TCP *:80: a pod of this node has TCP *:80 already');
  });

  test('that is malformed is refused, and the field is named', () => {
    const refused = lab.cni('ADD', 'other', ports(80_000, 1));
    expect(refused).toMatchObject({ code: 7, msg: expect.stringContaining('runtimeConfig.portMappings[0].hostPort') });
  });

  test('is there after a restart of the agent, with its journal and without', async () => {
    await lab.node.restart();
    expect(await outside.reaches(AGENT_NODE, 80)).toBe(true);
    await lab.node.stop();
    rmSync(path.join(lab.folder, 'state/leases.journal'));
    await lab.node.restart();
    await lab.tell('web', { addresses: ['10.42.0.1'] });
    expect(await outside.reaches(AGENT_NODE, 80)).toBe(true);
    expect(lab.cni('CHECK', 'web')).toEqual({ code: 0 });
    expect(lab.cni('ADD', 'other', ports(80, 9090)).code).toBe(104);
  });

  test('that somebody took away fails CHECK', () => {
    lab.onNode('nft', 'flush', 'map', 'inet', 'weft_hostports', 'any4');
    expect(lab.cni('CHECK', 'web')).toMatchObject({ code: 102, msg: expect.stringContaining('lacks 6 . 80 :') });
  });

  test('is gone after DEL, and free for the next pod', async () => {
    expect(lab.cni('DEL', 'web')).toEqual({ code: 0 });
    expect(await outside.answerOf(AGENT_NODE, 80)).toBe('ECONNREFUSED');
    expect(lab.onNode('nft', 'list', 'tables')).not.toContain('weft_hostports');
    expect(lab.cni('ADD', 'other', ports(80, 9090)).code).toBe(0);
    expect(lab.cni('DEL', 'other').code).toBe(0);
  });
});

test('a bandwidth that the runtime asks for counts where the annotation is silent, also after a restart', async () => {
  const bandwidth = { ingressRate: 1_000_000, ingressBurst: 1, egressRate: 3_000_000, egressBurst: 1 };
  expect(lab.cni('ADD', 'slow', { runtimeConfig: { bandwidth } }).code).toBe(0);
  const rates = () => [
    /rate (\w+)/.exec(lab.onNode('tc', 'qdisc', 'show'))?.[1],
    /rate (\w+)/.exec(
      lab.onNode('ip', 'netns', 'exec', path.basename(lab.netnsOf('slow')), 'tc', 'qdisc', 'show'),
    )?.[1],
  ];
  expect(rates()).toEqual(['2Mbit', '3Mbit']);
  await lab.node.restart();
  expect(lab.cni('CHECK', 'slow')).toEqual({ code: 0 });
});
