import { appendFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { waitForRollout, WEFT_NAMESPACE } from '../../lab/cluster/install.ts';
import { nodeFolder } from '../../lab/cluster/node.ts';
import {
  applyObjects,
  eventually,
  execInPod,
  kube,
  namespace,
  pod,
  podAddress,
  podsReady,
  reaches,
  runOnNode,
  TEST_CLUSTER,
} from './cluster.ts';

jest.setTimeout(180_000);

const NS = 'ipam';
const STRAY = 'weft00000000abc';

beforeAll(async () => {
  await applyObjects(namespace(NS), pod(`${NS}/a1`, { node: 'node-1' }), pod(`${NS}/a2`, { node: 'node-2' }));
  await podsReady(NS);
});

afterAll(async () => {
  await kube('delete', 'namespace', NS);
});

interface Found {
  readonly kind: string;
  readonly node: string;
  readonly subject: string;
  readonly isNote: boolean;
}

interface Check {
  readonly findings: readonly Found[];
  readonly repaired: readonly string[];
}

/** The command, as a person runs it who has no rights but those of the operator's pod. */
async function weft<T>(...args: string[]): Promise<{ readonly code: number; readonly said: T }> {
  const pods = ['get', 'pods', '-l', 'app=weft-operator', '--field-selector=status.phase=Running', '-o', 'name'];
  const [operator = ''] = (await kube('-n', WEFT_NAMESPACE, ...pods)).split('\n');
  const name = `${WEFT_NAMESPACE}/${operator.replace('pod/', '')}`;
  const command = ['node', '/app/dist/weft.js', 'ipam', ...args, '-o', 'json'];
  const { code, output } = await execInPod(TEST_CLUSTER, name, command);
  // Of a command that fails, kubectl says so behind what it printed.
  return { code, said: JSON.parse(output.slice(output.indexOf('{'), output.lastIndexOf('}') + 1)) as T };
}

async function problems(
  ...args: string[]
): Promise<{ readonly kinds: string[]; readonly repaired: readonly string[] }> {
  const { said } = await weft<{ check: Check }>('check', ...args);
  const found = said.check.findings.filter(({ isNote }) => !isNote);
  return { kinds: found.map(({ kind, node, subject }) => `${kind} ${node} ${subject}`), repaired: said.check.repaired };
}

async function allIsWell(): Promise<void> {
  await eventually('all is well', async () => (await problems()).kinds.length === 0, 90_000);
}

test('check finds nothing in a cluster where nothing is wrong, and show says who has an address', async () => {
  await allIsWell();
  const address = await podAddress(`${NS}/a1`);
  const { code, said } = await weft<{ address: object }>('show', address);
  expect(code).toBe(0);
  expect(said.address).toMatchObject({
    ...{ address, state: 'held', node: 'node-1', pool: 'default' },
    holders: [expect.stringContaining(`pod ${NS}/a1, on node-1`)],
  });
});

test('a lease whose DEL was lost and a link without a lease are found and, with --fix, gone; pods notice nothing', async () => {
  await allIsWell();
  const [used, target] = [await podAddress(`${NS}/a1`), await podAddress(`${NS}/a2`)];
  const [a = '', b = '', c = ''] = used.split('.');
  const leaked = `${a}.${b}.${c}.${Number(used.split('.')[3]) | 62}`;
  const entry = {
    op: 'lease',
    podUid: 'lost',
    ifname: 'eth0',
    containerId: 'lost',
    netns: '/run/netns/lost',
    address: leaked,
  };
  const journal = path.join(nodeFolder(TEST_CLUSTER, 'node-1'), 'fs/var/lib/weft/leases.journal');
  appendFileSync(journal, `${JSON.stringify(entry)}\n`);
  const ofNode = ['-l', 'app=weft-agent', '--field-selector=spec.nodeName=node-1'];
  await kube('-n', WEFT_NAMESPACE, 'delete', 'pod', ...ofNode, '--force', '--grace-period=0');
  await waitForRollout(TEST_CLUSTER, WEFT_NAMESPACE, 'daemonset/weft-agent');
  await runOnNode(TEST_CLUSTER, 'node-1', ['ip', 'link', 'add', STRAY, 'type', 'veth', 'peer', 'name', 'strayend']);

  const expected = [`LeakedLease node-1 ${leaked}`, `StrayLink node-1 ${STRAY}`];
  await eventually('both are found', async () => (await problems()).kinds.join() === expected.join(), 40_000);
  const { kinds, repaired } = await problems('--fix');
  expect(kinds).toEqual([]);
  expect(repaired).toContain(`node-1: released ${leaked}`);
  expect(repaired).toContain('node-1: took away 1 links that no lease names');
  expect(await podAddress(`${NS}/a1`)).toBe(used);
  expect(await reaches(`${NS}/a1`, target)).toBe(true);
  const { said } = await weft<{ address: object }>('show', leaked);
  expect(said.address).not.toMatchObject({ state: 'held' });
});
