import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { kubectl } from '../../lab/cluster/cluster.ts';
import { installGatewayApi } from '../../lab/cluster/gateway-api.ts';
import { ROOT } from '../../lab/setup/paths.ts';
import type {
  GRPCRoute,
  HTTPRoute,
  ParentRef,
  Pod,
  ReferenceGrant,
  RouteParentStatus,
  Service,
} from '../../src/api/kubernetes.ts';
import type { Gateway } from '../../src/api/gateway.ts';
import { objectKey } from '../../src/api/meta.ts';
import { liveGateways } from '../../src/controllers/gateway/live-gateways.ts';
import { MeshCompiler } from '../../src/controllers/mesh/compiler.ts';
import { HttpRouteStatusReconciler, runHttpRouteStatus } from '../../src/controllers/mesh/http-route-status.ts';
import { ProxyStates } from '../../src/controllers/mesh/proxies.ts';
import { isConflict } from '../../src/kube/errors.ts';
import { type Kind, KINDS, objectPath } from '../../src/kube/kinds.ts';
import { mapStore } from '../../src/kube/mapped-store.ts';
import { Reflector } from '../../src/kube/reflector.ts';
import { Store } from '../../src/kube/store.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { Listeners } from '../../src/lib/listeners.ts';
import { meansGateway } from '../../src/model/mesh/gateway/attachment.ts';
import { httpRouteOf } from '../../src/model/mesh/grpc-route.ts';
import { DesiredTable } from '../../src/model/node/desired.ts';
import { FakeClock, silentLog } from '../kube-room/fake-clock.ts';
import { connect, create, KUBE_CLUSTER, kube, makeNamespace, read, waitUntil } from './cluster.ts';

const NAMESPACE = 'http-route-status';
const DEFINITIONS = [...['httproutes', 'grpcroutes', 'tlsroutes', 'referencegrants', 'gatewayclasses', 'gateways']].map(
  (of) => `${of}.gateway.networking.k8s.io`,
);
const WEB = { group: '', kind: 'Service', name: 'web', port: 80 };
const EDGE = { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'edge' };
const api = connect();
const never = new AbortController().signal;

beforeAll(async () => {
  await installGatewayApi(KUBE_CLUSTER);
  await makeNamespace(api, NAMESPACE);
  await create(api, KINDS.service, {
    metadata: { name: 'web', namespace: NAMESPACE },
    spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80 }] },
  });
}, 120_000);

afterAll(async () => {
  // Other files of this tier begin without the kind.
  await kube('delete', 'crd', ...DEFINITIONS, '--ignore-not-found', '--timeout=30s');
  await kube('delete', 'namespace', NAMESPACE, '--wait=false');
  await api.close();
}, 60_000);

function makeRoute(name: string, parentRefs: readonly object[]): Promise<HTTPRoute> {
  const spec = { parentRefs, rules: [{ backendRefs: [{ name: 'web', port: 80 }] }] };
  const { apiVersion, kind } = KINDS.httpRoute;
  return create(api, KINDS.httpRoute, { apiVersion, kind, metadata: { name, namespace: NAMESPACE }, spec });
}

async function routeNow(name: string): Promise<HTTPRoute> {
  const found = await read(api, KINDS.httpRoute, { name, namespace: NAMESPACE });
  if (found === undefined) throw new Error(`no HTTPRoute ${name}`);
  return found;
}

function patchRoute(name: string, body: object, subresource?: 'status'): Promise<HTTPRoute> {
  const path = objectPath(KINDS.httpRoute, { name, namespace: NAMESPACE }, subresource);
  return api.request('PATCH', path, { contentType: 'application/merge-patch+json', body });
}

/** `status/reason` by type, of our entry for `web`. */
function words(route: HTTPRoute): Readonly<Record<string, string>> {
  const ours = route.status?.parents?.find(({ controllerName }) => controllerName === 'weft.dev/mesh');
  return Object.fromEntries((ours?.conditions ?? []).map(({ type, status, reason }) => [type, `${status}/${reason}`]));
}

/** Another controller's entry, as that one would write it: with all that stands in the list. */
async function addForeign(name: string): Promise<RouteParentStatus> {
  const condition = { type: 'Accepted', status: 'True', reason: 'Accepted', message: 'by the edge' } as const;
  const foreign: RouteParentStatus = {
    parentRef: EDGE,
    controllerName: 'example.com/edge',
    conditions: [{ ...condition, lastTransitionTime: '2026-01-01T00:00:00Z' }],
  };
  const parents = [...((await routeNow(name)).status?.parents ?? []), foreign];
  await patchRoute(name, { status: { parents } }, 'status');
  return foreign;
}

const CLIENT: Pod = {
  metadata: { name: 'client', namespace: NAMESPACE, uid: 'client-uid', labels: { 'weft.dev/proxy': 'injected' } },
  spec: { nodeName: 'node-1', containers: [] },
  status: { phase: 'Running' },
};

/** What the leader has, with stores that are filled by hand or followed. */
function leader(clock = systemClock) {
  const grpcRoutes = new Store<GRPCRoute>();
  const stores = {
    services: new Store<Service>(),
    httpRoutes: new Store<HTTPRoute>(),
    referenceGrants: new Store<ReferenceGrant>(),
    grpcRoutes: mapStore(grpcRoutes, httpRouteOf),
    pods: new Store<Pod>(),
    ...{ endpointSlices: new Store<never>(), meshServices: new Store<never>(), trafficSplits: new Store<never>() },
    ...{ smiSplits: new Store<never>(), routeGroups: new Store<never>() },
  };
  const table = new DesiredTable();
  const proxies = new ProxyStates();
  const acknowledged = new Listeners<void>();
  const compiler = new MeshCompiler({ stores, table, trustDomain: 'cluster.local', proxyUid: 1337 }, () => {
    compiler.flush();
    acknowledged.tell();
  });
  const { httpRoutes, pods } = stores;
  const edges = { gateways: new Store<Gateway>(), gatewayClasses: new Store<never>(), namespaces: new Store<never>() };
  const gateways = {
    index: liveGateways(compiler.index, { ...stores, ...edges, tlsRoutes: new Store<never>() }, () => undefined),
    gatewayOf: (route: HTTPRoute, ref: ParentRef) =>
      edges.gateways.list().find((each) => meansGateway(route, ref, objectKey(each))),
    targetsOf: () => [],
  };
  const deps = {
    gateways,
    ...{ routes: httpRoutes, kind: KINDS.httpRoute, pods, proxies, table, clock, index: compiler.index },
    ...{ isConnected: () => true, isSettled: () => true, isCompiled: () => true },
    write: { api, fieldManager: 'weft-httproute' },
  };
  return { deps, stores, grpcRoutes, edges, table, proxies, acknowledged };
}

describe('the status of an HTTPRoute', () => {
  const { deps, stores, table, proxies, acknowledged } = leader();
  const stop = new AbortController();
  const ended: Promise<void>[] = [];

  function follow<T extends Service | HTTPRoute>(kind: Kind<T>, store: Store<T>): void {
    const reflector = new Reflector({ api, kind, store, clock: systemClock, random: Math.random, log: silentLog });
    ended.push(reflector.run(stop.signal));
  }

  beforeAll(async () => {
    stores.pods.replace([CLIENT], '1');
    follow(KINDS.service, stores.services);
    follow(KINDS.httpRoute, stores.httpRoutes);
    await Promise.all([stores.services.synced, stores.httpRoutes.synced]);
    const more = { onAcknowledged: acknowledged.listen, random: Math.random, log: silentLog };
    ended.push(runHttpRouteStatus({ ...deps, ...more }, stop.signal));
  });

  afterAll(async () => {
    stop.abort();
    await Promise.all(ended);
  });

  /** The client's proxy takes what its node was told of the Service. */
  function acknowledge(): void {
    const ref = { kind: 'service', key: `${NAMESPACE}/web` };
    const version = table.version('node-1', ref) ?? 'none';
    const resources = [{ ...ref, version, accepted: true, message: '' }];
    proxies.report({ podUid: 'client-uid', gone: false, resources });
    acknowledged.tell();
  }

  const isNow = (name: string, programmed: string) =>
    waitUntil(`${name} is ${programmed}`, async () => words(await routeNow(name))['Programmed'] === programmed);

  test('is accepted at once, and programmed when the proxies have acknowledged it', async () => {
    await makeRoute('taken', [EDGE, WEB]);
    await isNow('taken', 'False/Pending');
    const before = await routeNow('taken');
    expect(words(before)).toMatchObject({ Accepted: 'True/Accepted', ResolvedRefs: 'True/ResolvedRefs' });
    acknowledge();
    await isNow('taken', 'True/Programmed');
    const after = await routeNow('taken');
    expect(after.status?.parents).toMatchObject([{ parentRef: WEB, controllerName: 'weft.dev/mesh' }]);
    const ages = (route: HTTPRoute) =>
      route.status?.parents?.[0]?.conditions
        .filter(({ type }) => type !== 'Programmed')
        .map(({ lastTransitionTime }) => lastTransitionTime);
    expect(ages(after)).toEqual(ages(before));
    await kube('-n', NAMESPACE, 'delete', 'httproute', 'taken');
  }, 60_000);

  test('stands beside that of another controller, and goes with its parent', async () => {
    await makeRoute('shared', [EDGE, WEB]);
    await waitUntil('our entry is there', async () => words(await routeNow('shared'))['Accepted'] !== undefined);
    const foreign = await addForeign('shared');
    await patchRoute('shared', { spec: { parentRefs: [EDGE, { ...WEB, port: 81 }] } });
    await isNow('shared', 'False/NoMatchingParent');
    // Another port is another parent, and so an entry of its own.
    expect((await routeNow('shared')).status?.parents).toEqual([
      foreign,
      expect.objectContaining({ parentRef: { ...WEB, port: 81 } }),
    ]);
    await patchRoute('shared', { spec: { parentRefs: [EDGE] } });
    await waitUntil('our entry is gone', async () => Object.keys(words(await routeNow('shared'))).length === 0);
    expect((await routeNow('shared')).status?.parents).toEqual([foreign]);
    await kube('-n', NAMESPACE, 'delete', 'httproute', 'shared');
  }, 60_000);

  test('follows the Service that is its parent, and the one that is its backend', async () => {
    const later = { ...WEB, name: 'later' };
    await makeRoute('early', [later]);
    await isNow('early', 'False/NoMatchingParent');
    const rules = [{ backendRefs: [{ name: 'later-still', port: 80 }] }];
    await patchRoute('early', { spec: { rules } });
    const has = (reason: string) =>
      waitUntil(reason, async () => words(await routeNow('early'))['ResolvedRefs']?.endsWith(reason) === true);
    await has('/BackendNotFound');
    for (const name of ['later', 'later-still']) {
      const spec = { ports: [{ name: 'http', port: 80 }] };
      await create(api, KINDS.service, { metadata: { name, namespace: NAMESPACE }, spec });
    }
    await has('/ResolvedRefs');
    expect(words(await routeNow('early'))['Accepted']).toBe('True/Accepted');
    await kube('-n', NAMESPACE, 'delete', 'httproute', 'early');
  }, 60_000);
});

test('the status of a GRPCRoute is kept as that of an HTTPRoute is', async () => {
  const { deps, stores, grpcRoutes } = leader();
  const cart = await create(api, KINDS.service, {
    metadata: { name: 'cart', namespace: NAMESPACE },
    spec: { ports: [{ name: 'grpc', port: 80 }] },
  });
  stores.services.replace([cart], '1');
  const { apiVersion, kind } = KINDS.grpcRoute;
  const rules = [
    { matches: [{ method: { service: 'shop.Cart', method: 'Add' } }], backendRefs: [{ name: 'cart', port: 80 }] },
    { backendRefs: [{ name: 'nobody', port: 80 }] },
  ];
  const metadata = { name: 'calls', namespace: NAMESPACE };
  const parent = { ...WEB, name: 'cart' };
  const spec = { parentRefs: [parent], rules };
  const route = await create(api, KINDS.grpcRoute, { apiVersion, kind, metadata, spec });
  grpcRoutes.set(route);
  const own = { kind: KINDS.grpcRoute, routes: stores.grpcRoutes, write: { api, fieldManager: 'weft-grpcroute' } };
  const reconciler = new HttpRouteStatusReconciler({ ...deps, ...own });
  expect(await reconciler.reconcile(objectKey(route), never)).toEqual({ done: true });
  const stored = await read(api, KINDS.grpcRoute, metadata);
  expect(stored?.status?.parents).toMatchObject([{ parentRef: parent, controllerName: 'weft.dev/mesh' }]);
  const conditions = stored?.status?.parents?.[0]?.conditions ?? [];
  expect(conditions.map(({ type, status, reason }) => `${type} ${status} ${reason}`)).toEqual([
    'Accepted True Accepted',
    'Programmed True NoTargets',
    'ResolvedRefs False BackendNotFound',
  ]);
});

test('says of a Gateway of Weft what holds there, beside what it says of a Service', async () => {
  const { deps, stores, edges } = leader();
  const parent = { ...EDGE, sectionName: 'http' };
  const route = await makeRoute('at-the-edge', [WEB, parent]);
  stores.httpRoutes.set(route);
  edges.gateways.set({
    metadata: { name: 'edge', namespace: NAMESPACE, uid: 'g' },
    spec: { gatewayClassName: 'weft', listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] },
  });
  const reconciler = new HttpRouteStatusReconciler(deps);
  expect(await reconciler.reconcile(objectKey(route), never)).toEqual({ done: true });
  const stored = await read(api, KINDS.httpRoute, route.metadata);
  const parents = stored?.status?.parents ?? [];
  expect(parents.map(({ controllerName }) => controllerName)).toEqual(['weft.dev/mesh', 'weft.dev/gateway']);
  expect(parents[1]?.conditions.map(({ type, status }) => `${type} ${status}`)).toContain('Accepted True');
});

test.each(['http-route.yaml', 'grpc-route.yaml'])('the example %s is taken as it is', async (file) => {
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } };
  await kubectl(KUBE_CLUSTER, ['apply', '-f', '-'], JSON.stringify(namespace));
  const taken = await kube('apply', '--dry-run=server', '-f', path.join(ROOT, 'examples', file));
  expect(taken).toMatch(/route\S* created/);
});

describe('a write of it', () => {
  async function prepared(name: string, clock = new FakeClock()) {
    const { deps, stores } = leader(clock);
    const web = await read(api, KINDS.service, { name: 'web', namespace: NAMESPACE });
    stores.services.replace(web === undefined ? [] : [web], '1');
    const route = await makeRoute(name, [WEB]);
    stores.httpRoutes.set(route);
    const reconciler = new HttpRouteStatusReconciler(deps);
    return { reconciler, stores, clock, key: objectKey(route), make: () => new HttpRouteStatusReconciler(deps) };
  }

  test('does not happen when the status stands already, whoever leads', async () => {
    const { reconciler, stores, key, make } = await prepared('equal');
    expect(await reconciler.reconcile(key, never)).toEqual({ done: true });
    const written = await routeNow('equal');
    expect(words(written)).toMatchObject({ Accepted: 'True/Accepted', Programmed: 'True/NoTargets' });
    stores.httpRoutes.set(written);
    expect(await reconciler.reconcile(key, never)).toEqual({ done: true });
    expect(await make().reconcile(key, never)).toEqual({ done: true });
    expect((await routeNow('equal')).metadata.resourceVersion).toBe(written.metadata.resourceVersion);
  });

  test('does not happen for a route whose parents are no Services', async () => {
    const { reconciler, stores } = await prepared('unused');
    const edge = await makeRoute('edge', [EDGE]);
    stores.httpRoutes.set(edge);
    expect(await reconciler.reconcile(objectKey(edge), never)).toEqual({ done: true });
    expect((await routeNow('edge')).metadata.resourceVersion).toBe(edge.metadata.resourceVersion);
  });

  test('is refused when another controller wrote since, and loses nothing of what that one said', async () => {
    const { reconciler, stores, key } = await prepared('stale');
    const foreign = await addForeign('stale');
    const lost = await reconciler.reconcile(key, never).catch((error: unknown) => error);
    expect([isConflict(lost), (await routeNow('stale')).status?.parents]).toEqual([true, [foreign]]);
    // What is stored by then does not wait for a second that a lost write would have cost.
    stores.httpRoutes.set(await routeNow('stale'));
    expect(await reconciler.reconcile(key, never)).toEqual({ done: true });
    const parents = (await routeNow('stale')).status?.parents ?? [];
    expect(parents.map(({ controllerName }) => controllerName)).toEqual(['example.com/edge', 'weft.dev/mesh']);
    expect(parents[0]).toEqual(foreign);
  });

  test('comes at most once a second for one route', async () => {
    const { reconciler, stores, clock, key } = await prepared('busy');
    await reconciler.reconcile(key, never);
    const changed = await patchRoute('busy', { spec: { parentRefs: [{ ...WEB, port: 81 }] } });
    stores.httpRoutes.set(changed);
    expect(await reconciler.reconcile(key, never)).toEqual({ requeueAfterMs: 1_000 });
    expect(words(await routeNow('busy'))['Accepted']).toBe('True/Accepted');
    await clock.advance(1_000);
    expect(await reconciler.reconcile(key, never)).toEqual({ done: true });
    expect(words(await routeNow('busy'))['Accepted']).toBe('False/NoMatchingParent');
  });
});
