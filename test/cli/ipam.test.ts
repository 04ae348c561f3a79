import { expect, test } from '@jest/globals';
import { createProgram } from '../../src/cli/program.ts';
import type { IpamAnswer, IpamAsk } from '../../src/model/ipam/ask.ts';
import { checkAddresses } from '../../src/model/ipam/check-addresses.ts';
import { usageOf, whoHas } from '../../src/model/ipam/usage.ts';
import { block, whereFirstSays, world } from '../model/ipam/address-world.ts';

const asked: [string, IpamAsk][] = [];

/** What the command prints, and its exit code, when the operator answers this. */
async function weft(answer: IpamAnswer, ...args: string[]): Promise<{ readonly text: string; readonly code: number }> {
  const printed: string[] = [];
  let code = -1;
  const unused = () => Promise.reject(new Error('not asked for here'));
  const ports = {
    readFile: () => '',
    print: (text: string) => printed.push(text),
    ...{
      view: unused,
      policyWorld: unused,
      meshParts: unused,
      remove: unused,
      clusterObjects: unused,
      listFiles: () => [],
    },
    askIpam: async (namespace: string, ask: IpamAsk) => {
      asked.push([namespace, ask]);
      return answer;
    },
  };
  await createProgram(ports, (of) => {
    code = of;
  }).parseAsync(['node', 'weft', 'ipam', ...args]);
  return { text: printed.join('\n'), code };
}

function checked(findings = checkAddresses(world()), more: object = {}): IpamAnswer {
  return { what: 'check', check: { findings, findingsLeftOff: 0, repaired: [], refused: [], ...more } };
}

test('show has a row for each pool and each block', async () => {
  const usage = usageOf(world());
  const { text, code } = await weft({ what: 'usage', usage, blocksLeftOff: 3 }, 'show');
  expect(code).toBe(0);
  expect(text).toMatch(/^main +10\.42\.0\.0\/24 +2 of 4 +2 +0 +250$/m);
  expect(text).toMatch(/^n1 +10\.42\.0\.0\/26 +main +1 +0 +60$/m);
  expect(text).toContain('3 more blocks: kubectl get ipblocks');
});

test('show of an address says who has it', async () => {
  const address = whoHas(world(), '10.42.0.5');
  if (typeof address === 'string') throw new Error(address);
  const { text } = await weft({ what: 'address', address }, 'show', '10.42.0.5', '-n', 'elsewhere');
  expect(asked.at(-1)).toEqual(['elsewhere', { what: 'address', address: '10.42.0.5' }]);
  expect(text).toMatch(/^state +held\n +pod shop\/web, on n1/m);
  expect(text).toMatch(/^block +10\.42\.0\.0\/26 of n1$/m);
});

test('a refusal is said, and fails', async () => {
  const refused = await weft({ what: 'refusal', message: 'no address' }, 'show', 'ten');
  expect(refused).toEqual({ text: 'refused: no address', code: 1 });
});

test('check succeeds when all is well, also where there is something to note', async () => {
  expect(await weft(checked(), 'check')).toMatchObject({ code: 0, text: expect.stringMatching(/^no problems/) });
  const quarantined = checkAddresses(world({ blocks: [...world().blocks, block('10.42.0.128/26', 'n3')] }));
  const notes = quarantined.filter(({ isNote }) => isNote);
  expect(notes).toHaveLength(1);
  expect(await weft(checked(notes), 'check')).toMatchObject({ code: 0, text: expect.stringMatching(/^note +Quaran/m) });
});

test('check fails with problems, each with what to do next', async () => {
  const findings = checkAddresses(whereFirstSays({ strayLinks: ['weft-old'] }));
  const { text, code } = await weft(checked(findings), 'check');
  expect(code).toBe(1);
  expect(text).toMatch(/^problem +StrayLink +n1 +weft-old +the link .* weft ipam check --fix$/m);
  expect(text).toMatch(/1 problems, each found by two looks/);
});

test('check --fix says what was put right and what was left', async () => {
  const { text } = await weft(
    checked([], { repaired: ['n1: released 10.42.0.5'], refused: ['n2: kept'] }),
    'check',
    '--fix',
  );
  expect(asked.at(-1)?.[1]).toEqual({ what: 'check', fix: true });
  expect(text).toContain('Put right:\n  n1: released 10.42.0.5');
  expect(text).toContain('Left as it is:\n  n2: kept');
});

test('as JSON it is the whole answer, with the same exit code', async () => {
  const findings = checkAddresses(whereFirstSays({ strayLinks: ['weft-old'] }));
  const { text, code } = await weft(checked(findings), 'check', '-o', 'json');
  expect(code).toBe(1);
  expect(JSON.parse(text)).toEqual({ check: { findings, findingsLeftOff: 0, repaired: [], refused: [] } });
});
