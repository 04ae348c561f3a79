/** Made from crds/ by `npm run generate`; do not edit. */
import type { Condition, ObjectMeta } from '../meta.ts';

/**
 * The network of one node, as its agent reports it: named after the Node, made and kept by the operator, and gone with the Node. There is nothing in it to set.
 */
export interface NodeNetwork {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
  readonly status?: NodeNetworkStatus;
}
/**
 * What the agent said last, and what the operator makes of it.
 */
export interface NodeNetworkStatus {
  /**
   * Address by which other nodes reach this one, tunnel included.
   */
  readonly address?: string;
  /**
   * Addresses of the tunnel's own end, of each family the first of the node's oldest block.
   */
  readonly tunnelAddresses?: readonly string[];
  /**
   * MTU of pods' links in bytes: that of the node's interface less what the encapsulation takes.
   */
  readonly podMTU?: number;
  /**
   * Ranges that the node gives its pods' addresses from, sorted.
   */
  readonly blocks?: readonly string[];
  /**
   * What runs on the node.
   */
  readonly versions?: {
    /**
     * Of Weft's agent.
     */
    readonly agent?: string;
    /**
     * Of Linux.
     */
    readonly kernel?: string;
  };
  /**
   * Other nodes that packets of this node's pods do not reach, the first hundred by name. All others they do reach, in their full size; how many there are, kubectl get nn says.
   */
  readonly peerFaults?: {
    /**
     * Name of the other node.
     */
    readonly node: string;
    /**
     * Of the packets: 4 or 6.
     */
    readonly family: 4 | 6;
    /**
     * Unreachable: none arrives. TooSmall: small ones arrive, pods' largest do not.
     */
    readonly fault: 'Unreachable' | 'TooSmall';
  }[];
  /**
   * What the node's BGP says; absent while it speaks none.
   */
  readonly bgp?: {
    /**
     * Of the autonomous system that the node is in.
     */
    readonly asNumber?: number;
    /**
     * One for each peer, by address.
     */
    readonly sessions?: {
      /**
       * Of the peer.
       */
      readonly address: string;
      /**
       * Why there is the session: the BGPPeer of that name, or the other node as Node/NAME.
       */
      readonly peer?: string;
      /**
       * Of the peer.
       */
      readonly asNumber?: number;
      /**
       * Established, Connecting (nobody answers, or it is refused) or Down.
       */
      readonly state?: string;
      /**
       * When it came up or went down last.
       */
      readonly since?: string;
      /**
       * Routes taken from the peer, up to a minute ago.
       */
      readonly imported?: number;
      /**
       * Routes announced to it, up to a minute ago.
       */
      readonly exported?: number;
      /**
       * Why it is not established, in the words of the router.
       */
      readonly message?: string;
    }[];
  };
  /**
   * Ready: the agent serves pods. Applied: the node's kernel took all that it was told. ForwardBlocked: a firewall of somebody else drops pods' traffic on this node. ServicesRouted: Weft does kube-proxy's work there. PeersReachable: pods' largest packets arrive at every other node. Alone: nothing of another network is on the node. BGPEstablished, where the node speaks BGP: every session is up.
   */
  readonly conditions?: readonly Condition[];
}
