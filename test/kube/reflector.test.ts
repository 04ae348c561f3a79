import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { stateOf } from '../../lab/cluster/config.ts';
import { startApiServer } from '../../lab/cluster/control-plane.ts';
import { stopProcess } from '../../lab/cluster/process.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { collectionPath, type Kind, KINDS, objectPath } from '../../src/kube/kinds.ts';
import type { ConfigMap } from '../../src/kube/objects.ts';
import { Reflector } from '../../src/kube/reflector.ts';
import { Store } from '../../src/kube/store.ts';
import { FakeClock, silentLog } from '../kube-room/fake-clock.ts';
import { connect, create, KUBE_CLUSTER, kube, makeNamespace, read, waitUntil } from './cluster.ts';

const NAMESPACE = 'reflector';
const api = connect();

beforeAll(() => makeNamespace(api, NAMESPACE));
afterAll(async () => {
  await kube('delete', 'namespace', NAMESPACE, '--wait=false');
  await api.close();
});

/** A running reflector, its store, and every change that a handler has heard of: `+a`, `~a`, `-a`. */
function follow<T extends KubeObject>(kind: Kind<T>, options: { namespace?: string; fieldSelector?: string } = {}) {
  const store = new Store<T>();
  const heard: string[] = [];
  store.onChange((_key, before, after) => {
    const sign = before === undefined ? '+' : after === undefined ? '-' : '~';
    heard.push(`${sign}${(after ?? before)?.metadata.name ?? ''}`);
  });
  const clock = new FakeClock();
  const stop = new AbortController();
  const reflector = new Reflector({ api, kind, store, clock, random: () => 0, log: silentLog, ...options });
  const ended = reflector.run(stop.signal);
  const end = () => {
    stop.abort();
    return ended;
  };
  return { store, heard, clock, reflector, end };
}

const makeMap = (name: string, data: object = {}) =>
  create(api, KINDS.configMap, { metadata: { name, namespace: NAMESPACE }, data });
const mapPath = (name: string) => objectPath(KINDS.configMap, { name, namespace: NAMESPACE });
const changeMap = (name: string) =>
  api.request<ConfigMap>('PATCH', mapPath(name), {
    body: { data: { changed: 'yes' } },
    contentType: 'application/merge-patch+json',
  });
/** Kubernetes puts a ConfigMap of its own into each namespace, in its own time. */
const ours = (heard: readonly string[]) => heard.filter((one) => !one.includes('kube-root-ca.crt'));

test('knows what was there, hears of each change in order, and of nothing in other namespaces', async () => {
  await makeMap('there');
  const { store, heard, end } = follow(KINDS.configMap, { namespace: NAMESPACE });
  await store.synced;
  expect(store.get(`${NAMESPACE}/there`)).toMatchObject({ metadata: { name: 'there' } });
  expect(store.get(`${NAMESPACE}/there`)?.metadata).not.toHaveProperty('managedFields');

  await create(api, KINDS.configMap, { metadata: { name: 'elsewhere', namespace: 'default' } });
  await makeMap('later');
  await changeMap('later');
  await api.request('DELETE', mapPath('later'));
  await api.request('DELETE', mapPath('there'));
  await waitUntil('the last deletion is heard of', async () => heard.includes('-there'));
  expect(ours(heard)).toEqual(['+there', '+later', '~later', '-later', '-there']);
  expect(ours(store.list().map(({ metadata }) => metadata.name))).toEqual([]);
  await api.request('DELETE', objectPath(KINDS.configMap, { name: 'elsewhere', namespace: 'default' }));
  await end();
});

test('reads a list of several pages as one', async () => {
  const count = 1_003;
  for (let made = 0; made < count; made += 17) {
    const names = Array.from({ length: Math.min(17, count - made) }, (_, index) => `page-${made + index}`);
    await Promise.all(names.map((name) => makeMap(name)));
  }
  const { store, end } = follow(KINDS.configMap, { namespace: NAMESPACE });
  await store.synced;
  expect(store.list().filter(({ metadata }) => metadata.name.startsWith('page-'))).toHaveLength(count);
  await end();
  await api.request('DELETE', collectionPath(KINDS.configMap, NAMESPACE));
}, 60_000);

test('sees only what the field selector picks', async () => {
  await makeMap('picked');
  await makeMap('passed-over');
  const { store, end } = follow(KINDS.configMap, { namespace: NAMESPACE, fieldSelector: 'metadata.name=picked' });
  await store.synced;
  expect(store.list().map(({ metadata }) => metadata.name)).toEqual(['picked']);
  await end();
});

test('goes on after a restart of the API server, and tells what changed meanwhile, no more', async () => {
  await makeMap('stays');
  await makeMap('changes');
  await makeMap('goes');
  await makeMap('made-anew');
  const { store, heard, clock, reflector, end } = follow(KINDS.configMap, { namespace: NAMESPACE });
  await store.synced;
  const uid = store.get(`${NAMESPACE}/made-anew`)?.metadata.uid;
  heard.length = 0;

  await stopProcess(stateOf(KUBE_CLUSTER), 'kube-apiserver', 'SIGKILL');
  await waitUntil('the reflector fails', async () => reflector.state.phase === 'failing');
  expect(reflector.trouble).toContain('configmaps: failing');
  expect(store.get(`${NAMESPACE}/goes`)).toBeDefined(); // what was last known stays
  startApiServer(KUBE_CLUSTER);
  await waitUntil('the API server answers', async () => {
    try {
      return (await read(api, KINDS.namespace, { name: NAMESPACE })) !== undefined;
    } catch {
      return false;
    }
  });
  await changeMap('changes');
  await api.request('DELETE', mapPath('goes'));
  await api.request('DELETE', mapPath('made-anew'));
  await makeMap('made-anew');
  await makeMap('is-new');
  expect(ours(heard)).toEqual([]); // the reflector's clock stands still

  await waitUntil('the reflector is in step', async () => {
    await clock.advance(30_000);
    return reflector.state.phase === 'synced' && store.get(`${NAMESPACE}/is-new`) !== undefined;
  });
  expect(ours(heard).sort()).toEqual(['+is-new', '+made-anew', '-goes', '-made-anew', '~changes'].sort());
  expect(heard.indexOf('-made-anew')).toBeLessThan(heard.indexOf('+made-anew'));
  expect(store.get(`${NAMESPACE}/made-anew`)?.metadata.uid).not.toBe(uid);
  expect(reflector.trouble).toBeUndefined();
  await end();
}, 90_000);

test('takes an optional kind for empty while it is not defined, and finds it once it is', async () => {
  const { store, heard, clock, end } = follow(KINDS.httpRoute);
  await store.synced;
  expect(store.list()).toEqual([]);
  const definition = await create(api, CRD, HTTP_ROUTES);
  await kube('wait', 'crd', definition.metadata.name, '--for=condition=Established', '--timeout=30s');
  const route = {
    apiVersion: KINDS.httpRoute.apiVersion,
    kind: 'HTTPRoute',
    metadata: { name: 'r', namespace: 'default' },
  };
  await waitUntil(
    'a route can be made',
    async () => (await create(api, KINDS.httpRoute, route).catch(() => '')) !== '',
  );
  await waitUntil('the route is heard of', async () => {
    await clock.advance(60_000);
    return heard.length > 0;
  });
  await api.request('DELETE', objectPath(CRD, definition.metadata));
  await waitUntil('the route is gone with its kind', async () => {
    await clock.advance(60_000);
    return store.list().length === 0;
  });
  expect(heard).toEqual(['+r', '-r']);
  await end();
}, 60_000);

const CRD: Kind<KubeObject> = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
  optional: false,
};

const HTTP_ROUTES = {
  apiVersion: CRD.apiVersion,
  kind: CRD.kind,
  metadata: {
    name: 'httproutes.gateway.networking.k8s.io',
    annotations: { 'api-approved.kubernetes.io': 'unapproved, for a test' },
  },
  spec: {
    group: 'gateway.networking.k8s.io',
    scope: 'Namespaced',
    names: { kind: 'HTTPRoute', listKind: 'HTTPRouteList', plural: 'httproutes', singular: 'httproute' },
    versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
  },
};
