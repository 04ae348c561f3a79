import type { Logger } from '../lib/logger.ts';
import type { DeadLease, NodeInspection, NodeRepairs } from '../model/ipam/inspection.ts';
import type { LendAnswer, LendAsk } from '../model/ipam/loan.ts';
import type { ClusterCalls } from '../model/mesh/cluster-calls.ts';
import type { ProxyViewAsk } from '../model/mesh/proxy-view.ts';
import type { DeniedFlow } from '../model/policy/denied-flow.ts';
import type { AnyRef, ApplyError, HeldResource, NodeUpdate, Watermark } from '../model/node/desired-update.ts';
import type { AgentTls } from './tls.ts';

/** All that the agent's end of the stream asks of others. */
export interface AgentServerOptions {
  /** `host:port`; port 0 takes a free one. */
  readonly listen: string;
  readonly nodeName: string;
  readonly bootId: string;
  readonly features: readonly string[];
  /** Operators are `spiffe://<trustDomain>/weft/operator`. */
  readonly trustDomain: string;
  readonly tls: AgentTls;
  /** The projected service-account token, audience `weft-operator`; read anew each time, as the kubelet renews it. */
  readonly token: () => Promise<string>;
  readonly sink: NodeStateSink;
  /** Takes everything of Weft's off the node; what could not be taken off. */
  readonly teardown: (request: { readonly force: boolean }) => Promise<readonly string[]>;
  readonly addresses: NodeAddresses;
  /** What policies denied lately. */
  readonly deniedFlows: () => readonly DeniedFlow[];
  /** A part of a pod's proxy, as that has it; rejects when it does not answer. */
  readonly proxyView: (ask: ProxyViewAsk) => Promise<string>;
  /** What proxies have sent to these services, `namespace/name`, since the agent's start. */
  readonly calls: (services: ReadonlySet<string>) => Promise<readonly ClusterCalls[]>;
  readonly log: Logger;
}

/** The node's account of its addresses, and what can be put right of it. */
export interface NodeAddresses {
  inspect(): Promise<NodeInspection>;
  repair(leases: readonly DeadLease[]): Promise<NodeRepairs>;
  lend(ask: LendAsk): Promise<LendAnswer>;
}

/** What the node was told, and puts into force. */
export interface NodeStateSink {
  /**
   * Called with one update at a time. Resolves when what could be is in force; the resources it names in its answer
   * are not, and are sent again. Must keep `update.watermark` with the state.
   */
  apply(update: NodeUpdate): Promise<readonly ApplyError[]>;
  held(): Iterable<HeldResource>;
  versionOf(ref: AnyRef): string | undefined;
  watermark(): Watermark;
}

export interface LeaseIr {
  readonly podUid: string;
  /** One of each family that the pod has. */
  readonly addresses: readonly string[];
}
