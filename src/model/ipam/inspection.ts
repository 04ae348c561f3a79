/** What one node knows of addresses, at one moment: its journal beside its kernel. */
export interface NodeInspection {
  /** CIDRs that the node holds as its own. */
  readonly blocks: readonly string[];
  /** Uids of IPBlocks that the node knows to be cut from its own. */
  readonly lent: readonly string[];
  readonly attachments: readonly AttachmentInspection[];
  readonly resting: readonly RestingAddress[];
  /** Node ends of pods' links that no lease names. */
  readonly strayLinks: readonly string[];
  /** Addresses that routes lead to a pod with, whose lease has them not. */
  readonly strayRoutes: readonly string[];
}

/** A pod's interface that holds a lease. */
export interface AttachmentInspection {
  readonly podUid: string;
  readonly containerId: string;
  readonly ifname: string;
  readonly addresses: readonly string[];
  readonly hostInterface: string;
  /** Something could still use the addresses: the network namespace is there or, where its path is lost, the link. */
  readonly isAlive: boolean;
  /** What of the link, its addresses and routes is not as it was made; none of one that is not alive. */
  readonly faults: readonly string[];
}

export interface RestingAddress {
  readonly address: string;
  /** UID of the pod that had it last; empty where the journal was lost. */
  readonly lastPodUid: string;
  readonly restsForMs: number;
  /** Every node has forgotten who had it. */
  readonly isAcknowledged: boolean;
}

/** What a node is to take back: judged by the node once more, so that a live address stays. */
export interface DeadLease {
  readonly containerId: string;
  readonly ifname: string;
  readonly podUid: string;
}

export interface NodeRepairs {
  /** As sentences: what was put right. */
  readonly done: readonly string[];
  /** As sentences: what was left as it is, and why. */
  readonly refused: readonly string[];
}
