import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { SendingLab } from './sending-lab.ts';

let lab: SendingLab;

beforeAll(async () => {
  lab = await SendingLab.start();
  await lab.apply({ split: { rules: [{ backends: [{ service: 'a' }, { service: 'b' }] }] } });
}, 60_000);
afterAll(() => lab.close(), 30_000);

test('what proxies hold is what they have said', async () => {
  await lab.until('both hold it', async () => (await lab.heal()).length === 0);
  expect(await lab.heal()).toEqual([]);
  expect(await lab.proxiesHealed(4)).toBe(0);
});

test('what one does not hold as it has said is told to it again', async () => {
  const told = () => lab.stat('cluster_manager.cds.update_success');
  const before = await told();
  /** As if the cluster of `a` had an older form there, and that of `b` were not there. */
  const lying = (text: string) => {
    const dump = JSON.parse(text) as { configs?: { cluster?: { name: string }; version_info?: string }[] };
    const configs = (dump.configs ?? []).filter(({ cluster }) => cluster?.name !== 'shop/b:80');
    for (const one of configs) if (one.cluster?.name === 'shop/a:80') one.version_info = 'older';
    return JSON.stringify({ ...dump, configs });
  };
  const healed = (await lab.heal(lying)).map(({ name, held }) => [name, held]);
  expect(healed.sort()).toEqual([
    ['shop/a:80', 'older'],
    ['shop/b:80', undefined],
  ]);
  await lab.until('it is told', async () => (await told()) > before);
  await lab.until('all is as it should be', async () => (await lab.heal()).length === 0);
});
