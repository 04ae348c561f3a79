import type { EndpointSlice, HTTPRoute, Pod, ReferenceGrant, Service } from '../../api/kubernetes.ts';
import type { MeshService } from '../../api/generated/meshservice.ts';
import type { TrafficSplit } from '../../api/generated/trafficsplit.ts';
import { objectKey, type KubeObject } from '../../api/meta.ts';
import type { HTTPRouteGroup, SmiTrafficSplit } from '../../api/smi.ts';
import { byAge } from './by-age.ts';
import { ownerOfService, ownService, ownServiceName } from './own-service.ts';
import { type SmiIndex, trafficSplitsOfSmi } from './smi-split.ts';
import type { Tracing } from './tracing.ts';
import { assignVirtualAddresses } from './virtual-addresses.ts';

/** Everything that says how services are called, as stored. Lists in any order. */
export interface MeshInput {
  readonly services: readonly Service[];
  readonly endpointSlices: readonly EndpointSlice[];
  readonly pods: readonly Pod[];
  readonly meshServices: readonly MeshService[];
  readonly trafficSplits: readonly TrafficSplit[];
  /** Of the Service Mesh Interface. */
  readonly smiSplits?: readonly SmiTrafficSplit[];
  readonly routeGroups?: readonly HTTPRouteGroup[];
  /** And GRPCRoutes, as such: see `httpRouteOf`. */
  readonly httpRoutes: readonly HTTPRoute[];
  readonly referenceGrants: readonly ReferenceGrant[];
  readonly trustDomain: string;
  /** Absent: nobody is told of calls. */
  readonly tracing?: Tracing;
}

/**
 * What the translation of one service looks things up in: by `namespace/name`, and by the key of the Service that an
 * object speaks of. Whoever holds stores with indices can offer these lookups without a copy.
 */
export interface MeshIndex {
  readonly trustDomain: string;
  readonly tracing?: Tracing | undefined;
  /** A Kubernetes Service, or what stands for one: see `ownService`. */
  service(key: string): Service | undefined;
  pod(key: string): Pod | undefined;
  meshService(key: string): MeshService | undefined;
  slicesOf(serviceKey: string): readonly EndpointSlice[];
  /** Oldest first. */
  meshServicesOf(serviceKey: string): readonly MeshService[];
  /** Oldest first, also those for other ports, and those of the Service Mesh Interface. */
  trafficSplitsOf(serviceKey: string): readonly TrafficSplit[];
  /** Oldest first, also those for other ports. */
  httpRoutesOf(serviceKey: string): readonly HTTPRoute[];
  /** Of the namespace. */
  grantsOf(namespace: string): readonly ReferenceGrant[];
  /** MeshServices of a namespace that have this name among their `hosts`, oldest first. */
  meshServicesNamed(namespace: string, host: string): readonly MeshService[];
  /** Of the MeshService of that key; see `assignVirtualAddresses`. */
  virtualAddressesOf(meshKey: string): readonly string[];
}

/** Label of EndpointSlices: the Service they are of. */
export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

/** Cost: one pass over the input. */
export function indexMesh(input: MeshInput): MeshIndex & SmiIndex {
  const services = byKey(input.services);
  const pods = byKey(input.pods);
  const meshServices = byKey(input.meshServices);
  const slices = group(input.endpointSlices, (slice) => {
    const name = slice.metadata.labels?.[SERVICE_NAME_LABEL];
    return name === undefined ? [] : [inNamespaceOf(slice, name)];
  });
  const ofService = group([...input.meshServices].sort(byAge), (mesh) => [sourceServiceKey(mesh)]);
  const named = group([...input.meshServices].sort(byAge), ({ metadata, spec }) =>
    (spec.hosts ?? []).map((host) => `${metadata.namespace ?? 'default'} ${host}`),
  );
  const virtual = assignVirtualAddresses(input.meshServices);
  const names = {
    meshService: (key: string) => meshServices.get(key),
    virtualAddressesOf: (key: string) => virtual.get(key) ?? [],
    service: (key: string): Service | undefined => services.get(key) ?? findOwnService(names, key),
  };
  const routeGroups = byKey(input.routeGroups ?? []);
  const smi = { ...names, routeGroup: (key: string) => routeGroups.get(key) };
  const allSplits = [
    ...input.trafficSplits,
    ...(input.smiSplits ?? []).flatMap((each) => trafficSplitsOfSmi(smi, each)),
  ];
  const splits = group(allSplits.sort(byAge), (split) => [resolveServiceKey(names, split, split.spec.service)]);
  const grants = group(input.referenceGrants, ({ metadata }) => [metadata.namespace ?? 'default']);
  const routes = group([...input.httpRoutes].sort(byAge), parentServiceKeys);
  return {
    ...smi,
    trustDomain: input.trustDomain,
    tracing: input.tracing,
    pod: (key) => pods.get(key),
    slicesOf: (key) => slices.get(key) ?? [],
    meshServicesOf: (key) => ofService.get(key) ?? [],
    trafficSplitsOf: (key) => splits.get(key) ?? [],
    httpRoutesOf: (key) => routes.get(key) ?? [],
    grantsOf: (namespace) => grants.get(namespace) ?? [],
    meshServicesNamed: (namespace, host) => named.get(`${namespace} ${host}`) ?? [],
  };
}

/** The MeshService that counts for a Service: the oldest that names it. */
export function meshServiceFor(index: Pick<MeshIndex, 'meshServicesOf'>, serviceKey: string): MeshService | undefined {
  return index.meshServicesOf(serviceKey)[0];
}

/** Key of the Service that a MeshService is about, or of its own service where that is none of Kubernetes'. */
export function sourceServiceKey(mesh: MeshService): string {
  return inNamespaceOf(mesh, mesh.spec.source.service?.name ?? ownServiceName(mesh.metadata.name));
}

/** The service of that key, if it is a MeshService's own. */
export function findOwnService(
  index: Pick<MeshIndex, 'meshService' | 'virtualAddressesOf'>,
  serviceKey: string,
): Service | undefined {
  const meshKey = ownerOfService(serviceKey);
  const mesh = meshKey === undefined ? undefined : index.meshService(meshKey);
  if (meshKey === undefined || mesh === undefined || mesh.spec.source.service !== undefined) return undefined;
  return ownService(mesh, index.virtualAddressesOf(meshKey));
}

/**
 * Key of the Service that `name` means in the namespace of `object`: a Service of that name, or else the Service of a
 * MeshService of that name. What names nothing stays as it is.
 */
export function resolveServiceKey(
  index: Pick<MeshIndex, 'service' | 'meshService'>,
  object: KubeObject,
  name: string,
): string {
  const key = inNamespaceOf(object, name);
  if (index.service(key) !== undefined) return key;
  const mesh = index.meshService(key);
  return mesh === undefined ? key : sourceServiceKey(mesh);
}

/** Keys of the Services of its own namespace that an HTTPRoute is attached to, each once. */
export function parentServiceKeys(route: HTTPRoute): string[] {
  const namespace = route.metadata.namespace ?? 'default';
  const parents = (route.spec.parentRefs ?? []).filter(isServiceRef);
  return [...new Set(parents.map((ref) => `${ref.namespace ?? namespace}/${ref.name}`))];
}

/** Whether a Gateway API reference means a core Service. Parents are Gateways unless they say otherwise. */
export function isServiceRef({ group, kind }: { readonly group?: string; readonly kind?: string }): boolean {
  return kind === 'Service' && (group === '' || group === 'core');
}

export function inNamespaceOf({ metadata }: KubeObject, name: string): string {
  return `${metadata.namespace ?? 'default'}/${name}`;
}

function byKey<T extends KubeObject>(objects: readonly T[]): ReadonlyMap<string, T> {
  return new Map(objects.map((object) => [objectKey(object), object]));
}

function group<T>(items: readonly T[], keysOf: (item: T) => readonly string[]): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    for (const key of keysOf(item)) {
      const members = groups.get(key);
      if (members === undefined) groups.set(key, [item]);
      else members.push(item);
    }
  }
  return groups;
}
