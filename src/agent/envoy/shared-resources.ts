import type { ServiceIr } from '../../model/node/ir.ts';
import { Changes } from './changes.ts';
import { encodeCluster, encodeFixedClusters } from './clusters.ts';
import type { EncodedResource } from './encoded.ts';
import { encodeEndpoints } from './endpoints.ts';
import { encodeServiceListeners } from './outbound.ts';
import { encodeRoutes } from './routes.ts';
import { type Origin, type SharedInput, type Source, sourceId, type Versioned } from './snapshot.ts';

interface KnownService {
  readonly service: Versioned<ServiceIr>;
  /** Clusters whose endpoints decide about its routes; of most services none. */
  readonly deciding: readonly string[];
  /** Those without endpoints. */
  readonly empty: string;
  /** Callers see different routes: by caller. Undefined: all see the same, which is in `resources`. */
  readonly variants: Map<string, readonly EncodedResource[]> | undefined;
}

/**
 * What all proxies of a node are offered alike, kept once: services and their endpoints, each encoded when it changes.
 * It changes underneath those who look at it, who are to be told what `update` returns.
 */
export class SharedResources {
  readonly #resources = new Map<string, Map<string, EncodedResource>>();
  readonly #sources = new Map<string, Source>();
  readonly #services = new Map<string, KnownService>();
  readonly #endpoints = new Map<string, string>();
  /** Keys of services whose routes depend on the caller. */
  readonly #asking = new Set<string>();
  /** Keys of services with names of their own, by namespace. */
  readonly #named = new Map<string, Set<string>>();
  #hasEndpoints: (cluster: string) => boolean = () => false;

  constructor() {
    for (const encoded of encodeFixedClusters()) this.ofType(encoded.typeUrl).set(encoded.name, encoded);
  }

  /** By name. The same map for ever. */
  ofType(typeUrl: string): Map<string, EncodedResource> {
    const byName = this.#resources.get(typeUrl) ?? new Map<string, EncodedResource>();
    this.#resources.set(typeUrl, byName);
    return byName;
  }

  get types(): Iterable<string> {
    return this.#resources.keys();
  }

  /** By `sourceId`; of services whose routes depend on the caller each proxy has its own. */
  get sources(): ReadonlyMap<string, Source> {
    return this.#sources;
  }

  /** Services that pods of the namespace know by names of their own. */
  named(namespace: string): ReadonlyMap<string, Versioned<ServiceIr>> {
    const keys = [...(this.#named.get(namespace) ?? [])];
    return new Map(keys.flatMap((key) => withKey(key, this.#services.get(key)?.service)));
  }

  /** What became of services whose routes depend on the caller, for one caller. */
  *asked(spiffeId: string): Generator<Source> {
    for (const key of this.#asking) {
      const known = this.#services.get(key);
      if (known?.variants === undefined) continue;
      const encoded = known.variants.get(spiffeId) ?? this.#encode(known.service.body, spiffeId);
      known.variants.set(spiffeId, encoded);
      yield { origin: { kind: 'service', key, version: known.service.version }, encoded };
    }
  }

  /** Makes it what `input` says; what of it is another now. */
  update({ services, endpoints, zone }: SharedInput): Changes {
    const changes = new Changes();
    this.#hasEndpoints = (cluster) => (endpoints.get(cluster)?.body.endpoints.length ?? 0) > 0;
    for (const [key, { version, found = '', body }] of endpoints) {
      const at = `${version} ${found} ${body.prefersZone ? zone : ''}`;
      if (this.#endpoints.get(key) === at) continue;
      this.#endpoints.set(key, at);
      const encoded = [encodeCluster(key, body), encodeEndpoints(key, body, zone)];
      this.#put({ kind: 'endpoints', key, version }, encoded, changes);
    }
    for (const key of this.#endpoints.keys()) {
      if (endpoints.has(key)) continue;
      this.#endpoints.delete(key);
      this.#drop('endpoints', key, changes);
    }
    for (const [key, service] of services) this.#updateService(key, service, changes);
    for (const key of this.#services.keys()) {
      if (services.has(key)) continue;
      this.#forget(key);
      this.#drop('service', key, changes);
    }
    return changes;
  }

  #updateService(key: string, service: Versioned<ServiceIr>, changes: Changes): void {
    const { version, body } = service;
    const known = this.#services.get(key);
    const isSame = known?.service.version === version;
    const deciding = isSame ? known.deciding : decidingClusters(body);
    const empty = deciding.filter((cluster) => !this.#hasEndpoints(cluster)).join();
    if (isSame && known.empty === empty) return;
    this.#forget(key);
    const variants = asksForCaller(body) ? new Map<string, readonly EncodedResource[]>() : undefined;
    this.#services.set(key, { service, deciding, empty, variants });
    if (body.hosts !== undefined) {
      this.#named.set(body.namespace, (this.#named.get(body.namespace) ?? new Set()).add(key));
    }
    if (variants === undefined) {
      this.#put({ kind: 'service', key, version }, this.#encode(body, ''), changes);
    } else {
      this.#asking.add(key);
      this.#drop('service', key, changes);
    }
  }

  #encode(service: ServiceIr, spiffeId: string): readonly EncodedResource[] {
    const context = { spiffeId, hasEndpoints: this.#hasEndpoints };
    return [...encodeServiceListeners(service), ...encodeRoutes(service, context)];
  }

  #forget(key: string): void {
    const known = this.#services.get(key);
    if (known === undefined) return;
    this.#services.delete(key);
    this.#asking.delete(key);
    this.#named.get(known.service.body.namespace)?.delete(key);
  }

  #put(origin: Origin, encoded: readonly EncodedResource[], changes: Changes): void {
    const id = sourceId(origin);
    const before = this.#sources.get(id);
    changes.source(id, before);
    this.#sources.set(id, { origin, encoded });
    const isKept = (old: EncodedResource) =>
      encoded.some((now) => now.typeUrl === old.typeUrl && now.name === old.name);
    for (const old of before?.encoded ?? []) if (!isKept(old)) this.#remove(old, changes);
    for (const now of encoded) {
      const byName = this.ofType(now.typeUrl);
      const old = byName.get(now.name);
      if (old?.version === now.version) continue;
      changes.resource(now.typeUrl, now.name, old);
      byName.set(now.name, now);
    }
  }

  #drop(kind: Origin['kind'], key: string, changes: Changes): void {
    const id = sourceId({ kind, key });
    const before = this.#sources.get(id);
    if (before === undefined) return;
    changes.source(id, before);
    this.#sources.delete(id);
    for (const old of before.encoded) this.#remove(old, changes);
  }

  #remove({ typeUrl, name }: EncodedResource, changes: Changes): void {
    const byName = this.ofType(typeUrl);
    changes.resource(typeUrl, name, byName.get(name));
    byName.delete(name);
  }
}

function withKey<T>(key: string, value: T | undefined): (readonly [string, T])[] {
  return value === undefined ? [] : [[key, value]];
}

function decidingClusters({ ports }: ServiceIr): readonly string[] {
  const rules = ports.flatMap((port) => port.rules).filter(({ redistributes }) => redistributes);
  return rules.flatMap(({ backends }) => backends.flatMap(({ cluster = [] }) => cluster));
}

function asksForCaller({ ports }: ServiceIr): boolean {
  return ports.some(({ rules }) => rules.some(({ matches }) => matches.some(({ source }) => source !== undefined)));
}
