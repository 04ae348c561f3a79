import type { Tracing } from '../../model/mesh/tracing.ts';
import type { MeshService } from '../../api/generated/meshservice.ts';
import type { TrafficSplit } from '../../api/generated/trafficsplit.ts';
import type { EndpointSlice, HTTPRoute, Pod, ReferenceGrant, Service } from '../../api/kubernetes.ts';
import type { HTTPRouteGroup, SmiTrafficSplit } from '../../api/smi.ts';
import { type KubeObject, objectKey } from '../../api/meta.ts';
import type { StoreReader } from '../../kube/store.ts';
import { isOfConsumer } from '../../model/mesh/http-route.ts';
import { byAge } from '../../model/mesh/by-age.ts';
import {
  findOwnService,
  type MeshIndex,
  parentServiceKeys,
  resolveServiceKey,
  SERVICE_NAME_LABEL,
  sourceServiceKey,
} from '../../model/mesh/mesh-index.ts';
import { type SmiIndex, smiServiceKey, trafficSplitsOfSmi } from '../../model/mesh/smi-split.ts';
import { assignVirtualAddresses } from '../../model/mesh/virtual-addresses.ts';

export interface MeshStores {
  readonly services: StoreReader<Service>;
  readonly endpointSlices: StoreReader<EndpointSlice>;
  readonly pods: StoreReader<Pod>;
  readonly meshServices: StoreReader<MeshService>;
  readonly trafficSplits: StoreReader<TrafficSplit>;
  readonly httpRoutes: StoreReader<HTTPRoute>;
  /** As HTTPRoutes. */
  readonly grpcRoutes: StoreReader<HTTPRoute>;
  readonly referenceGrants: StoreReader<ReferenceGrant>;
  readonly smiSplits: StoreReader<SmiTrafficSplit>;
  readonly routeGroups: StoreReader<HTTPRouteGroup>;
}

/** Answers what the translation of one service asks, out of the stores; EndpointSlices, the many, are kept by service. */
export class LiveMeshIndex implements MeshIndex, SmiIndex {
  readonly trustDomain: string;
  readonly tracing: Tracing | undefined;
  readonly #stores: MeshStores;
  readonly #slices = new Map<string, Map<string, EndpointSlice>>();
  /** Routes of other namespaces, by the Services that they are for; by kind and key. */
  readonly #consumers = new Map<string, Map<string, HTTPRoute>>();
  /** Undefined: to be computed anew. */
  #virtual: ReadonlyMap<string, readonly string[]> | undefined;

  constructor(stores: MeshStores, { trustDomain, tracing }: Pick<MeshIndex, 'trustDomain' | 'tracing'>) {
    this.#stores = stores;
    this.trustDomain = trustDomain;
    this.tracing = tracing;
    for (const slice of stores.endpointSlices.list()) this.#keep(objectKey(slice), undefined, slice);
    stores.endpointSlices.onChange((key, before, after) => this.#keep(key, before, after));
    for (const [kind, routes] of [stores.httpRoutes, stores.grpcRoutes].entries()) {
      for (const route of routes.list()) this.#keepConsumer(`${kind} ${objectKey(route)}`, undefined, route);
      routes.onChange((key, before, after) => this.#keepConsumer(`${kind} ${key}`, before, after));
    }
    stores.meshServices.onChange((_key, before, after) => {
      if (before === undefined || after === undefined) this.#virtual = undefined;
    });
  }

  service(key: string): Service | undefined {
    return this.#stores.services.get(key) ?? findOwnService(this, key);
  }

  pod(key: string): Pod | undefined {
    return this.#stores.pods.get(key);
  }

  meshService(key: string): MeshService | undefined {
    return this.#stores.meshServices.get(key);
  }

  slicesOf(serviceKey: string): readonly EndpointSlice[] {
    return [...(this.#slices.get(serviceKey)?.values() ?? [])];
  }

  meshServicesOf(serviceKey: string): readonly MeshService[] {
    return oldestFirst(this.#stores.meshServices, serviceKey, (mesh) => sourceServiceKey(mesh) === serviceKey);
  }

  trafficSplitsOf(serviceKey: string): readonly TrafficSplit[] {
    const isFor = (split: TrafficSplit) => resolveServiceKey(this, split, split.spec.service) === serviceKey;
    const { trafficSplits, smiSplits } = this.#stores;
    const smi = oldestFirst(smiSplits, serviceKey, (split) => smiServiceKey(split) === serviceKey);
    const own = oldestFirst(trafficSplits, serviceKey, isFor);
    return [...own, ...smi.flatMap((split) => trafficSplitsOfSmi(this, split))].sort(byAge);
  }

  routeGroup(key: string): HTTPRouteGroup | undefined {
    return this.#stores.routeGroups.get(key);
  }

  httpRoutesOf(serviceKey: string): readonly HTTPRoute[] {
    const { httpRoutes, grpcRoutes } = this.#stores;
    const isFor = (route: HTTPRoute) => parentServiceKeys(route).includes(serviceKey);
    const own = [httpRoutes, grpcRoutes].flatMap((store) => oldestFirst(store, serviceKey, isFor));
    return [...own, ...(this.#consumers.get(serviceKey)?.values() ?? [])].sort(byAge);
  }

  /** Keys of Services of other namespaces that routes of this one are for. */
  foreignParentsOf(namespace: string): readonly string[] {
    const { httpRoutes, grpcRoutes } = this.#stores;
    const routes = [httpRoutes, grpcRoutes].flatMap((store) => store.inNamespace(namespace));
    return [...new Set(routes.flatMap(foreignParents))];
  }

  grantsOf(namespace: string): readonly ReferenceGrant[] {
    return this.#stores.referenceGrants.inNamespace(namespace);
  }

  meshServicesNamed(namespace: string, host: string): readonly MeshService[] {
    const named = this.#stores.meshServices.inNamespace(namespace).filter(({ spec }) => spec.hosts?.includes(host));
    return named.sort(byAge);
  }

  virtualAddressesOf(meshKey: string): readonly string[] {
    this.#virtual ??= assignVirtualAddresses(this.#stores.meshServices.list());
    return this.#virtual.get(meshKey) ?? [];
  }

  #keepConsumer(id: string, before: HTTPRoute | undefined, after: HTTPRoute | undefined): void {
    for (const parent of before === undefined ? [] : foreignParents(before)) {
      const consumers = this.#consumers.get(parent);
      consumers?.delete(id);
      if (consumers?.size === 0) this.#consumers.delete(parent);
    }
    for (const parent of after === undefined ? [] : foreignParents(after)) {
      const consumers = this.#consumers.get(parent) ?? new Map<string, HTTPRoute>();
      this.#consumers.set(parent, consumers);
      if (after !== undefined) consumers.set(id, after);
    }
  }

  #keep(key: string, before: EndpointSlice | undefined, after: EndpointSlice | undefined): void {
    for (const old of serviceOfSlice(before)) this.#slices.get(old)?.delete(key);
    for (const service of serviceOfSlice(after)) {
      const slices = this.#slices.get(service) ?? new Map<string, EndpointSlice>();
      this.#slices.set(service, slices);
      if (after !== undefined) slices.set(key, after);
    }
  }
}

function foreignParents(route: HTTPRoute): readonly string[] {
  return parentServiceKeys(route).filter((parent) => isOfConsumer(route, parent));
}

/** Key of the Service that an EndpointSlice is of; none for one without that label. */
export function serviceOfSlice(slice: EndpointSlice | undefined): readonly string[] {
  const name = slice?.metadata.labels?.[SERVICE_NAME_LABEL];
  return slice === undefined || name === undefined ? [] : [`${slice.metadata.namespace ?? 'default'}/${name}`];
}

/** Objects of these kinds are few in a namespace, and all that speak of a service are in its namespace. */
function oldestFirst<T extends KubeObject>(
  store: StoreReader<T>,
  serviceKey: string,
  isFor: (object: T) => boolean,
): T[] {
  const [namespace = ''] = serviceKey.split('/');
  return store.inNamespace(namespace).filter(isFor).sort(byAge);
}
