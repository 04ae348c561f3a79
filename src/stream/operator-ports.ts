import type { Clock } from '../lib/clock.ts';
import type { Family } from '../lib/ip.ts';
import type { Logger } from '../lib/logger.ts';
import type { LoansAnswer, LoansAsk } from '../model/ipam/loan.ts';
import type { AnyRef, ApplyError, HeldResource, Watermark } from '../model/node/desired-update.ts';
import type { NodeReportIr } from '../model/node/report.ts';
import type { DesiredSource } from './plan-update.ts';
import type { Identity } from './tls.ts';

/** All that the operator's end of the stream asks of others. */
export interface OperatorClientOptions {
  /** Unique over replicas and their restarts. */
  readonly replicaId: string;
  /** Asked at each dial, so that a renewed certificate is used. */
  readonly tls: () => Identity;
  /** Who a token of audience `weft-operator` speaks for; text: why it does not hold. */
  readonly verifyToken: (token: string) => Promise<NodeIdentity | string>;
  readonly desired: DesiredSource;
  readonly reports: NodeReports;
  readonly requests: NodeRequests;
  readonly clock: Clock;
  /** In [0, 1), for jitter. */
  readonly random: () => number;
  readonly log: Logger;
}

export interface NodeIdentity {
  readonly nodeName: string;
  readonly nodeUid: string;
}

/** What agents tell. All replicas hear it, whoever is primary. Calls of one node come in order. */
export interface NodeReports {
  /** Followed by the node's leases and the reports of its proxies, from the beginning. */
  connected(node: string, hello: NodeHello): void;
  disconnected(node: string, reason: string): void;
  /** What became of an update. */
  held(node: string, change: HeldChange): void;
  /** Pod uid → addresses, undefined when the lease is gone. Only what changed: fit for `PolicyChange.leases`. */
  leases(node: string, changes: ReadonlyMap<string, readonly string[] | undefined>): void;
  proxy(node: string, report: ProxyReportIr): void;
  node(node: string, report: NodeReportIr): void;
}

export interface NodeHello {
  readonly nodeUid: string;
  readonly bootId: string;
  readonly features: readonly string[];
  readonly held: readonly HeldResource[];
  readonly watermark: Watermark;
}

export interface HeldChange {
  readonly applied: readonly HeldResource[];
  readonly removed: readonly AnyRef[];
  readonly errors: readonly ApplyError[];
  readonly watermark: Watermark;
}

export interface ProxyReportIr {
  readonly podUid: string;
  /** Other pods whose proxies say the same. */
  readonly also?: readonly string[];
  readonly gone: boolean;
  /** Since the last report; all of them in the first after `connected`. */
  readonly resources: readonly ProxyResourceIr[];
}

export interface ProxyResourceIr extends HeldResource {
  /** Else the proxy rejected this version, and `message` is its reason. */
  readonly accepted: boolean;
  readonly message: string;
}

export type BlockAnswer = { readonly cidr: string } | { readonly problem: string };
export type CertificateAnswer = { readonly chainPem: string } | { readonly problem: string };

/** What agents ask of the replica that is primary. The same request may come again, after a failover. */
export interface NodeRequests {
  block(node: string, request: BlockAsk): Promise<BlockAnswer>;
  /** Takes back a block of which the node leases nothing any more; empty, or why that cannot be done now. */
  giveBack(node: string, request: BlockReturn): Promise<string>;
  /** What has become of the loans that the node knows; rejects when that cannot be found out now. */
  loans(node: string, request: LoansAsk): Promise<LoansAnswer>;
  /** Those of `addresses` that no node knows by their last holder any more; may wait a while for that. */
  forgotten(node: string, request: { readonly addresses: readonly string[] }): Promise<readonly string[]>;
  /** Resolves when the nodes that need the pod's address know it, or do not come to it in reasonable time. */
  known(node: string, request: { readonly podUid: string; readonly addresses: readonly string[] }): Promise<void>;
  /** Empty when nobody sends to the pod, which ends, any more; else why that is not to be waited for any longer. */
  left(node: string, request: LeavingPod): Promise<string>;
  /** The CSR is untrusted: whether the pod runs on that node, and what it may be called, is the answerer's to check. */
  certificate(node: string, request: CertificateAsk): Promise<CertificateAnswer>;
}

export interface BlockAsk {
  readonly family: Family;
  /** Names of pools that the block may be of; absent: those that the node takes by itself. */
  readonly pools?: readonly string[];
  /** An address that the block must have. */
  readonly address?: string;
}

export interface BlockReturn {
  readonly cidr: string;
  /** Of the IPBlock. */
  readonly uid: string;
}

export interface LeavingPod {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
}

export interface CertificateAsk {
  /** PKCS #10. */
  readonly csrDer: Uint8Array;
  readonly podUid: string;
}
