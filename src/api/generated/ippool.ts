/** Made from crds/ by `npm run generate`; do not edit. */
import type { Condition, ObjectMeta } from '../meta.ts';
import type { LabelSelector } from '../kubernetes.ts';

/**
 * A range of addresses for pods, of IPv4 or IPv6. Nodes take it in blocks, and give single addresses of their blocks to their pods. Ranges of two pools must not overlap: the later one then gives out nothing and says so.
 */
export interface IPPool {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
  readonly spec: IPPoolSpec;
  readonly status?: IPPoolStatus;
}
/**
 * The range and how it is used.
 */
export interface IPPoolSpec {
  /**
   * The range, a prefix without host bits, /8 or longer, for example 10.244.0.0/16 or fd00:10:244::/64. It cannot be changed; to move to another range, add a pool and disable this one.
   */
  readonly cidr: string;
  /**
   * Prefix length of the blocks that nodes take: 20 to 30 for IPv4, 26 by default; 116 to 126 for IPv6, 122 by default. The defaults are 64 addresses. The first address of each block is never given to a pod. It cannot be changed.
   */
  readonly blockSize?: number;
  /**
   * How packets travel between nodes. VXLAN wraps them in UDP port 4789, and costs 50 bytes of each, or 70 over IPv6. VXLANCrossSubnet sends them as they are to nodes of the same subnet, and wraps the others. None sends them as they are; the network between the nodes must know the way to those of other subnets.
   */
  readonly encapsulation?: 'VXLAN' | 'VXLANCrossSubnet' | 'None';
  /**
   * Automatic: pods get addresses of the pool without asking. Manual: only pods whose annotation weft.dev/ip-pools (or their namespace's) names it.
   */
  readonly assignment?: 'Automatic' | 'Manual';
  /**
   * Enabled: where no block of the pool is left, a node that needs addresses borrows some that are free in another node's block. Disabled: every address stays with the node whose block it is in, and such a node's pods wait. What is borrowed already stays so until it is given back.
   */
  readonly borrowing?: 'Enabled' | 'Disabled';
  /**
   * Nodes whose pods may get addresses of the pool; absent, all.
   */
  readonly nodeSelector?: LabelSelector;
  /**
   * Namespaces whose pods get addresses of the pool, and of no pool of the same family without such a selector. Absent: all namespaces that no other pool selects.
   */
  readonly namespaceSelector?: LabelSelector;
  /**
   * Ranges within cidr that no pod gets, for example 10.244.0.0/28. They must not overlap.
   */
  readonly reserved?: readonly string[];
  /**
   * How pods of the pool are linked to their node. Routed: a link for each, without anything between. Bridge: by ports of a bridge of the node, which hands everything to the node, so that policies hold as with Routed; pods hear no broadcasts of each other. A pod that may use pools of both gets Routed, unless its annotation weft.dev/pod-network says another. Pods keep the link that they were made with. Macvlan: pods are machines of their own in the network of an interface of the node, of which cidr is a part. The node does not see what they send, so that no policy can hold for them: a pod that a policy selects does not start, and is cut off when it runs.
   */
  readonly podNetwork?: 'Routed' | 'Bridge' | 'Macvlan';
  /**
   * Of podNetwork Macvlan.
   */
  readonly macvlan?: {
    /**
     * The interface, of this name on each node. Absent, the one that holds the node's address.
     */
    readonly parent?: string;
    /**
     * The way out of that network, of the family of cidr. Absent, pods reach cidr and their node only.
     */
    readonly gateway?: string;
  };
  /**
   * Whether traffic from the pool to addresses outside of every pool gets the node's address as its source. Without it, the network around the cluster must route the pool.
   */
  readonly natOutgoing?: boolean;
  /**
   * Destinations that see pods' own addresses in spite of natOutgoing, for example 192.168.0.0/16 of a company's network that routes the pool. Of the family of cidr.
   */
  readonly natOutgoingExcept?: readonly string[];
  /**
   * Whether the pool gives out no new blocks and no new addresses. Pods keep the addresses they hold.
   */
  readonly disabled?: boolean;
}
/**
 * What is in use. Written by the operator.
 */
export interface IPPoolStatus {
  /**
   * Addresses that pods can get, which is all but the reserved and the first of each block.
   */
  readonly capacity?: number;
  /**
   * Addresses that pods hold, as the nodes report.
   */
  readonly allocated?: number;
  /**
   * Blocks that nodes own.
   */
  readonly blocks?: number;
  /**
   * Ready: the range belongs to this pool alone. Overlapping: another pool, nodes or Services have part of it. Exhausted: no block is left for a further node.
   */
  readonly conditions?: readonly Condition[];
}
