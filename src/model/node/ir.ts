import type { Family } from '../../lib/ip.ts';
import type { RoutedService, RoutedSlice } from '../service/objects.ts';
import type { EndpointsIr, GatewayCertificateIr, GatewayIr, PodMeshIr, ServiceIr } from './mesh-ir.ts';

export type * from './mesh-ir.ts';

/**
 * What one node is told: the vocabulary between the operator (which compiles it) and the agent (which applies it).
 * Every resource is plain JSON, has a key that is unique within its kind, and is replaced whole, except an address
 * set, whose members may also be patched. Lists are sorted by the compiler, so that equal content has equal text.
 */

/** A resource's kind on the stream, with the shape of its body. Order of application is `RESOURCE_ORDER`. */
export interface ResourceBodies {
  /** key `self`. */
  readonly node: NodeIr;
  /** key: pool name. */
  readonly pool: PoolIr;
  /** key: the block's CIDR. Only blocks this node owns. */
  readonly block: BlockIr;
  /** key: the other node's name. */
  readonly peer: PeerIr;
  /** key `self`. Only while the nodes speak BGP. */
  readonly bgp: BgpIr;
  /** key: hash of the set's selector (`addressSetKey`). */
  readonly addressSet: AddressSetIr;
  /** key: hash of the chain's content. */
  readonly chain: ChainIr;
  /** key: pod uid. Only pods of this node that are on the pod network. */
  readonly pod: PodIr;
  /** key: `namespace/name`. */
  readonly service: ServiceIr;
  /** key: cluster key, see `EndpointsIr`. */
  readonly endpoints: EndpointsIr;
  /** key: `namespace/name` of the Gateway; nodes that have a pod of it. */
  readonly gateway: GatewayIr;
  /** key: `namespace/name` of the Secret. */
  readonly gatewayCertificate: GatewayCertificateIr;
  /** key: `namespace/name` of the Service. All nodes', as are its slices. */
  readonly routedService: RoutedService;
  /** key: `namespace/name` of the EndpointSlice. */
  readonly routedSlice: RoutedSlice;
}

export type ResourceKind = keyof ResourceBodies;

/** Referents before those who refer to them; removals go in the reverse order. */
export const RESOURCE_ORDER: readonly ResourceKind[] = [
  'node',
  'pool',
  'block',
  'peer',
  'bgp',
  'addressSet',
  'chain',
  'endpoints',
  'service',
  'gatewayCertificate',
  'gateway',
  'routedSlice',
  'routedService',
  'pod',
];

export interface NodeIr {
  readonly name: string;
  readonly uid: string;
  /** The first InternalIP: where tunnels end. */
  readonly address: string;
  /** All InternalIPs, that one first. */
  readonly addresses: readonly string[];
  /** Never leased; source of host → remote pod; of each family index 0 of the node's first block, once it owns one. */
  readonly tunnelAddresses: readonly string[];
  /** Its label topology.kubernetes.io/zone. */
  readonly zone?: string;
  readonly trustDomain: string;
  /** Root certificates that proxies and agents believe, PEM. */
  readonly trustBundlePem: string;
}

export interface PoolIr {
  readonly name: string;
  readonly uid: string;
  readonly cidr: string;
  readonly encapsulation: Encapsulation;
  readonly natOutgoing: boolean;
  /** Prefixes that see pods' own addresses nevertheless; absent: none. */
  readonly natOutgoingExcept?: readonly string[];
  readonly disabled: boolean;
  /** Prefixes that nobody is given. */
  readonly reserved: readonly string[];
  /** Nodes take blocks of it by themselves; else only for pods that may use it. */
  readonly isCommon: boolean;
}

/** How packets for pods of other nodes travel; `VXLANCrossSubnet`: directly to nodes of this node's own subnet. */
export type Encapsulation = 'VXLAN' | 'VXLANCrossSubnet' | 'None';

export interface BlockIr {
  /** Of the IPBlock: a range that was given back and claimed again is another block. */
  readonly uid: string;
  readonly cidr: string;
  readonly pool: string;
  readonly poolUid: string;
  /** The node out of whose block it is borrowed; absent: a block of its own. */
  readonly lender?: string;
  /** Ranges of it that other nodes have borrowed, or are about to. */
  readonly lent?: readonly string[];
}

export interface PeerIr {
  readonly node: string;
  readonly nodeUid: string;
  readonly address: string;
  readonly addresses: readonly string[];
  /** One of each family in which the node owns blocks. */
  readonly tunnelAddresses: readonly string[];
  /** Of the peer's VXLAN device, `tunnelMacOf(nodeUid)`. */
  readonly tunnelMac: string;
  readonly blocks: readonly string[];
}

/** How the node speaks BGP. Holds passwords: it goes nowhere but to its node. */
export interface BgpIr {
  readonly asNumber: number;
  /** Written as an IPv4 address. */
  readonly routerId: string;
  readonly listenPort: number;
  /** 0: none is asked for. */
  readonly gracefulRestartSeconds: number;
  /** Of a route reflector: it passes on what it learns. */
  readonly clusterId?: string;
  readonly announced: readonly BgpRouteIr[];
  /** What lies within these is the cluster's own, and no route to it is taken: own blocks, Services. */
  readonly own: readonly string[];
  /** Of pools: routes to single addresses of these are not taken. */
  readonly podCidrs: readonly string[];
  readonly sessions: readonly BgpSessionIr[];
}

export interface BgpRouteIr {
  readonly cidr: string;
  /** `a:b`, and large ones `a:b:c`. */
  readonly communities: readonly string[];
}

/** It carries the family that its addresses are of. */
export interface BgpSessionIr {
  /** Name of the BGPPeer, or `Node/NAME`. */
  readonly peer: string;
  readonly address: string;
  readonly port: number;
  readonly asNumber: number;
  readonly localAddress: string;
  /** How far the peer may be; 1: on a link of the node. */
  readonly hops: number;
  /** This node passes on to the peer what others of the AS announce. */
  readonly isClient: boolean;
  /** TCP MD5. */
  readonly password?: string;
}

/** `ip`: single addresses, hash sets. `cidr`: prefixes, coalesced and disjoint, interval sets. Of both families. */
export interface AddressSetIr {
  readonly type: 'ip' | 'cidr';
  readonly members: readonly string[];
}

/**
 * The rules that one direction of a pod's traffic meets, in order; the first that matches decides, unless it passes.
 */
export interface ChainIr {
  readonly rules: readonly RuleIr[];
  /** For traffic that no rule decides about: `deny` once any policy isolates the direction. */
  readonly otherwise: 'allow' | 'deny';
  /** `otherwise` leaves connections be that are open already. */
  readonly keepsOpen?: true;
  /** Of what is allowed, each pod for itself; what is over one is dropped. Absent: none. */
  readonly limits?: readonly LimitIr[];
  /** What the direction of each pod is held back to; absent: nothing. */
  readonly bandwidth?: RateIr;
  /** Policies on trial; absent: none. */
  readonly audit?: AuditIr;
}

export interface RateIr {
  readonly bitsPerSecond: number;
  /** Whose limit it is, as of rules. */
  readonly origin: string;
}

export interface LimitIr {
  /** Whose limit it is, as of rules. */
  readonly origin: string;
  /** Connections that may be open at once. */
  readonly max?: number;
  readonly newPerSecond?: number;
}

/** What a chain's direction would meet if the policies on trial were enforced too: counted, and nothing else. */
export interface AuditIr {
  readonly rules: readonly RuleIr[];
  /** Origins of the policies on trial: what their rules match is counted. */
  readonly onTrial: readonly string[];
}

export interface RuleIr {
  /**
   * `reject` denies and says so to the sender; `pass` goes on with the first rule of a later tier; `log` decides
   * nothing, and the next rule is asked.
   */
  readonly action: 'allow' | 'deny' | 'reject' | 'pass' | 'log';
  /** Only in chains that pass; ascending along the rules. */
  readonly tier?: number;
  /** Of what denies: connections that are open already are let be. */
  readonly keepsOpen?: true;
  /** Address set keys of the far end, any of which matches; `any` is everybody. An empty list matches nobody. */
  readonly peers: 'any' | readonly string[];
  /** Destination ports, any of which matches; `any` is every protocol and port. */
  readonly ports: 'any' | readonly PortIr[];
  /**
   * Requests that the rule is about, any of which matches; its ports are of TCP then. What the pod's own proxy does not
   * read as HTTP, it cannot be about: such connections an `allow` does not match, and a `deny` does. Absent: everything.
   */
  readonly http?: readonly HttpMatchIr[];
  /** Whose rule this is: `KubernetesNetworkPolicy ns/name`, `NetworkPolicy ns/name`, `ClusterNetworkPolicy name`, or `NO_RULE`; for counters and explanations. */
  readonly origin: string;
}

/** All that is given must hold; of a list any. */
export interface HttpMatchIr {
  readonly methods?: readonly string[];
  readonly paths?: readonly { readonly type: 'Exact' | 'Prefix'; readonly value: string }[];
  /** Without a value: it is there. */
  readonly headers?: readonly { readonly name: string; readonly value?: string }[];
}

export interface PortIr {
  readonly protocol: 'TCP' | 'UDP' | 'SCTP' | 'ICMP' | 'ICMPv6';
  /** Inclusive; both 0 and 65535 for "every port of this protocol". Of ICMP and ICMPv6: types, 0 and 255 for every one. */
  readonly from: number;
  readonly to: number;
  /** Of ICMP and ICMPv6; absent: every one. */
  readonly code?: number;
}

export interface PodIr {
  readonly uid: string;
  /** `kubernetes.io/config.hash` of a static pod: the runtime knows it by this instead of its API uid. */
  readonly staticHash?: string;
  readonly namespace: string;
  readonly name: string;
  readonly serviceAccount: string;
  /** As the API knows them; none until the kubelet has reported them. An agent that lost its journal finds its pods by them. */
  readonly addresses: readonly string[];
  /** Where its addresses come from; text: why it can have none. */
  readonly addressing: PodAddressingIr | string;
  /** Absent: as fast as it goes; text: why what was asked for cannot be. */
  readonly bandwidth?: BandwidthIr | string;
  /** Ports of the node that lead to the pod; absent: none. */
  readonly hostPorts?: readonly HostPortIr[];
  /** Keys of chains; absent: the direction is not isolated. */
  readonly ingressChain?: string;
  readonly egressChain?: string;
  /** Present when the pod carries the proxy. */
  readonly mesh?: PodMeshIr;
}

export interface HostPortIr {
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  /** The one address of the node; absent: all of both families. */
  readonly address?: string;
  readonly hostPort: number;
  /** The pod's. */
  readonly port: number;
}

/** To the pod, and from it. */
export interface BandwidthIr {
  readonly ingressBitsPerSecond?: number;
  readonly egressBitsPerSecond?: number;
}

export interface PodAddressingIr {
  /** Names of pools, sorted. */
  readonly pools: readonly string[];
  /** One address of each. */
  readonly families: readonly Family[];
  /** Addresses that it must have. */
  readonly fixed: readonly string[];
  /** Absent: routed. */
  readonly link?: PodLinkIr;
}

/** How a pod is linked, when it is not routed. */
export type PodLinkIr =
  | {
      readonly kind: 'Bridge';
      /** The bridge's name on each node. */
      readonly bridge: string;
    }
  | {
      readonly kind: 'Macvlan';
      /** The node's interface; absent: the one that holds the node's address. */
      readonly parent?: string;
      /** Of each family that the pod has one: what is on the link, and the way out. */
      readonly networks: readonly { readonly cidr: string; readonly gateway?: string }[];
    };
