import type { AddressSetIr, ChainIr } from '../../../model/node/ir.ts';
import { VXLAN_PORT } from '../../../model/node/names.ts';

/** A pod's host interface, what it may call itself, and the chains it passes; without a chain a direction is open. */
export interface PodBinding {
  readonly hostInterface: string;
  readonly addresses: readonly string[];
  /** The bridge that its host interface is a port of: what its packets come from and go to. */
  readonly bridge?: string;
  readonly ingressChain?: string;
  readonly egressChain?: string;
  /** Ports whose connections its proxy reads as HTTP. */
  readonly httpPorts?: readonly number[];
}

export interface NodeFacts {
  /** The node's underlay address. */
  readonly localAddress: string;
  /** Underlay addresses of the nodes whose VXLAN packets are believed. */
  readonly vxlanPeers: readonly string[];
  readonly vxlanPort: number;
  /** Without it every packet of IPv6 from or to pods is dropped, and no set has a twin for it. */
  readonly hasIpv6: boolean;
  /** Of all pools: what is not masqueraded when pods dial it. */
  readonly podCidrs: readonly string[];
  /** Of pools with natOutgoing: what is masqueraded when it dials out. */
  readonly natCidrs: readonly string[];
  /** Destinations that see the addresses of a pool's pods all the same; few, by pool. */
  readonly natExceptions: readonly { readonly pool: string; readonly destinations: readonly string[] }[];
  /** This node's: a decapsulated packet must not claim a source in them. */
  readonly ownBlocks: readonly string[];
}

/** Everything that the table is made of. */
export interface PolicyState {
  readonly sets: ReadonlyMap<string, AddressSetIr>;
  readonly chains: ReadonlyMap<string, ChainIr>;
  readonly pods: readonly PodBinding[];
}

/** What is left out stays as it is. Of one set both an upsert and a patch may be told: the patch is on top. */
export interface PolicyChange {
  readonly sets?: {
    readonly upsert?: readonly (readonly [key: string, set: AddressSetIr])[];
    readonly patch?: readonly (readonly [key: string, patch: SetPatch])[];
    readonly remove?: readonly string[];
  };
  readonly chains?: {
    readonly upsert?: readonly (readonly [key: string, chain: ChainIr])[];
    readonly remove?: readonly string[];
  };
  readonly pods?: PodChange;
  readonly facts?: NodeFacts;
}

export interface PodChange {
  readonly bind?: readonly PodBinding[];
  /** Host interfaces. */
  readonly unbind?: readonly string[];
}

export interface SetPatch {
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

/** Before the node is known: no peers, no pools. */
export const NO_FACTS: NodeFacts = {
  localAddress: '',
  vxlanPeers: [],
  vxlanPort: VXLAN_PORT,
  hasIpv6: false,
  podCidrs: [],
  natCidrs: [],
  natExceptions: [],
  ownBlocks: [],
};
