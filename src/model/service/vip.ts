import type { Family } from '../../lib/ip.ts';

/**
 * What one node's kernel does with new connections to some addresses of one service port. Plain JSON, sorted, so that
 * equal content has equal text.
 */
export interface ServiceVipIr {
  /** Of the service's port; empty when it has none. */
  readonly port: string;
  readonly family: Family;
  readonly protocol: ServiceProtocol;
  /** `internal`: cluster IPs. `external`: node ports, external IPs and addresses of load balancers. */
  readonly scope: 'internal' | 'external';
  readonly frontends: readonly FrontendIr[];
  /** All of them are equally likely. */
  readonly backends: readonly VipBackendIr[];
  /** Which endpoints `backends` are: of the cluster, or of this node only. */
  readonly pool: 'cluster' | 'local';
  /**
   * What callers on this node get in place of `backends`: with externalTrafficPolicy Local, the endpoints of the
   * cluster. Absent: the same as everybody.
   */
  readonly ownCallers?: readonly VipBackendIr[];
  /** Without backends: `drop` when there are some on other nodes, so that load balancers look elsewhere. */
  readonly whenEmpty: 'reject' | 'drop';
  /** `hairpin`: who dials itself only. `always`: everybody but pods of this node. */
  readonly masquerade: 'hairpin' | 'always';
  /** A caller's connections go to one backend as long as the pauses between them are no longer than this. */
  readonly affinitySeconds?: number;
  /** Prefixes that may call; absent: all. */
  readonly sourceRanges?: readonly string[];
}

export type ServiceProtocol = 'TCP' | 'UDP' | 'SCTP';

export interface FrontendIr {
  /** `nodePort`: every address of the node, except loopback. */
  readonly address: string;
  readonly port: number;
}

export interface VipBackendIr {
  readonly address: string;
  readonly port: number;
  /** On this node. */
  readonly isLocal?: true;
}

/** What a load balancer asks this node: whether it has ready endpoints of a service. */
export interface ServiceHealthIr {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
  readonly localEndpoints: number;
}

export const ANY_NODE_ADDRESS = 'nodePort';
