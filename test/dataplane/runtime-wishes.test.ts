import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ChainIr } from '../../src/model/node/ir.ts';
import { AgentLab } from './agent-lab.ts';

const lab = new AgentLab();

beforeAll(async () => {
  await lab.start();
  await lab.tell('slow', { bandwidth: { ingressBitsPerSecond: 2_000_000 } });
}, 60_000);
afterAll(() => lab.close());

/** To the pod, and from it. */
function rates(): (string | undefined)[] {
  const inside = ['ip', 'netns', 'exec', path.basename(lab.netnsOf('slow'))];
  const shown = [lab.onNode('tc', 'qdisc', 'show'), lab.onNode(...inside, 'tc', 'qdisc', 'show')];
  return shown.map((of) => /rate (\w+)/.exec(of)?.[1]);
}

test('a bandwidth that the runtime asks for counts where the annotation is silent, also after a restart', async () => {
  const bandwidth = { ingressRate: 1_000_000, ingressBurst: 1, egressRate: 3_000_000, egressBurst: 1 };
  expect(lab.cni('ADD', 'slow', { runtimeConfig: { bandwidth } }).code).toBe(0);
  expect(rates()).toEqual(['2Mbit', '3Mbit']);
  await lab.node.restart();
  expect(lab.cni('CHECK', 'slow')).toEqual({ code: 0 });
});

test("a policy's bandwidth holds pods back that run, beside their own limits, until it goes", async () => {
  const bandwidth = { ingressBitsPerSecond: 2_000_000 };
  const chain = (bitsPerSecond: number): ChainIr => ({
    ...{ rules: [], otherwise: 'allow' },
    bandwidth: { bitsPerSecond, origin: 'NetworkPolicy shop/slow' },
  });
  expect(rates()).toEqual(['2Mbit', '3Mbit']);
  await lab.node.put([
    ['chain', 'slower', chain(1_000_000)],
    ['chain', 'faster', chain(8_000_000)],
  ]);
  await lab.tell('slow', { bandwidth, ingressChain: 'slower', egressChain: 'faster' });
  expect(rates()).toEqual(['1Mbit', '3Mbit']);
  expect(lab.cni('CHECK', 'slow')).toEqual({ code: 0 });
  await lab.node.restart();
  await lab.tell('slow', { bandwidth });
  expect(rates()).toEqual(['2Mbit', '3Mbit']);
});

test('a malformed wish is refused, and the field is named', () => {
  const refused = lab.cni('ADD', 'slow', { runtimeConfig: { bandwidth: { egressRate: '1M' } } });
  expect(refused).toMatchObject({ code: 7, msg: expect.stringContaining('runtimeConfig.bandwidth.egressRate') });
});
