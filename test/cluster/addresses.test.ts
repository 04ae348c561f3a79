import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import {
  applyObjects,
  eventually,
  getObject,
  hostReaches,
  kube,
  namespace,
  pod,
  podAddresses,
  podsReady,
  reaches,
} from './cluster.ts';

jest.setTimeout(180_000);

const NS = 'addresses';
const CHOSEN = 'addresses-chosen';
const POOLS = ['manual', 'tenants', 'second-node', 'manual-ipv6'];

function pool(name: string, spec: object): object {
  return { apiVersion: 'weft.dev/v1alpha1', kind: 'IPPool', metadata: { name }, spec };
}

beforeAll(async () => {
  await applyObjects(
    pool('manual', { cidr: '10.80.0.0/24', blockSize: 28, assignment: 'Manual', reserved: ['10.80.0.0/29'] }),
    pool('manual-ipv6', { cidr: 'fd00:80::/112', assignment: 'Manual' }),
    pool('tenants', { cidr: '10.81.0.0/24', blockSize: 28, namespaceSelector: { matchLabels: { tenant: 'yes' } } }),
    pool('second-node', {
      cidr: '10.82.0.0/24',
      blockSize: 28,
      assignment: 'Manual',
      nodeSelector: { matchLabels: { 'kubernetes.io/hostname': 'node-2' } },
    }),
  );
  for (const name of POOLS) await kube('wait', 'ippool', name, '--for=condition=Ready', '--timeout=30s');
  await applyObjects(
    namespace(NS),
    namespace(CHOSEN, { tenant: 'yes' }),
    pod(`${NS}/a1`, { node: 'node-1' }),
    pod(`${NS}/b1`, { node: 'node-1' }),
    pod(`${NS}/a2`, { node: 'node-2' }),
    pod(`${CHOSEN}/tenant`, { node: 'node-1' }),
    pod(`${NS}/manual`, { node: 'node-1', annotations: { 'weft.dev/ip-pools': 'manual, manual-ipv6' } }),
    pod(`${NS}/ipv4-only`, { node: 'node-1', annotations: { 'weft.dev/ip-pools': 'manual' } }),
    pod(`${NS}/fixed`, {
      node: 'node-2',
      annotations: { 'weft.dev/ip-pools': 'manual', 'weft.dev/ip-addresses': '10.80.0.77' },
    }),
  );
  await podsReady(NS);
  await podsReady(CHOSEN);
});

afterAll(async () => {
  await kube('delete', 'namespace', NS, CHOSEN, '--ignore-not-found');
});

describe('with a pool of each family', () => {
  test('each pod has an address of both', async () => {
    for (const name of ['a1', 'b1', 'a2']) {
      const [four, six, ...more] = await podAddresses(`${NS}/${name}`);
      expect(four).toMatch(/^10\.244\./);
      expect(six).toMatch(/^fd00:10:244:0?:/);
      expect(more).toEqual([]);
    }
  });

  test.each([
    ['on the same node', 'b1', 'a1'],
    ['across nodes', 'a1', 'a2'],
    ['across nodes, the other way', 'a2', 'a1'],
  ])('IPv6 carries traffic %s', async (_, from, to) => {
    const [, six = ''] = await podAddresses(`${NS}/${to}`);
    expect(await reaches(`${NS}/${from}`, six)).toBe(true);
  });

  test.each(['node-1', 'node-2'])('%s itself reaches pods of both nodes over IPv6', async (node) => {
    for (const name of ['a1', 'a2']) {
      const [, six = ''] = await podAddresses(`${NS}/${name}`);
      expect(await hostReaches(node, six)).toBe(true);
    }
  });

  test('a policy holds for both', async () => {
    const spec = {
      podSelector: { matchLabels: { app: 'a1' } },
      ingress: [{ from: [{ podSelector: { matchLabels: { app: 'b1' } } }] }],
    };
    const metadata = { name: 'b1-only', namespace: NS };
    await applyObjects({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata, spec });
    const [four = '', six = ''] = await podAddresses(`${NS}/a1`);
    await eventually('a2 is refused', async () => !(await reaches(`${NS}/a2`, four)));
    expect(await reaches(`${NS}/a2`, six)).toBe(false);
    expect(await reaches(`${NS}/b1`, six)).toBe(true);
    await kube('-n', NS, 'delete', 'networkpolicies.networking.k8s.io', 'b1-only');
  });
});

describe('a pool is chosen', () => {
  test("by the pod's annotation, with one address of each family that it names", async () => {
    const [four, six] = await podAddresses(`${NS}/manual`);
    expect(four).toMatch(/^10\.80\.0\./);
    expect(six).toMatch(/^fd00:80::/);
    const alone = await podAddresses(`${NS}/ipv4-only`);
    expect(alone).toEqual([expect.stringMatching(/^10\.80\.0\./)]);
    expect(await reaches(`${NS}/a2`, alone[0] ?? '')).toBe(true);
  });

  test('by the label of the namespace; the family that no such pool has comes from the common one', async () => {
    expect(await podAddresses(`${CHOSEN}/tenant`)).toEqual([
      expect.stringMatching(/^10\.81\.0\./),
      expect.stringMatching(/^fd00:10:244:0?:/),
    ]);
  });

  test('and never gives what it reserves', async () => {
    const names = Array.from({ length: 6 }, (_, i) => `reserved-${i}`);
    const annotations = { 'weft.dev/ip-pools': 'manual' };
    await applyObjects(...names.map((name) => pod(`${NS}/${name}`, { node: 'node-1', annotations })));
    await podsReady(NS);
    const addresses = (await Promise.all(names.map((name) => podAddresses(`${NS}/${name}`)))).flat();
    for (const address of addresses) expect(Number(address.split('.')[3])).toBeGreaterThanOrEqual(8);
    await kube('-n', NS, 'delete', 'pod', ...names);
  });
});

describe('a fixed address', () => {
  test('is given', async () => {
    expect(await podAddresses(`${NS}/fixed`)).toEqual(['10.80.0.77']);
    expect(await reaches(`${NS}/a1`, '10.80.0.77')).toBe(true);
  });

  test.each([
    ['is in no pool that the pod may use', { 'weft.dev/ip-addresses': '192.0.2.7' }, 'is in no IPPool'],
    ['is no address', { 'weft.dev/ip-addresses': 'seven' }, 'must be an IP address'],
    [
      'is reserved',
      { 'weft.dev/ip-pools': 'manual', 'weft.dev/ip-addresses': '10.80.0.3' },
      'is reserved, or the first of its block',
    ],
    ['belongs to a pool of other nodes', { 'weft.dev/ip-pools': 'second-node' }, "is not for node 'node-1'"],
  ])('that %s is refused, and the pod says why', async (_, annotations, why) => {
    await applyObjects(pod(`${NS}/refused`, { node: 'node-1', annotations }));
    await eventually('the event says it', async () => (await eventsOf('refused')).includes(why), 60_000);
    await kube('-n', NS, 'delete', 'pod', 'refused', '--grace-period=0', '--force');
    await eventually('it is gone', async () => !(await kube('-n', NS, 'get', 'pods')).includes('refused'));
    await kube('-n', NS, 'delete', 'events', '--all');
  });
});

test('a pool can be deleted when its pods are gone: nodes give its blocks back', async () => {
  await kube('delete', 'namespace', NS, CHOSEN);
  await kube('delete', 'ippool', '--timeout=90s', ...POOLS);
  const { items } = await getObject<{ items: { spec: { poolName: string } }[] }>('ipblocks');
  expect(items.filter(({ spec }) => POOLS.includes(spec.poolName))).toEqual([]);
  // Its range can be had again.
  await applyObjects(pool('manual', { cidr: '10.80.0.0/25', assignment: 'Manual' }));
  await kube('wait', 'ippool', 'manual', '--for=condition=Ready', '--timeout=30s');
  await kube('delete', 'ippool', 'manual', '--timeout=30s');
});

async function eventsOf(name: string): Promise<string> {
  const { items } = await getObject<{ items: { message?: string; regarding?: { name?: string } }[] }>(
    'events.events.k8s.io',
    '-n',
    NS,
  );
  const noted = items as { note?: string; regarding?: { name?: string } }[];
  return noted.flatMap(({ note, regarding }) => (regarding?.name === name ? [note ?? ''] : [])).join('\n');
}
