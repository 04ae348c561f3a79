import type { EndpointsIr, GatewayIr, PodIr, ServiceIr } from '../../model/node/ir.ts';
import type { JudgedPod } from './authorization.ts';
import type { EncodedResource } from './encoded.ts';
import type { Layered } from './layered.ts';

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

/** What proxies are offered alike. */
export interface SharedInput {
  /** By key, as in the IR. */
  readonly services: ReadonlyMap<string, Versioned<ServiceIr>>;
  readonly endpoints: ReadonlyMap<string, FoundEndpoints>;
  /** The node's. */
  readonly zone?: string;
}

/** What one proxy is offered beside that. */
export interface OwnInput {
  readonly pod: Versioned<PodIr>;
  /** Absent: no policy judges its requests. */
  readonly judged?: Versioned<JudgedPod>;
  /** Of a Gateway's pod: what it does instead of catching connections. */
  readonly gateway?: GatewayInput;
  /** Whether the pod has an address of IPv6. */
  readonly hasIpv6: boolean;
  /** Empty until the pod's certificate is there; then the proxy does not call itself ready. */
  readonly secrets: readonly EncodedResource[];
}

/** Which IR resource an Envoy resource comes from. */
export interface Origin {
  readonly kind: 'endpoints' | 'service' | 'pod' | 'gateway';
  readonly key: string;
  readonly version: string;
}

/** What became of an IR resource; of some, such as a service without an address, nothing did. */
export interface Source {
  readonly origin: Origin;
  readonly encoded: readonly EncodedResource[];
}

export function sourceId({ kind, key }: Pick<Origin, 'kind' | 'key'>): string {
  return `${kind} ${key}`;
}

/** All that one proxy is offered, now. */
export interface ProxySnapshot {
  readonly resources: { get(typeUrl: string): Layered<EncodedResource> | undefined };
  /** By `sourceId`. */
  readonly sources: Pick<Layered<Source>, 'get' | 'keys'>;
}
