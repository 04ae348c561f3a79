import type { EndpointsIr, PodIr, ServiceIr } from '../../model/node/ir.ts';
import { encodeCluster, encodeFixedClusters } from './clusters.ts';
import type { EncodedResource } from './encoded.ts';
import { encodeEndpoints } from './endpoints.ts';
import { httpPortsOf } from '../../model/mesh/http-ports.ts';
import { isJudged, type JudgedPod } from './authorization.ts';
import { encodeInbound, encodeInboundRoutes } from './inbound.ts';
import { encodeOutbound, encodeServiceListeners } from './outbound.ts';
import { encodeReadiness } from './readiness.ts';
import { encodeRoutes } from './routes.ts';

export interface Versioned<T> {
  readonly version: string;
  readonly body: T;
}

export interface SnapshotInput {
  /** By key, as in the IR. */
  readonly services: ReadonlyMap<string, Versioned<ServiceIr>>;
  readonly endpoints: ReadonlyMap<string, Versioned<EndpointsIr>>;
  readonly pod: Versioned<PodIr>;
  /** Absent: no policy judges its requests. */
  readonly judged?: Versioned<JudgedPod>;
  /** Whether the pod has an address of IPv6. */
  readonly hasIpv6: boolean;
  /** Empty until the pod's certificate is there; then the proxy does not call itself ready. */
  readonly secrets: readonly EncodedResource[];
}

/** Which IR resource an Envoy resource comes from. */
export interface Origin {
  readonly kind: 'endpoints' | 'service' | 'pod';
  readonly key: string;
  readonly version: string;
}

export interface ProxySnapshot {
  /** By type URL, then by name. */
  readonly resources: ReadonlyMap<string, ReadonlyMap<string, EncodedResource>>;
  /** What became of each IR resource; of some, such as a service without an address, nothing did. */
  readonly sources: readonly Source[];
}

export interface Source {
  readonly origin: Origin;
  readonly encoded: readonly EncodedResource[];
}

interface Cached {
  readonly version: string;
  readonly encoded: readonly EncodedResource[];
}

/** Makes what proxies are offered; each IR resource is encoded once for all proxies, and again only when it changes. */
export class SnapshotBuilder {
  readonly #cache = {
    endpoints: new Map<string, Cached>(),
    service: new Map<string, Cached>(),
    pod: new Map<string, Cached>(),
  };
  readonly #fixed = encodeFixedClusters();
  readonly #listeners = {
    ipv4: { outbound: encodeOutbound(false), readiness: encodeReadiness(false) },
    both: { outbound: encodeOutbound(true), readiness: encodeReadiness(true) },
  };

  build({ services, endpoints, pod, judged, hasIpv6, secrets }: SnapshotInput): ProxySnapshot {
    const parts = new Parts();
    const { outbound, readiness } = hasIpv6 ? this.#listeners.both : this.#listeners.ipv4;
    for (const encoded of [...this.#fixed, outbound, ...secrets]) parts.add(encoded);
    if (secrets.length > 0) parts.add(readiness);
    for (const [key, { version, body }] of endpoints) {
      const encode = () => [encodeCluster(key, body), encodeEndpoints(key, body)];
      parts.addAll(this.#encoded('endpoints', key, version, encode), { kind: 'endpoints', key, version });
    }
    for (const [key, { version, body }] of services) {
      const encode = () => [...encodeServiceListeners(body), ...encodeRoutes(body)];
      parts.addAll(this.#encoded('service', key, version, encode), { kind: 'service', key, version });
    }
    const { mesh, uid } = pod.body;
    if (mesh !== undefined) {
      const { version } = pod;
      // The pod's next sandbox may have other families, and be told the same.
      const judgedOn = (port: number) => judged !== undefined && isJudged(judged.body.chain, port);
      const encoded = this.#encoded('pod', uid, `${version} ${hasIpv6} ${judged?.version}`, () => [
        encodeInbound(mesh, hasIpv6, judgedOn),
        ...httpPortsOf(mesh).map((port) => encodeInboundRoutes(port, judgedOn(port) ? judged?.body : undefined)),
      ]);
      parts.addAll(encoded, { kind: 'pod', key: uid, version });
    }
    return parts;
  }

  /** Frees what is kept of resources that are no more. */
  forget(kind: Origin['kind'], isHeld: (key: string) => boolean): void {
    for (const key of this.#cache[kind].keys()) if (!isHeld(key)) this.#cache[kind].delete(key);
  }

  #encoded(kind: Origin['kind'], key: string, version: string, encode: () => readonly EncodedResource[]) {
    const cached = this.#cache[kind].get(key);
    if (cached?.version === version) return cached.encoded;
    const encoded = encode();
    this.#cache[kind].set(key, { version, encoded });
    return encoded;
  }
}

class Parts implements ProxySnapshot {
  readonly resources = new Map<string, Map<string, EncodedResource>>();
  readonly sources: Source[] = [];

  add(encoded: EncodedResource): void {
    const byName = this.resources.get(encoded.typeUrl);
    if (byName === undefined) this.resources.set(encoded.typeUrl, new Map([[encoded.name, encoded]]));
    else byName.set(encoded.name, encoded);
  }

  addAll(all: readonly EncodedResource[], origin: Origin): void {
    for (const encoded of all) this.add(encoded);
    this.sources.push({ origin, encoded: all });
  }
}
