/** Made from crds/ by `npm run generate`; do not edit. */
import type { LabelSelector } from '../kubernetes.ts';
import type { ObjectMeta } from '../meta.ts';

/**
 * That the nodes speak BGP, and how. They do exactly while there is one, which is named default: each node announces the blocks of addresses that it owns, and takes routes from its peers into its routing table, behind those that Weft makes itself. Routers outside of the cluster are BGPPeers.
 */
export interface BGPConfiguration {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
  readonly spec: BGPConfigurationSpec;
}
/**
 * How the nodes speak BGP.
 */
export interface BGPConfigurationSpec {
  /**
   * Number of the autonomous system that the nodes are in, for example 64512. A node with the annotation weft.dev/bgp-as-number is in that one.
   */
  readonly asNumber?: number;
  /**
   * Whether nodes peer with each other: all with all, or by way of spec.reflectors. Without it, they have the peers of the BGPPeers only, for example reflectors outside of the cluster.
   */
  readonly nodeMesh?: boolean;
  /**
   * Nodes that pass on to each other node what the others announce, so that it needs a session with these only. Absent: every node has a session with every other, which is fine for up to some 100 nodes.
   */
  readonly reflectors?: {
    /**
     * Nodes with these labels, for example the two of matchLabels bgp=reflector.
     */
    readonly nodeSelector: LabelSelector;
    /**
     * By which reflectors know what they have passed on already, written as an IPv4 address, for example 10.0.0.1. Another than that of any reflector outside of the cluster.
     */
    readonly clusterID: string;
  };
  /**
   * TCP port of the nodes, at their own addresses.
   */
  readonly listenPort?: number;
  /**
   * How long peers are asked to keep a node's routes while its agent restarts; packets go on meanwhile. 0 asks for nothing, then the routes go with the session.
   */
  readonly gracefulRestartSeconds?: number;
  /**
   * Marks on what the nodes announce, by which routers may choose.
   */
  readonly communities?: {
    /**
     * Two numbers up to 65535, for example 64512:100, or three up to 4294967295, for example 64512:1:2.
     */
    readonly value: string;
    /**
     * Only routes within these ranges bear it; absent, all.
     */
    readonly cidrs?: readonly string[];
  }[];
  /**
   * What the nodes announce. Addresses of Services are announced by every node, but under a traffic policy Local by those that have a ready pod of it only.
   */
  readonly advertise?: {
    /**
     * IPPools with these labels: each node announces its own blocks of them. Absent: all pools.
     */
    readonly pools?: LabelSelector;
    /**
     * Ranges of cluster IPs, which are announced whole, for example the cluster's service range. Of a Service with internalTrafficPolicy Local, its own address is announced beside it.
     */
    readonly clusterIPs?: readonly string[];
    /**
     * Ranges. Services' externalIPs that are in one of them are announced, each by itself.
     */
    readonly externalIPs?: readonly string[];
    /**
     * Ranges. Services' load balancer addresses that are in one of them are announced, each by itself.
     */
    readonly loadBalancerIPs?: readonly string[];
  };
}
