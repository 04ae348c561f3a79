import type { Tracing } from '../../model/mesh/tracing.ts';
import { isDeepStrictEqual } from 'node:util';
import type { MeshService } from '../../api/generated/meshservice.ts';
import type { Pod, Service } from '../../api/kubernetes.ts';
import { type KubeObject, objectKey } from '../../api/meta.ts';
import type { StoreReader } from '../../kube/store.ts';
import { bearsLabels } from '../../model/labels.ts';
import { translateEndpoints } from '../../model/mesh/endpoints.ts';
import { isInjected } from '../../model/mesh/identity.ts';
import { translatePodMesh } from '../../model/mesh/pod-mesh.ts';
import { parentServiceKeys, sourceServiceKey } from '../../model/mesh/mesh-index.ts';
import { grantedNamespaces } from '../../model/mesh/reference-grant.ts';
import { translateService } from '../../model/mesh/service.ts';
import type { DesiredTable } from '../../model/node/desired.ts';
import type { PodMeshIr } from '../../model/node/ir.ts';
import { LiveMeshIndex, type MeshStores, serviceOfSlice } from './live-index.ts';

export interface MeshCompilerDeps {
  readonly stores: MeshStores;
  readonly table: DesiredTable;
  readonly trustDomain: string;
  readonly tracing?: Tracing | undefined;
  readonly proxyUid: number;
}

/**
 * Keeps services and their endpoints in the table of what nodes should hold, for the nodes that have a proxy. Work
 * goes by service: a change marks the services it may concern, and `flush` translates those.
 */
export class MeshCompiler {
  readonly index: LiveMeshIndex;
  readonly #deps: MeshCompilerDeps;
  readonly #dirty = new Set<string>();
  /** Namespaces whose pods may see another inbound side. */
  readonly #inbound = new Set<string>();
  /** Cluster keys by service key. */
  readonly #clusters = new Map<string, readonly string[]>();
  readonly #meshed = new Map<string, string>();
  #nodes: readonly string[] = [];

  /** @param wake called when there is something to flush. */
  constructor(deps: MeshCompilerDeps, wake: () => void) {
    this.#deps = deps;
    this.index = new LiveMeshIndex(deps.stores, deps);
    const { services, endpointSlices, pods, meshServices, trafficSplits, httpRoutes, grpcRoutes } = deps.stores;
    const { referenceGrants, smiSplits, routeGroups } = deps.stores;
    const follow = <T extends KubeObject>(store: StoreReader<T>, mark: (object: T) => void) => {
      for (const object of store.list()) mark(object);
      store.onChange((_key, before, after) => {
        if (before !== undefined) mark(before);
        if (after !== undefined) mark(after);
        wake();
      });
    };
    follow(endpointSlices, (slice) => {
      for (const key of serviceOfSlice(slice)) this.#dirty.add(key);
    });
    // A service, or how it is called, may be named by the splits and routes of its whole namespace.
    const naming = [
      ...[services, trafficSplits, httpRoutes, grpcRoutes, smiSplits, routeGroups],
    ] as StoreReader<KubeObject>[];
    for (const store of naming) follow(store, (object) => this.#markNaming(object));
    for (const store of [httpRoutes, grpcRoutes]) {
      follow(store, (route) => {
        for (const parent of parentServiceKeys(route)) this.#dirty.add(parent);
      });
    }
    for (const mesh of meshServices.list()) this.#markMesh(mesh);
    meshServices.onChange((_key, before, after) => {
      if (before !== undefined && after !== undefined && isStatusOnly(before, after)) {
        if (!isDeepStrictEqual(before.status?.found, after.status?.found)) this.#dirty.add(sourceServiceKey(after));
      } else {
        for (const mesh of [before, after]) if (mesh !== undefined) this.#markMesh(mesh);
      }
      wake();
    });
    follow(referenceGrants, (grant) => {
      for (const namespace of grantedNamespaces(grant)) this.#markNamespace(namespace);
    });
    follow(pods, (pod) => this.#markPod(pod));
    pods.onChange((key, _before, after) => this.#place(key, after));
    for (const pod of pods.list()) this.#place(objectKey(pod), pod);
  }

  /** What the pod's own proxy needs; undefined for a pod without one. */
  meshOf(pod: Pod): PodMeshIr | undefined {
    const services = this.#deps.stores.services.inNamespace(pod.metadata.namespace ?? 'default');
    return translatePodMesh(pod, { index: this.index, services, proxyUid: this.#deps.proxyUid });
  }

  /** Brings the table up to date; returns the keys of pods whose `meshOf` may answer differently now. */
  flush(): readonly string[] {
    const { table, stores } = this.#deps;
    const nodes = [...new Set(this.#meshed.values())].sort();
    const isMoved = nodes.join() !== this.#nodes.join();
    this.#nodes = nodes;
    for (const key of isMoved ? this.#all() : this.#dirty) {
      const service = translateService(this.index, key);
      if (service === undefined) table.remove('service', key);
      else table.set('service', key, service, nodes);
      this.#putEndpoints(key);
    }
    this.#dirty.clear();
    const pods = [...this.#inbound].flatMap((namespace) => stores.pods.inNamespace(namespace));
    this.#inbound.clear();
    return pods.filter(isInjected).map(objectKey);
  }

  /** Names of nodes that have a proxy, sorted. */
  get nodes(): readonly string[] {
    return this.#nodes;
  }

  /** Keys of the resources `endpoints` of a service. */
  clustersOf(serviceKey: string): readonly string[] {
    return this.#clusters.get(serviceKey) ?? [];
  }

  #putEndpoints(key: string): void {
    const { table } = this.#deps;
    const endpoints = translateEndpoints(this.index, key);
    for (const [cluster, body] of endpoints) table.set('endpoints', cluster, body, this.#nodes);
    for (const cluster of this.clustersOf(key)) if (!endpoints.has(cluster)) table.remove('endpoints', cluster);
    this.#clusters.set(key, [...endpoints.keys()]);
  }

  #all(): readonly string[] {
    const { services, meshServices } = this.#deps.stores;
    return [
      ...new Set([...services.list().map(objectKey), ...meshServices.list().map(sourceServiceKey), ...this.#dirty]),
    ];
  }

  #markMesh(mesh: MeshService): void {
    this.#markNaming(mesh);
    this.#dirty.add(sourceServiceKey(mesh));
  }

  #markNaming({ metadata: { namespace = 'default' } }: KubeObject): void {
    this.#markNamespace(namespace);
    // Routes of other namespaces may lead here.
    for (const grant of this.index.grantsOf(namespace)) {
      for (const other of grantedNamespaces(grant)) this.#markNamespace(other);
    }
  }

  #markNamespace(namespace: string): void {
    this.#inbound.add(namespace);
    for (const service of this.#deps.stores.services.inNamespace(namespace)) this.#dirty.add(objectKey(service));
    for (const key of this.#clusters.keys()) if (key.startsWith(`${namespace}/`)) this.#dirty.add(key);
    for (const key of this.index.foreignParentsOf(namespace)) this.#dirty.add(key);
  }

  /** Labels decide on subsets, the mark of the proxy on mutual TLS. */
  #markPod(pod: Pod): void {
    const selects = ({ spec: { selector = {} } }: Service) =>
      Object.keys(selector).length > 0 && bearsLabels(pod.metadata.labels ?? {}, selector);
    for (const service of this.#deps.stores.services.inNamespace(pod.metadata.namespace ?? 'default')) {
      if (selects(service)) this.#dirty.add(objectKey(service));
    }
  }

  #place(key: string, pod: Pod | undefined): void {
    const node = pod === undefined || !isInjected(pod) ? undefined : pod.spec.nodeName;
    if (node === undefined) this.#meshed.delete(key);
    else this.#meshed.set(key, node);
  }
}

/** Statuses change often, and say nothing to nodes but what was found in a registry. */
function isStatusOnly({ metadata: before }: MeshService, { metadata: after }: MeshService): boolean {
  return after.generation !== undefined && before.generation === after.generation && before.uid === after.uid;
}
