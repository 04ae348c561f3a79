import type { LabelSelector } from './kubernetes.ts';
import type { Condition, KubeObject } from './meta.ts';

/** policy.networking.k8s.io/v1alpha2, as far as Weft reads it. */
export interface ClusterNetworkPolicy extends KubeObject {
  readonly spec: {
    readonly tier: 'Admin' | 'Baseline';
    readonly priority: number;
    readonly subject: ClusterPolicyPods;
    readonly ingress?: readonly (ClusterPolicyRule & { readonly from: readonly ClusterPolicyPods[] })[];
    readonly egress?: readonly (ClusterPolicyRule & { readonly to: readonly ClusterPolicyPeer[] })[];
  };
  readonly status?: { readonly conditions?: readonly Condition[] };
}

/** One of both. */
export interface ClusterPolicyPods {
  readonly namespaces?: LabelSelector;
  readonly pods?: { readonly namespaceSelector: LabelSelector; readonly podSelector: LabelSelector };
}

/** One of them; none: the definition is newer than this, and has more. */
export interface ClusterPolicyPeer extends ClusterPolicyPods {
  readonly nodes?: LabelSelector;
  readonly networks?: readonly string[];
  readonly domainNames?: readonly string[];
}

export interface ClusterPolicyRule {
  readonly name?: string;
  readonly action: 'Accept' | 'Deny' | 'Pass';
  readonly protocols?: readonly ClusterPolicyProtocol[];
}

/** One of them. */
export interface ClusterPolicyProtocol {
  readonly tcp?: ClusterPolicyDestination;
  readonly udp?: ClusterPolicyDestination;
  readonly sctp?: ClusterPolicyDestination;
  readonly destinationNamedPort?: string;
}

export interface ClusterPolicyDestination {
  readonly destinationPort?: {
    readonly number?: number;
    readonly range?: { readonly start: number; readonly end: number };
  };
}
