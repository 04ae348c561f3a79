import { expect, test } from '@jest/globals';
import type { MeshService } from '../../src/api/generated/meshservice.ts';
import type { EndpointSlice, HTTPRoute, Pod, ReferenceGrant, Service } from '../../src/api/kubernetes.ts';
import type { TrafficSplit } from '../../src/api/generated/trafficsplit.ts';
import { MeshCompiler } from '../../src/controllers/mesh/compiler.ts';
import { Store } from '../../src/kube/store.ts';
import type { ServiceIr } from '../../src/model/node/ir.ts';
import { DesiredTable } from '../../src/model/node/desired.ts';

const stores = {
  services: new Store<Service>(),
  endpointSlices: new Store<EndpointSlice>(),
  pods: new Store<Pod>(),
  meshServices: new Store<MeshService>(),
  trafficSplits: new Store<TrafficSplit>(),
  httpRoutes: new Store<HTTPRoute>(),
  grpcRoutes: new Store<HTTPRoute>(),
  smiSplits: new Store<never>(),
  routeGroups: new Store<never>(),
  referenceGrants: new Store<ReferenceGrant>(),
};
const table = new DesiredTable();
const compiler = new MeshCompiler({ stores, table, trustDomain: 'cluster.local', proxyUid: 1337 }, () => undefined);
let version = 0;

/** Keys of what the node has to be told after the change, and of pods that are to be looked at for it. */
function told(change: () => void): readonly string[] {
  change();
  const pods = compiler.flush().map((key) => `pod ${key}`);
  return [...pods, ...(table.takeDirty().get('n1') ?? []).map(({ kind, key }) => `${kind} ${key}`)].sort();
}

function set(generation: number, address: string, status: object = {}): void {
  version += 1;
  const metadata = { name: 'catalog', namespace: 'shop', uid: 'u', generation, resourceVersion: String(version) };
  stores.meshServices.set({
    metadata,
    spec: {
      source: { eureka: { application: 'A', serviceUrls: ['http://eureka/'] } },
      ports: [{ port: 80 + generation, protocol: 'TCP' }],
    },
    status: { found: { for: 'Eureka application A', endpoints: [{ address }] }, ...status },
  });
}

test('what a registry has goes to nodes by the status of its MeshService, and the rest of the status does not', () => {
  stores.pods.set({
    metadata: { name: 'p', namespace: 'shop', uid: 'p', labels: { 'weft.dev/proxy': 'injected' } },
    spec: { nodeName: 'n1', containers: [] },
  });
  const all = ['endpoints shop/catalog.mesh:81', 'pod shop/p', 'service shop/catalog.mesh'];
  expect(told(() => set(1, '192.0.2.1'))).toEqual(all);
  expect(told(() => set(1, '192.0.2.1', { endpoints: { total: 1 } }))).toEqual([]);
  expect(told(() => set(1, '192.0.2.2'))).toEqual(['endpoints shop/catalog.mesh:81']);
  expect(told(() => set(2, '192.0.2.2'))).toEqual(
    expect.arrayContaining(['endpoints shop/catalog.mesh:82', 'pod shop/p', 'service shop/catalog.mesh']),
  );
});

test('a route of another namespace than its Service concerns that Service, when it comes, when its backends change, and when it goes', () => {
  const service = (namespace: string, name: string): Service => ({
    metadata: { name, namespace },
    spec: { clusterIP: '10.96.0.9', ports: [{ name: 'http', port: 80 }] },
  });
  told(() => stores.services.set(service('far', 'web')));
  const rulesOf = () => {
    const [port] = (table.body('n1', { kind: 'service', key: 'far/web' }) as ServiceIr | undefined)?.ports ?? [];
    return port?.rules.map(({ origin, backends }) => `${origin} ${backends.map(({ cluster }) => cluster).join()}`);
  };
  expect(rulesOf()).toEqual(['Service far/web far/web:80']);
  const route: HTTPRoute = {
    metadata: { name: 'mine', namespace: 'team' },
    spec: {
      parentRefs: [{ group: '', kind: 'Service', name: 'web', namespace: 'far' }],
      rules: [{ backendRefs: [{ name: 'own', port: 80 }] }],
    },
  };
  told(() => stores.httpRoutes.set(route));
  expect(rulesOf()).toEqual(['HTTPRoute team/mine ', 'HTTPRoute team/mine ', 'Service far/web far/web:80']);
  told(() => stores.services.set(service('team', 'own')));
  expect(rulesOf()).toEqual(['HTTPRoute team/mine team/own:80', 'HTTPRoute team/mine ', 'Service far/web far/web:80']);
  told(() => stores.httpRoutes.delete(route));
  expect(rulesOf()).toEqual(['Service far/web far/web:80']);
});
