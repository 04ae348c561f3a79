import type { ClusterNetworkPolicy } from '../../api/cluster-network-policy.ts';
import type { NetworkPolicy } from '../../api/generated/networkpolicy.ts';
import type { KubernetesNetworkPolicy, Namespace, Node, Pod, Service } from '../../api/kubernetes.ts';
import type { AddressSetIr, ChainIr } from '../node/ir.ts';
import type { MemberPatch } from './address-sets.ts';

/** Removals are done first: an object that is in both was deleted and made anew. */
export interface ObjectChanges<T> {
  readonly upserts?: readonly T[];
  /** `namespace/name`, or `name` of what is in no namespace. */
  readonly removals?: readonly string[];
}

export interface PolicyChange {
  readonly pods?: ObjectChanges<Pod>;
  readonly namespaces?: ObjectChanges<Namespace>;
  readonly nodes?: ObjectChanges<Node>;
  readonly services?: ObjectChanges<Service>;
  readonly kubernetesPolicies?: ObjectChanges<KubernetesNetworkPolicy>;
  /** Weft's own. */
  readonly policies?: ObjectChanges<NetworkPolicy>;
  readonly clusterPolicies?: ObjectChanges<ClusterNetworkPolicy>;
  /**
   * Pod uid → the IPv4 address that the pod's node has leased to it, before its status shows it; undefined takes the
   * lease back. May name pods that were not seen yet; a lease outlives its pod until it is taken back.
   */
  readonly leases?: ReadonlyMap<string, readonly string[] | undefined>;
}

export interface PodBinding {
  readonly nodeName: string;
  /** Keys of chains; absent: no policy isolates the direction. */
  readonly ingressChain?: string;
  readonly egressChain?: string;
}

/** Nodes, sorted. */
export interface NodeChanges {
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

/**
 * What a change did. Everything is sorted by key, and says the state after the change: an upsert is the whole body, a
 * patch brings the set's last announced members up to date.
 */
export interface PolicyEffects {
  readonly sets: {
    readonly upserts: readonly (readonly [key: string, body: AddressSetIr])[];
    readonly patches: readonly (readonly [key: string, patch: MemberPatch])[];
    readonly removals: readonly string[];
  };
  readonly chains: {
    readonly upserts: readonly (readonly [key: string, body: ChainIr])[];
    readonly removals: readonly string[];
  };
  /** Each scheduled pod of the pod network, from the moment its chains are known; undefined when it is gone. */
  readonly bindings: readonly (readonly [podUid: string, binding: PodBinding | undefined])[];
  /** Which nodes began or ceased to need what; a removal of the set or chain says it for all its nodes. */
  readonly setUsers: readonly (readonly [key: string, nodes: NodeChanges])[];
  readonly chainUsers: readonly (readonly [key: string, nodes: NodeChanges])[];
}
