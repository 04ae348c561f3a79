import { appendFileSync, existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { waitForRollout, WEFT_NAMESPACE } from '../../lab/cluster/install.ts';
import { nodeFolder } from '../../lab/cluster/node.ts';
import {
  applyObjects,
  eventually,
  execInPod,
  getObject,
  hostReaches,
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
  await applyObjects(pool('tight', {}), pool('strict', { cidr: '10.83.0.16/28', borrowing: 'Disabled' }));
  for (const name of ['tight', 'strict']) await kube('wait', 'ippool', name, '--for=condition=Ready', '--timeout=30s');
  await applyObjects(namespace(NS), pod(`${NS}/a1`, { node: 'node-1' }), pod(`${NS}/a2`, { node: 'node-2' }));
  await podsReady(NS);
});

afterAll(async () => {
  await kube('delete', 'namespace', NS);
  await kube('delete', 'ippool', 'tight', 'strict', '--timeout=90s');
});

/** Of one block only. */
function pool(name: string, spec: object): object {
  const common = { cidr: '10.83.0.0/28', blockSize: 28, assignment: 'Manual' };
  return { apiVersion: 'weft.dev/v1alpha1', kind: 'IPPool', metadata: { name }, spec: { ...common, ...spec } };
}

function podOf(poolName: string, name: string, node: string): object {
  return pod(`${NS}/${name}`, { node, annotations: { 'weft.dev/ip-pools': poolName } });
}

async function blocksOf(poolName: string): Promise<{ nodeName: string; cidr: string; lender?: string }[]> {
  const { items } = await getObject<{
    items: { spec: { poolName: string; nodeName: string; cidr: string; lender?: string } }[];
  }>('ipblocks');
  return items.map(({ spec }) => spec).filter((spec) => spec.poolName === poolName);
}

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

/** Of node-1. */
const JOURNAL = path.join(nodeFolder(TEST_CLUSTER, 'node-1'), 'fs/var/lib/weft/leases.journal');

async function restartAgent(): Promise<void> {
  const ofNode = ['-l', 'app=weft-agent', '--field-selector=spec.nodeName=node-1'];
  await kube('-n', WEFT_NAMESPACE, 'delete', 'pod', ...ofNode, '--force', '--grace-period=0');
  await waitForRollout(TEST_CLUSTER, WEFT_NAMESPACE, 'daemonset/weft-agent');
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
  appendFileSync(JOURNAL, `${JSON.stringify(entry)}\n`);
  await restartAgent();
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

test("where no block is left a pod gets an address out of another node's block, and reaches and is reached", async () => {
  await applyObjects(podOf('tight', 'lender', 'node-1'), podOf('strict', 'owner', 'node-1'));
  await podsReady(NS);
  await applyObjects(podOf('tight', 'borrower', 'node-2'), podOf('strict', 'waits', 'node-2'));
  await kube('-n', NS, 'wait', 'pod', 'borrower', '--for=condition=Ready', '--timeout=60s');
  const [lender, borrower] = [await podAddress(`${NS}/lender`), await podAddress(`${NS}/borrower`)];
  const blocks = await blocksOf('tight');
  expect(blocks).toHaveLength(2);
  expect(blocks).toContainEqual(expect.objectContaining({ nodeName: 'node-1', cidr: '10.83.0.0/28' }));
  expect(blocks).toContainEqual(expect.objectContaining({ nodeName: 'node-2', lender: 'node-1' }));
  // Of the lender's node and the borrower's own: pods beside each other, and the hosts.
  const reached = await Promise.all([
    ...['lender', 'a1', 'a2'].map((from) => reaches(`${NS}/${from}`, borrower)),
    ...[lender, await podAddress(`${NS}/a1`), await podAddress(`${NS}/a2`)].map((to) => reaches(`${NS}/borrower`, to)),
    ...['node-1', 'node-2'].map((node) => hostReaches(node, borrower)),
  ]);
  expect(reached).toEqual(reached.map(() => true));
  await allIsWell();
});

test('a lender that has lost its journal knows again what it has lent', async () => {
  rmSync(JOURNAL);
  await restartAgent();
  await eventually('it is written anew', async () => existsSync(JOURNAL));
  const lent = () =>
    readFileSync(JOURNAL, 'utf8')
      .split('\n')
      .filter((line) => line.includes('"op":"lend"'));
  await eventually('what is lent is in it', async () => lent().length === 1, 30_000);
  await allIsWell();
  expect(await reaches(`${NS}/lender`, await podAddress(`${NS}/borrower`))).toBe(true);
});

test('where borrowing is disabled the pod waits, and is told why', async () => {
  // The pod's own event comes with the end of its ADD, after 90 s.
  const told = async () =>
    (await kube('-n', WEFT_NAMESPACE, 'logs', '-l', 'app=weft-agent', '--tail=-1')).includes(
      'spec.borrowing is Disabled',
    );
  await eventually('the agent says it', told);
  expect(await blocksOf('strict')).toHaveLength(1);
  await kube('-n', NS, 'delete', 'pod', 'waits', '--grace-period=0', '--force');
});

test('what is borrowed goes back when its pod is gone, and the lender gives it to its own pods again', async () => {
  await kube('-n', NS, 'delete', 'pod', 'borrower', '--grace-period=1');
  await eventually('it is given back', async () => (await blocksOf('tight')).length === 1, 90_000);
  // All 15 that a pod can have: more than there are without what was lent.
  const names = Array.from({ length: 14 }, (_, index) => `own-${index}`);
  await applyObjects(...names.map((name) => podOf('tight', name, 'node-1')));
  await kube('-n', NS, 'wait', 'pod', ...names, '--for=condition=Ready', '--timeout=120s');
  await allIsWell();
});
