import type { EndpointSlice, HTTPRoute, Pod, Service } from '../../api/kubernetes.ts';
import type { MeshService } from '../../api/generated/meshservice.ts';
import type { TrafficSplit } from '../../api/generated/trafficsplit.ts';
import { objectKey, type KubeObject } from '../../api/meta.ts';

/** Everything that says how services are called, as stored. Lists in any order. */
export interface MeshInput {
  readonly services: readonly Service[];
  readonly endpointSlices: readonly EndpointSlice[];
  readonly pods: readonly Pod[];
  readonly meshServices: readonly MeshService[];
  readonly trafficSplits: readonly TrafficSplit[];
  readonly httpRoutes: readonly HTTPRoute[];
  readonly trustDomain: string;
}

/**
 * What the translation of one service looks things up in: by `namespace/name`, and by the key of the Service that an
 * object speaks of. Whoever holds stores with indices can offer these lookups without a copy.
 */
export interface MeshIndex {
  readonly trustDomain: string;
  service(key: string): Service | undefined;
  pod(key: string): Pod | undefined;
  meshService(key: string): MeshService | undefined;
  slicesOf(serviceKey: string): readonly EndpointSlice[];
  /** Oldest first. */
  meshServicesOf(serviceKey: string): readonly MeshService[];
  /** Oldest first, also those for other ports. */
  trafficSplitsOf(serviceKey: string): readonly TrafficSplit[];
  /** Oldest first, also those for other ports. */
  httpRoutesOf(serviceKey: string): readonly HTTPRoute[];
}

/** Label of EndpointSlices: the Service they are of. */
export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

/** Cost: one pass over the input. */
export function indexMesh(input: MeshInput): MeshIndex {
  const services = byKey(input.services);
  const pods = byKey(input.pods);
  const meshServices = byKey(input.meshServices);
  const slices = group(input.endpointSlices, (slice) => {
    const name = slice.metadata.labels?.[SERVICE_NAME_LABEL];
    return name === undefined ? [] : [inNamespaceOf(slice, name)];
  });
  const ofService = group([...input.meshServices].sort(byAge), (mesh) => [sourceServiceKey(mesh)]);
  const names = { service: (key: string) => services.get(key), meshService: (key: string) => meshServices.get(key) };
  const splits = group([...input.trafficSplits].sort(byAge), (split) => [
    resolveServiceKey(names, split, split.spec.service),
  ]);
  const routes = group([...input.httpRoutes].sort(byAge), parentServiceKeys);
  return {
    ...names,
    trustDomain: input.trustDomain,
    pod: (key) => pods.get(key),
    slicesOf: (key) => slices.get(key) ?? [],
    meshServicesOf: (key) => ofService.get(key) ?? [],
    trafficSplitsOf: (key) => splits.get(key) ?? [],
    httpRoutesOf: (key) => routes.get(key) ?? [],
  };
}

/** The MeshService that counts for a Service: the oldest that names it. */
export function meshServiceFor(index: Pick<MeshIndex, 'meshServicesOf'>, serviceKey: string): MeshService | undefined {
  return index.meshServicesOf(serviceKey)[0];
}

/** Key of the Service that a MeshService is about. */
export function sourceServiceKey(mesh: MeshService): string {
  return inNamespaceOf(mesh, mesh.spec.source.service.name);
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
  const parents = (route.spec.parentRefs ?? []).filter(
    (ref) => isServiceRef(ref) && (ref.namespace ?? namespace) === namespace,
  );
  return [...new Set(parents.map(({ name }) => `${namespace}/${name}`))];
}

/** Whether a Gateway API reference means a core Service. Parents are Gateways unless they say otherwise. */
export function isServiceRef({ group, kind }: { readonly group?: string; readonly kind?: string }): boolean {
  return kind === 'Service' && (group === '' || group === 'core');
}

export function inNamespaceOf({ metadata }: KubeObject, name: string): string {
  return `${metadata.namespace ?? 'default'}/${name}`;
}

/** Older first; by namespace and name where the API server's clock does not tell them apart. */
export function byAge(a: KubeObject, b: KubeObject): number {
  const [ageA, ageB] = [ageText(a), ageText(b)];
  return ageA < ageB ? -1 : ageA > ageB ? 1 : 0;
}

function ageText(object: KubeObject): string {
  return `${object.metadata.creationTimestamp ?? '9999'} ${objectKey(object)}`;
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
