import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { AgentLab } from './agent-lab.ts';

const lab = new AgentLab();

beforeAll(async () => {
  await lab.start();
  await lab.tell('slow', { bandwidth: { ingressBitsPerSecond: 2_000_000 } });
}, 60_000);
afterAll(() => lab.close());

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

test('a malformed wish is refused, and the field is named', () => {
  const refused = lab.cni('ADD', 'slow', { runtimeConfig: { bandwidth: { egressRate: '1M' } } });
  expect(refused).toMatchObject({ code: 7, msg: expect.stringContaining('runtimeConfig.bandwidth.egressRate') });
});
