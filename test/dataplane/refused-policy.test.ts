import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ChainIr } from '../../src/model/node/ir.ts';
import { AgentLab } from './agent-lab.ts';
import type { Traffic } from './traffic.ts';

const lab = new AgentLab();
const addresses: Record<string, string> = {};
let caller: Traffic;

const SHUT: ChainIr = { rules: [], otherwise: 'deny' };
const OPEN: ChainIr = { rules: [], otherwise: 'allow' };
/** No kernel takes a range that ends before it begins. */
const BAD: ChainIr = {
  rules: [
    {
      ...{ action: 'allow', peers: 'any', origin: 'NetworkPolicy shop/bad' },
      ports: [{ protocol: 'TCP', from: 90, to: 80 }],
    },
  ],
  otherwise: 'deny',
};

beforeAll(async () => {
  await lab.start();
  await lab.node.put([['chain', 'old', SHUT]]);
  for (const name of ['caller', 'good', 'bad']) {
    await lab.tell(name, name === 'caller' ? {} : { ingressChain: 'old' });
    addresses[name] = lab.cni('ADD', name).ips?.[0]?.address.replace(/\/.*/, '') ?? '';
  }
  for (const name of ['good', 'bad']) await (await lab.traffic(lab.netnsOf(name))).listenTcp(80);
  caller = await lab.traffic(lab.netnsOf('caller'));
}, 60_000);
afterAll(() => lab.close());

test('a policy that the kernel refuses is named and leaves its pods as they were; all others come into force', async () => {
  const pod = (name: string, ingressChain: string) =>
    ['pod', `uid-${name}`, { ...lab.podOf(name), ingressChain }] as const;
  const change = lab.node.put(
    [['chain', 'worse', BAD], ['chain', 'better', OPEN], pod('bad', 'worse'), pod('good', 'better')],
    [['chain', 'old']],
  );
  await expect(change).rejects.toThrow(/chain worse: nftables refused.*pod uid-bad: its policy was refused/s);
  expect(await caller.reaches(addresses['good'] ?? '', 80)).toBe(true);
  expect(await caller.reaches(addresses['bad'] ?? '', 80)).toBe(false);
  expect(lab.cni('CHECK', 'bad')).toEqual({ code: 0 });
  await lab.node.put([pod('bad', 'better')], [['chain', 'old']]);
  expect(await caller.reaches(addresses['bad'] ?? '', 80)).toBe(true);
});
