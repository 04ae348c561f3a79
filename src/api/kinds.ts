/** Weft's own API group; the version is the only one that is served and stored. */
export const WEFT_GROUP = 'weft.dev';
export const WEFT_VERSION = 'v1alpha1';
export const WEFT_API_VERSION = `${WEFT_GROUP}/${WEFT_VERSION}`;

interface WeftKind {
  readonly plural: string;
  readonly shortName: string;
  readonly namespaced: boolean;
}

/** The kinds of `crds/`, by kind. */
export const WEFT_KINDS = {
  IPPool: { plural: 'ippools', shortName: 'ipp', namespaced: false },
  IPBlock: { plural: 'ipblocks', shortName: 'ipb', namespaced: false },
  NodeNetwork: { plural: 'nodenetworks', shortName: 'nn', namespaced: false },
  BGPConfiguration: { plural: 'bgpconfigurations', shortName: 'bgpc', namespaced: false },
  BGPPeer: { plural: 'bgppeers', shortName: 'bgpp', namespaced: false },
  NetworkPolicy: { plural: 'networkpolicies', shortName: 'wnp', namespaced: true },
  MeshService: { plural: 'meshservices', shortName: 'msvc', namespaced: true },
  TrafficSplit: { plural: 'trafficsplits', shortName: 'tsplit', namespaced: true },
} as const satisfies Readonly<Record<string, WeftKind>>;

export type WeftKindName = keyof typeof WEFT_KINDS;
