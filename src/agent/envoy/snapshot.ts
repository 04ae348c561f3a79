import type { EndpointsIr, GatewayIr, PodIr, RouteRuleIr, ServiceIr } from '../../model/node/ir.ts';
import { encodeCluster, encodeFixedClusters } from './clusters.ts';
import type { EncodedResource } from './encoded.ts';
import { encodeEndpoints, leadsTo } from './endpoints.ts';
import { encodeGateway } from './gateway.ts';
import { HostNames, isNamedIn } from './host-names.ts';
import { httpInboundOf } from '../../model/mesh/http-ports.ts';
import { isJudged, type JudgedPod } from './authorization.ts';
import { encodeInbound, encodeInboundRoutes } from './inbound.ts';
import { encodeOutbound, encodeServiceListeners } from './outbound.ts';
import { encodeReadiness } from './readiness.ts';
import { encodeRoutes } from './routes.ts';

export interface Versioned<T> {
  readonly version: string;
  readonly body: T;
}

export interface FoundEndpoints extends Versioned<EndpointsIr> {
  /** What of it this node has found, and not been told. */
  readonly found?: string;
}

export interface GatewayInput extends Versioned<GatewayIr> {
  readonly key: string;
}

export interface SnapshotInput {
  /** By key, as in the IR. */
  readonly services: ReadonlyMap<string, Versioned<ServiceIr>>;
  readonly endpoints: ReadonlyMap<string, FoundEndpoints>;
  readonly pod: Versioned<PodIr>;
  /** Absent: no policy judges its requests. */
  readonly judged?: Versioned<JudgedPod>;
  /** The node's. */
  readonly zone?: string;
  /** Whether the pod has an address of IPv6. */
  readonly hasIpv6: boolean;
  /** Of a Gateway's pod: what it does instead of all else. */
  readonly gateway?: GatewayInput;
  /** Empty until the pod's certificate is there; then the proxy does not call itself ready. */
  readonly secrets: readonly EncodedResource[];
}

/** Which IR resource an Envoy resource comes from. */
export interface Origin {
  readonly kind: 'endpoints' | 'service' | 'pod' | 'gateway';
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
  readonly variants: Map<string, readonly EncodedResource[]>;
}

/** Makes what proxies are offered; each IR resource is encoded once for all proxies, and again only when it changes. */
export class SnapshotBuilder {
  readonly #cache = {
    endpoints: new Map<string, Cached>(),
    service: new Map<string, Cached>(),
    pod: new Map<string, Cached>(),
    gateway: new Map<string, Cached>(),
  };
  readonly #hostNames = new HostNames();
  readonly #fixed = encodeFixedClusters();
  readonly #listeners = {
    ipv4: { outbound: encodeOutbound(false), readiness: encodeReadiness(false) },
    both: { outbound: encodeOutbound(true), readiness: encodeReadiness(true) },
  };

  build(input: SnapshotInput): ProxySnapshot {
    const { services, endpoints, pod, judged, zone, hasIpv6, secrets } = input;
    const parts = new Parts();
    const { outbound, readiness } = hasIpv6 ? this.#listeners.both : this.#listeners.ipv4;
    const own = input.gateway === undefined ? [outbound] : [];
    for (const encoded of [...this.#fixed, ...own, ...secrets]) parts.add(encoded);
    if (secrets.length > 0) parts.add(readiness);
    for (const [key, { version, found = '', body }] of endpoints) {
      const ownAddresses = leadsTo(body, pod.body.addresses) ? pod.body.addresses : [];
      const encode = () => [encodeCluster(key, body), encodeEndpoints(key, body, { zone, ownAddresses })];
      const at = `${version} ${found} ${body.prefersZone ? zone : ''}`;
      const encoded = this.#encoded('endpoints', key, at, encode, ownAddresses.join());
      parts.addAll(encoded, { kind: 'endpoints', key, version });
    }
    const { namespace } = pod.body;
    if (input.gateway !== undefined) {
      this.#addGateway(parts, input.gateway, input);
      return parts;
    }
    const names = this.#hostNames.listener(services, namespace, hasIpv6);
    const spiffeId = pod.body.mesh?.spiffeId ?? '';
    const hasEndpoints = hasEndpointsIn(endpoints);
    for (const [key, { version, body }] of services) {
      const encode = () => [...encodeServiceListeners(body), ...encodeRoutes(body, { spiffeId, hasEndpoints })];
      const all = body.ports.flatMap(({ rules }) => rules);
      const at = `${version} ${emptyClusters(all, hasEndpoints)}`;
      const encoded = this.#encoded('service', key, at, encode, asksForCaller(body) ? spiffeId : '');
      const named = names !== undefined && isNamedIn(body, namespace) ? [...encoded, names] : encoded;
      parts.addAll(named, { kind: 'service', key, version });
    }
    const { mesh, uid } = pod.body;
    if (mesh !== undefined) {
      const { version } = pod;
      // The pod's next sandbox may have other families, and be told the same.
      const judgedOn = (port: number) => judged !== undefined && isJudged(judged.body.chain, port);
      const encoded = this.#encoded('pod', uid, `${version} ${hasIpv6} ${judged?.version}`, () => [
        encodeInbound(mesh, hasIpv6, judgedOn),
        ...httpInboundOf(mesh).map((inbound) =>
          encodeInboundRoutes(inbound, judgedOn(inbound.port) ? judged?.body : undefined),
        ),
      ]);
      parts.addAll(encoded, { kind: 'pod', key: uid, version });
    }
    return parts;
  }

  /** Only what comes in from outside: nothing of the pod's own is caught. */
  #addGateway(parts: Parts, { key, version, body }: GatewayInput, { endpoints, pod, hasIpv6 }: SnapshotInput): void {
    const hasEndpoints = hasEndpointsIn(endpoints);
    const context = { spiffeId: pod.body.mesh?.spiffeId ?? '', hasEndpoints };
    const rules = body.ports.flatMap(({ chains }) =>
      chains.flatMap(({ hosts }) => hosts.flatMap((host) => host.rules)),
    );
    const at = `${version} ${hasIpv6} ${emptyClusters(rules, hasEndpoints)}`;
    const encode = () => encodeGateway(body, hasIpv6, context);
    parts.addAll(this.#encoded('gateway', key, at, encode, context.spiffeId), { kind: 'gateway', key, version });
  }

  /** Frees what is kept of resources that are no more. */
  forget(kind: Origin['kind'], isHeld: (key: string) => boolean): void {
    for (const key of this.#cache[kind].keys()) if (!isHeld(key)) this.#cache[kind].delete(key);
  }

  /** @param variant of those that the pods of one node may be given at the same time. */
  #encoded(
    kind: Origin['kind'],
    key: string,
    version: string,
    encode: () => readonly EncodedResource[],
    variant = '',
  ): readonly EncodedResource[] {
    const known = this.#cache[kind].get(key);
    const cached = known?.version === version ? known : { version, variants: new Map() };
    this.#cache[kind].set(key, cached);
    const encoded = cached.variants.get(variant) ?? encode();
    cached.variants.set(variant, encoded);
    return encoded;
  }
}

function hasEndpointsIn(endpoints: SnapshotInput['endpoints']): (cluster: string) => boolean {
  return (cluster) => (endpoints.get(cluster)?.body.endpoints.length ?? 0) > 0;
}

/** Of clusters whose endpoints decide about routes. */
function emptyClusters(all: readonly RouteRuleIr[], hasEndpoints: (cluster: string) => boolean): string {
  const rules = all.filter(({ redistributes }) => redistributes);
  const clusters = rules.flatMap(({ backends }) => backends.flatMap(({ cluster = [] }) => cluster));
  return clusters.filter((cluster) => !hasEndpoints(cluster)).join();
}

function asksForCaller({ ports }: ServiceIr): boolean {
  return ports.some(({ rules }) => rules.some(({ matches }) => matches.some(({ source }) => source !== undefined)));
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
