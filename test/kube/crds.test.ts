import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { kubectl } from '../../lab/cluster/cluster.ts';
import { kubeconfigOf } from '../../lab/cluster/config.ts';
import { ROOT } from '../../lab/setup/paths.ts';
import { run } from '../../lab/setup/shell.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { WEFT_API_VERSION } from '../../src/api/kinds.ts';
import { collectionPath, type Kind, KINDS, objectPath } from '../../src/kube/kinds.ts';
import { parseManifests } from '../support/manifests.ts';
import { connect, create, DRY, KUBE_CLUSTER, kube, makeNamespace, refusal } from './cluster.ts';
import { CHANGES, type Refusal, REFUSALS } from './refusals.ts';
import { GOOD, type Good, LEAST, NAMESPACE, OTHER_FORMS } from './good.ts';
import {
  type Break,
  breaks,
  celMessages,
  type Definition,
  DEFINITIONS,
  missing,
  objectPaths,
  replaced,
} from './rules.ts';

const api = connect();

function kindOf(name: string): Kind<KubeObject> {
  const found = Object.values(KINDS).find(({ kind, apiVersion }) => kind === name && apiVersion === WEFT_API_VERSION);
  if (found === undefined) throw new Error(`no kind ${name}`);
  return found;
}

function goodOf(kind: string): Good {
  const good = GOOD[kind];
  if (good === undefined) throw new Error(`no good ${kind}`);
  return good;
}

function goodsOf(kind: string): Good[] {
  const good = goodOf(kind);
  return [good, ...(OTHER_FORMS[kind] ?? []).map((spec) => ({ ...good, spec }))];
}

/** `good` under another name, so that it is not there yet. */
function fresh(good: object, kind: string): object {
  return kind === 'IPBlock' || kind === 'BGPConfiguration' ? good : replaced(good, ['metadata', 'name'], 'fresh');
}

/** Asks whether an object could be made; nothing is. */
function tryCreate(object: object, kind: string, query = DRY): Promise<string | undefined> {
  const path = collectionPath(kindOf(kind), goodOf(kind).metadata.namespace);
  return refusal(api.request('POST', path, { body: fresh(object, kind), ...(query === undefined ? {} : { query }) }));
}

/** Asks whether the stored good object could become this one. */
async function tryReplace(object: object, kind: string, subresource?: 'status'): Promise<string | undefined> {
  const { metadata } = goodOf(kind);
  const stored = await api.request<KubeObject>('GET', objectPath(kindOf(kind), metadata));
  const body = { ...object, metadata: stored.metadata };
  return refusal(api.request('PUT', objectPath(kindOf(kind), metadata, subresource), { body, query: DRY }));
}

const names = (list: readonly Break[]): [string, string, Break][] => list.map((one) => [one.field, one.rule, one]);

beforeAll(async () => {
  await makeNamespace(api, NAMESPACE);
  for (const { kind } of DEFINITIONS) {
    const good = goodOf(kind);
    await create(api, kindOf(kind), good);
    if (good.status === undefined) continue;
    const stored = await api.request<KubeObject>('GET', objectPath(kindOf(kind), good.metadata));
    const body = { ...good, metadata: stored.metadata };
    await api.request('PUT', objectPath(kindOf(kind), good.metadata, 'status'), { body });
  }
});

afterAll(async () => {
  for (const { kind } of DEFINITIONS) await api.request('DELETE', objectPath(kindOf(kind), goodOf(kind).metadata));
  await kube('delete', 'namespace', NAMESPACE, '--wait=false');
  await api.close();
});

test('the definitions are taken by a strict client without a warning', async () => {
  const folder = path.join(ROOT, 'crds');
  const args = ['--kubeconfig', kubeconfigOf(KUBE_CLUSTER), 'replace', '--dry-run=server', '-f', folder];
  expect((await run('kubectl', args)).stderr).toBe('');
});

describe.each(DEFINITIONS.map((one): [string, Definition] => [one.kind, one]))('%s', (kind, definition) => {
  const { plural, schema, columns } = definition;

  test.each(['spec', 'status'] as const)(
    'has an example of every field of its %s, so that each can be wrong',
    (part) => {
      const at = schema.properties?.[part];
      const lacking = at === undefined ? [] : goodsOf(kind).map((good) => missing(at, good[part], part));
      expect(lacking.reduce((both, one) => both.filter((field) => one.includes(field)), lacking[0] ?? [])).toEqual([]);
    },
  );

  test('is stored as it was sent, when it has every field', async () => {
    const good = goodOf(kind);
    const stored = await api.request<KubeObject>('GET', objectPath(kindOf(kind), good.metadata));
    const { spec, status } = good;
    expect(stored).toMatchObject({
      ...(spec === undefined ? {} : { spec }),
      ...(status === undefined ? {} : { status }),
    });
  });

  const specBreaks = names(breaks(schema, goodsOf(kind), 'spec'));
  if (specBreaks.length > 0) {
    test.each(specBreaks)('refuses %s against its %s', async (_, rule, breach) => {
      expect(rule).not.toBe('');
      const said = await tryCreate(breach.broken, kind);
      expect(said).toContain(`${breach.field}: `);
      expect(said).toContain(breach.says);
    });
  }

  const statusBreaks = names(breaks(schema, goodsOf(kind), 'status'));
  if (statusBreaks.length > 0) {
    test.each(statusBreaks)('refuses %s against its %s', async (_, rule, breach) => {
      expect(rule).not.toBe('');
      const said = await tryReplace(breach.broken, kind, 'status');
      expect(said).toContain(`${breach.field}: `);
      expect(said).toContain(breach.says);
    });
  }

  const refusals = (REFUSALS[kind] ?? []).map((one): [string, Refusal] => [one.mistake, one]);
  if (refusals.length > 0) {
    test.each(refusals)('refuses %s and says what is right', async (_, { object, field, says }) => {
      const said = await tryCreate(object, kind);
      expect(said).toContain(`${field}: `);
      expect(said).toContain(says);
    });
  }

  const changes = (CHANGES[kind] ?? []).map((one): [string, Refusal] => [one.mistake, one]);
  if (changes.length > 0) {
    test.each(changes)('refuses a change to %s', async (_, { object, field, says }) => {
      const said = await tryReplace(object, kind);
      expect(said).toContain(`${field}: `);
      expect(said).toContain(says);
    });
  }

  test('has no rule of its own that no mistake above breaks', () => {
    const said = new Set([...(REFUSALS[kind] ?? []), ...(CHANGES[kind] ?? [])].map(({ says }) => says));
    expect(celMessages(schema).filter((message) => !said.has(message))).toEqual([]);
  });

  test('refuses an unknown field by its name, and drops it for those who are not strict', async () => {
    const place = goodOf(kind).spec === undefined ? ['colour'] : ['spec', 'colour'];
    const odd = replaced(goodOf(kind), place, 'red');
    expect(await tryCreate(odd, kind)).toContain(`unknown field "${place.join('.')}"`);

    const path = collectionPath(kindOf(kind), goodOf(kind).metadata.namespace);
    const lax = { body: replaced(fresh(odd, kind), ['metadata', 'name'], goodOf(kind).metadata.name) };
    const { name } = goodOf(kind).metadata;
    expect(await refusal(api.request('POST', path, { ...lax, query: { dryRun: 'All' } }))).toContain(name); // it exists
    const stored = await api.request<KubeObject>('GET', `${path}/${name}`);
    const written = await api.request<{ spec?: object; colour?: string }>('PUT', `${path}/${name}`, {
      body: { ...odd, metadata: stored.metadata },
      query: { dryRun: 'All' },
    });
    expect(written.spec).toEqual(goodOf(kind).spec);
    expect(written.colour).toBeUndefined();
  });

  test('explains each of its fields', async () => {
    for (const at of objectPaths(schema)) {
      const what = [plural, at].filter((part) => part !== '').join('.');
      const text = await kube('explain', what, '--api-version', WEFT_API_VERSION);
      expect([what, text]).toEqual([what, expect.stringMatching(/DESCRIPTION:\n\s+\S/)]);
      expect([what, text]).toEqual([what, expect.not.stringContaining('<no description>')]);
    }
  }, 60_000);

  test('shows its columns, with what the status says', async () => {
    const { namespace = 'default', name } = goodOf(kind).metadata;
    const table = await kube('get', `${plural}.weft.dev`, name, '-n', namespace, '-o', 'wide');
    const [head = '', row = ''] = table.split('\n');
    const shown = columns.map((column) => column.name.toUpperCase());
    expect(
      head
        .split(/ {2,}|\s+$/)
        .filter((part) => part !== '')
        .sort(),
    ).toEqual(['NAME', ...shown].sort());
    expect(row).not.toContain('<none>');
  });
});

const least = Object.entries(LEAST);

test.each(least)('the least %s gets its defaults, which are stored', async (kind, { spec, stored }) => {
  const { apiVersion, metadata } = goodOf(kind);
  // There is one BGPConfiguration, which is made anew.
  const isOnly = kind === 'BGPConfiguration';
  if (isOnly) await api.request('DELETE', objectPath(kindOf(kind), metadata));
  const object = { apiVersion, kind, metadata: { ...metadata, ...(isOnly ? {} : { name: 'least' }) }, spec };
  await create(api, kindOf(kind), object);
  const got = await api.request<{ spec: object }>('GET', objectPath(kindOf(kind), object.metadata));
  await api.request('DELETE', objectPath(kindOf(kind), object.metadata));
  if (isOnly) await create(api, kindOf(kind), goodOf(kind));
  expect(got.spec).toEqual(stored);
});

test('a write of the spec leaves the status, and a write of the status leaves the spec', async () => {
  const { kind, metadata, spec, status } = goodOf('NetworkPolicy');
  const path = objectPath(kindOf(kind), metadata);
  const body = async (more: object) => ({ ...(await api.request<KubeObject>('GET', path)), ...more });
  const other = { spec: { priority: 1, ingress: [] }, status: { selectedPods: 99 } };
  const written = await api.request('PUT', path, { body: await body(other), query: DRY });
  expect(written).toMatchObject({ spec: { priority: 1 }, status: status ?? {} });
  const reported = await api.request('PUT', `${path}/status`, { body: await body(other), query: DRY });
  expect(reported).toMatchObject({ spec, status: { selectedPods: 99 } });
});

test('`kubectl get weft -A` lists an object of every kind', async () => {
  const listed = (await kube('get', 'weft', '-A', '-o', 'name')).trim().split('\n');
  const wanted = DEFINITIONS.map(({ kind, plural }) => {
    const singular = plural === 'networkpolicies' ? 'networkpolicy' : plural.slice(0, -1);
    return `${singular}.weft.dev/${goodOf(kind).metadata.name}`;
  });
  expect(listed).toEqual(expect.arrayContaining(wanted));
});

/** Of kinds that other projects define; their own tests define them. */
const FOREIGN = ['gateway.yaml', 'http-route.yaml', 'grpc-route.yaml', 'cluster-policy.yaml'];
const EXAMPLES = readdirSync(path.join(ROOT, 'examples')).filter((file) => !FOREIGN.includes(file));

test.each(EXAMPLES)('the example %s is taken as it is', async (file) => {
  const text = readFileSync(path.join(ROOT, 'examples', file), 'utf8');
  for (const namespace of text.matchAll(/^ {2}namespace: (\S+)$/gm)) {
    const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace[1] } };
    await kubectl(KUBE_CLUSTER, ['apply', '-f', '-'], JSON.stringify(body));
  }
  const taken = await kube('apply', '--dry-run=server', '-f', path.join(ROOT, 'examples', file));
  expect(taken.trim().split('\n')).toHaveLength(parseManifests(text).length);
});

test('every short name finds its kind', async () => {
  for (const [shortName, kind] of [
    ['ipp', 'IPPool'],
    ['ipb', 'IPBlock'],
    ['wnp', 'NetworkPolicy'],
    ['msvc', 'MeshService'],
    ['tsplit', 'TrafficSplit'],
  ] as const) {
    const { name, namespace = 'default' } = goodOf(kind).metadata;
    expect(await kube('get', shortName, name, '-n', namespace, '-o', 'jsonpath={.kind}')).toBe(kind);
  }
});

test('CONNECT, the longest names and every bound itself are taken', async () => {
  const edges: readonly (readonly [string, readonly (string | number)[], unknown])[] = [
    ['IPPool', ['spec'], { cidr: '10.0.0.0/8', blockSize: 20 }],
    ['IPPool', ['spec'], { cidr: '10.0.0.0/30', blockSize: 30 }],
    ['IPPool', ['spec'], { cidr: '255.255.255.240/28', blockSize: 28 }],
    ['IPPool', ['spec'], { cidr: 'fd00::/8', blockSize: 116 }],
    ['IPPool', ['spec'], { cidr: '2001:db8::4/126', blockSize: 126, reserved: ['2001:db8::4/126'] }],
    ['IPPool', ['spec'], { cidr: 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff00/120' }],
    ['IPPool', ['spec'], { cidr: '10.0.0.0/8', reserved: ['10.255.255.255/32', '10.0.0.0/9'] }],
    ['IPPool', ['spec'], { cidr: '10.0.0.0/8', assignment: 'Manual', nodeSelector: {}, encapsulation: 'None' }],
    ['IPPool', ['spec', 'encapsulation'], 'VXLAN'],
    ['NetworkPolicy', ['spec'], { ingress: [] }],
    ['NetworkPolicy', ['spec'], { egress: [] }],
    ['NetworkPolicy', ['spec', 'priority'], 0],
    ['NetworkPolicy', ['spec', 'priority'], 1000],
    [
      'NetworkPolicy',
      ['spec', 'ingress', 0, 'from', 0],
      { ipBlock: { cidr: '0.0.0.0/0', except: ['255.255.255.255/32'] } },
    ],
    [
      'NetworkPolicy',
      ['spec', 'ingress', 0, 'from', 0],
      { ipBlock: { cidr: '::/0', except: ['ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128', '2001:DB8::/32'] } },
    ],
    ['NetworkPolicy', ['spec', 'ingress', 0, 'from', 0], { podSelector: {} }],
    ['NetworkPolicy', ['spec', 'ingress', 0, 'ports', 0], { protocol: 'SCTP', port: 65_535, endPort: 65_535 }],
    ['MeshService', ['spec', 'retry'], { attempts: 0, when: [] }],
    ['MeshService', ['spec', 'retry'], { attempts: 10, when: ['Refused', 'ConnectFailure', 'GatewayError'] }],
    ['MeshService', ['spec', 'subsets', 0, 'labels'], { version: '' }],
    ['TrafficSplit', ['spec', 'rules', 0, 'backends'], [{ weight: 0 }, { weight: 1_000_000 }]],
    ['TrafficSplit', ['spec', 'rules', 0, 'matches', 0], { headers: [{ name: 'X_`~', value: 'ü' }] }],
    ['TrafficSplit', ['spec', 'rules', 0, 'matches', 0], { path: { type: 'Exact', value: '/' }, method: 'CONNECT' }],
  ];
  for (const [kind, at, value] of edges) {
    expect([kind, at, await tryCreate(replaced(goodOf(kind), at, value), kind)]).toEqual([kind, at, undefined]);
  }
});
