import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { AgentLab } from './agent-lab.ts';

const lab = new AgentLab();
let link = '';

beforeAll(async () => {
  await lab.start();
  await lab.node.put([['chain', 'shut', { rules: [], otherwise: 'deny' }]]);
  await lab.tell('web', { ingressChain: 'shut' });
  const added = lab.cni('ADD', 'web');
  link = added.interfaces?.[0]?.name ?? '';
}, 60_000);
afterAll(() => lab.close());

test('CHECK is content with what ADD has made, and names what of the policy was taken out of the kernel', () => {
  expect(link).toMatch(/^weft/);
  expect(lab.cni('CHECK', 'web')).toEqual({ code: 0 });
  lab.onNode('nft', 'delete', 'element', 'inet', 'weft', 'pods_in', `{ "${link}" }`);
  expect(lab.cni('CHECK', 'web')).toMatchObject({
    code: 102,
    msg: expect.stringContaining(`"${link}" : goto i_shut in pods_in`),
  });
  lab.onNode('nft', 'add', 'element', 'inet', 'weft', 'pods_in', `{ "${link}" : return }`);
  expect(lab.cni('CHECK', 'web')).toMatchObject({ code: 102, msg: expect.stringContaining('pods_in') });
  lab.onNode('nft', 'delete', 'element', 'inet', 'weft', 'pods_in', `{ "${link}" }`);
  lab.onNode('nft', 'add', 'element', 'inet', 'weft', 'pods_in', `{ "${link}" : goto i_shut }`);
  expect(lab.cni('CHECK', 'web')).toEqual({ code: 0 });
});
