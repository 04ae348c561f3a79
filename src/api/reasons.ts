/** Types of the conditions in Weft's statuses. */
export const CONDITION = {
  accepted: 'Accepted',
  resolvedRefs: 'ResolvedRefs',
  programmed: 'Programmed',
  conflicted: 'Conflicted',
  requestsJudged: 'RequestsJudged',
  sourceReachable: 'SourceReachable',
  ready: 'Ready',
  applied: 'Applied',
  forwardBlocked: 'ForwardBlocked',
  servicesRouted: 'ServicesRouted',
  peersReachable: 'PeersReachable',
  alone: 'Alone',
  bgpEstablished: 'BGPEstablished',
  overlapping: 'Overlapping',
  exhausted: 'Exhausted',
} as const;

/** Why a condition is as it is, or why something could not be done; each is explained in the reference. */
export const REASON = {
  // Accepted
  accepted: 'Accepted',
  /** An older object has the same service, or the same port of it. */
  conflict: 'Conflict',
  /** Valid by the API, and not (yet) something that Weft does. */
  unsupportedValue: 'UnsupportedValue',
  /** The port's protocol gives no access to what a rule looks at. */
  needsHttp: 'NeedsHttp',
  /** The parent that an HTTPRoute names is not there, or has no such port. */
  noMatchingParent: 'NoMatchingParent',

  /** Of a BGPPeer: there is no BGPConfiguration `default`. */
  noBgpConfiguration: 'NoBGPConfiguration',
  /** Of a BGPPeer: the Secret of its password, or the key in it, is not there. */
  secretNotFound: 'SecretNotFound',
  invalidPassword: 'InvalidPassword',

  // Of Gateways, their listeners, and routes there: the Gateway API's own words
  notAllowedByListeners: 'NotAllowedByListeners',
  noMatchingListenerHostname: 'NoMatchingListenerHostname',
  listenersNotValid: 'ListenersNotValid',
  unsupportedAddress: 'UnsupportedAddress',
  invalidParameters: 'InvalidParameters',
  unsupportedProtocol: 'UnsupportedProtocol',
  portUnavailable: 'PortUnavailable',
  protocolConflict: 'ProtocolConflict',
  hostnameConflict: 'HostnameConflict',
  noConflicts: 'NoConflicts',
  invalidRouteKinds: 'InvalidRouteKinds',
  invalidCertificateRef: 'InvalidCertificateRef',
  /** Of a listener: its port is not opened. */
  invalid: 'Invalid',
  addressNotAssigned: 'AddressNotAssigned',

  // SourceReachable
  sourceReachable: 'SourceReachable',
  sourceUnreachable: 'SourceUnreachable',
  /** No pod calls the service. */
  sourceNotAsked: 'SourceNotAsked',

  // ResolvedRefs
  resolvedRefs: 'ResolvedRefs',
  /** What an HTTPRoute's backendRef names, or its port, is not there. */
  backendNotFound: 'BackendNotFound',
  serviceNotFound: 'ServiceNotFound',
  portNotFound: 'PortNotFound',
  subsetNotFound: 'SubsetNotFound',
  /** Across namespaces, without the other's permission. */
  refNotPermitted: 'RefNotPermitted',
  invalidKind: 'InvalidKind',

  // Programmed
  programmed: 'Programmed',
  /** Nobody needs to know. */
  noTargets: 'NoTargets',
  pending: 'Pending',
  rejected: 'Rejected',
  /** Somebody would need to know, and none of them can be asked. */
  unreachable: 'Unreachable',

  // Ready, Applied and ForwardBlocked of a NodeNetwork
  serving: 'Serving',
  agentUnreachable: 'AgentUnreachable',
  /** Agent or data plane is broken. */
  agentFault: 'AgentFault',
  applied: 'Applied',
  noForeignDrop: 'NoForeignDrop',
  /** A firewall of somebody else drops forwarded packets. */
  foreignDrop: 'ForeignDrop',
  byWeft: 'ByWeft',
  /** kube-proxy, or what takes its place, runs on the node. */
  byOther: 'ByOther',
  /** Both do. */
  contested: 'Contested',
  switchedOff: 'SwitchedOff',
  allReached: 'AllReached',
  /** Pods of this node do not reach another's. */
  peersUnreachable: 'PeersUnreachable',
  /** They do, and their largest packets do not. */
  packetsTooLarge: 'PacketsTooLarge',
  notTried: 'NotTried',
  nothingForeign: 'NothingForeign',
  foreignNetworks: 'ForeignNetworks',

  // BGPEstablished of a NodeNetwork
  established: 'Established',
  sessionDown: 'SessionDown',
  noSessions: 'NoSessions',
  /** A Node's annotation of its AS number says what is none. */
  invalidAsNumber: 'InvalidAsNumber',

  // Ready, Overlapping and Exhausted of an IPPool
  reserved: 'Reserved',
  invalidRange: 'InvalidRange',
  /** Another pool had part of the range first. */
  overlaps: 'Overlaps',
  disabled: 'Disabled',
  deleting: 'Deleting',
  /** Addresses of nodes, or of Services, are in the range: blocks with such are not given out. */
  overlapsNodes: 'OverlapsNodes',
  overlapsServices: 'OverlapsServices',
  noOverlap: 'NoOverlap',
  blocksFree: 'BlocksFree',
  noFreeBlock: 'NoFreeBlock',

  /** Of a Node's NetworkUnavailable, as False. */
  weftServes: 'WeftServes',

  // Addresses
  /** There is no pool that gives out blocks. */
  noPool: 'NoPool',
  /** Every block of every such pool belongs to a node. */
  poolExhausted: 'PoolExhausted',
  /** The node owns no block yet. */
  noBlock: 'NoBlock',
  /** Every address of the node's blocks is held, or rests. */
  addressesExhausted: 'AddressesExhausted',
  /** A pod's annotation says what is no address, or too many. */
  invalidAddress: 'InvalidAddress',
  /** In no pool that the pod may use. */
  addressOutside: 'AddressOutside',
  /** In a block that is another node's, or nobody's yet. */
  addressElsewhere: 'AddressElsewhere',
  addressReserved: 'AddressReserved',
  addressTaken: 'AddressTaken',
  addressResting: 'AddressResting',
  poolNotFound: 'PoolNotFound',
  poolNotForNode: 'PoolNotForNode',
  /** No pool that the pod may use has the podNetwork that it asks for. */
  podNetworkMismatch: 'PodNetworkMismatch',
  /** The operator has not read what it decides by. */
  notSynced: 'NotSynced',
  nodeUnknown: 'NodeUnknown',
  tooManyBlocks: 'TooManyBlocks',
  /** Other nodes were first, time and again. */
  lostRaces: 'LostRaces',

  // Events
  poolInUse: 'PoolInUse',
  poolOverlaps: 'PoolOverlaps',
  blockQuarantined: 'BlockQuarantined',
  blockStillHeld: 'BlockStillHeld',
  policyTableRestored: 'PolicyTableRestored',

  // RequestsJudged
  judgedByProxies: 'JudgedByProxies',
  noProxy: 'NoProxy',

  // Admission of pods
  /** The pod, or a container, would run as the proxy's user. */
  proxyUserTaken: 'ProxyUserTaken',
  proxyNameTaken: 'ProxyNameTaken',
  proxyChanged: 'ProxyChanged',
  invalidProxySetting: 'InvalidProxySetting',
  invalidDrainSeconds: 'InvalidDrainSeconds',
} as const;

/** Reasons that say that something an object names is not there; all others speak against the object itself. */
const REFERENCE_REASONS: readonly string[] = [
  REASON.backendNotFound,
  REASON.serviceNotFound,
  REASON.portNotFound,
  REASON.subsetNotFound,
  REASON.refNotPermitted,
  REASON.invalidKind,
];

/** Which condition a problem of this reason belongs to: `ResolvedRefs`, or else `Accepted`. */
export function isReferenceReason(reason: string): boolean {
  return REFERENCE_REASONS.includes(reason);
}
