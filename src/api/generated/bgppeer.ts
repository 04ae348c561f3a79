/** Made from crds/ by `npm run generate`; do not edit. */
import type { Condition, ObjectMeta } from '../meta.ts';
import type { LabelSelector } from '../kubernetes.ts';

/**
 * Whom nodes peer with beside the mesh of the BGPConfiguration: a router, or other nodes. A session carries the family of the address that it is between; a router of both families takes two BGPPeers.
 */
export interface BGPPeer {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
  readonly spec: BGPPeerSpec;
  readonly status?: BGPPeerStatus;
}
/**
 * The two ends, and their session.
 */
export interface BGPPeerSpec {
  /**
   * Nodes that have the peer; absent, all.
   */
  readonly nodeSelector?: LabelSelector;
  /**
   * Of a router outside of the cluster, for example 192.0.2.254 or 2001:db8::fe.
   */
  readonly peerAddress?: string;
  /**
   * Of the router. That of the nodes makes the session internal, for example with a route reflector.
   */
  readonly asNumber?: number;
  /**
   * Of the router; 179 where it is absent.
   */
  readonly port?: number;
  /**
   * How many hops a router of another AS may be away. Absent: it is on a link of the node. Internal sessions may always be of several hops.
   */
  readonly ebgpMultihop?: number;
  /**
   * Nodes that the others peer with. A session that the mesh has too is as it is here.
   */
  readonly peerSelector?: LabelSelector;
  /**
   * Where the password of the session is (TCP MD5, RFC 2385), a Secret in the namespace of Weft. A change of it takes effect within half a minute, and makes the session anew.
   */
  readonly passwordSecret?: {
    /**
     * Of the Secret.
     */
    readonly name: string;
    /**
     * In its data.
     */
    readonly key?: string;
  };
}
/**
 * What became of it. Written by the operator.
 */
export interface BGPPeerStatus {
  /**
   * Sessions that nodes should have; one between two nodes counts at both.
   */
  readonly sessions?: number;
  /**
   * Of these, how many are up.
   */
  readonly established?: number;
  /**
   * Accepted: the nodes have been given the peer.
   */
  readonly conditions?: readonly Condition[];
}
