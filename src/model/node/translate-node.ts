import type { IPBlock } from '../../api/generated/ipblock.ts';
import type { IPPool } from '../../api/generated/ippool.ts';
import type { Node, Pod } from '../../api/kubernetes.ts';
import { canonicalIp } from '../../lib/ip.ts';
import type { PoolChoice } from '../ipam/pool-choice.ts';
import { tunnelAddressesOf } from '../ipam/tunnel.ts';
import type { Problem } from '../problem.ts';
import type { PodBinding } from '../policy/change.ts';
import type { BlockIr, NodeIr, PeerIr, PodIr, PodMeshIr, PoolIr } from './ir.ts';
import { translateBandwidth } from './bandwidth.ts';
import { translateHostPorts } from './host-ports.ts';
import { tunnelMacOf } from './names.ts';

const ZONE = 'topology.kubernetes.io/zone';

/** The node's InternalIPs, in its own order. */
export function nodeAddressesOf({ status }: Node): readonly string[] {
  const internal = (status?.addresses ?? []).filter(({ type }) => type === 'InternalIP');
  return internal.flatMap(({ address }) => canonicalIp(address) ?? []);
}

/** The node's underlay address: its first InternalIP. */
export function nodeAddressOf(node: Node): string | undefined {
  return nodeAddressesOf(node)[0];
}

export function zoneOf({ metadata }: Node): string | undefined {
  return metadata.labels?.[ZONE];
}

/** Undefined until the node has an address. `blocks` are those of this very node (by uid). */
export function translateNode(
  node: Node,
  blocks: readonly IPBlock[],
  trust: { readonly trustDomain: string; readonly trustBundlePem: string },
): NodeIr | undefined {
  const address = nodeAddressOf(node);
  if (address === undefined) return undefined;
  const zone = zoneOf(node);
  return {
    name: node.metadata.name,
    uid: node.metadata.uid ?? '',
    address,
    addresses: nodeAddressesOf(node),
    tunnelAddresses: tunnelAddressesOf(blocks),
    ...(zone === undefined ? {} : { zone }),
    ...trust,
  };
}

/** A block as its node is told of it; `lent`: what of it others have borrowed. */
export function translateBlock({ metadata, spec }: IPBlock, lent: readonly string[]): BlockIr {
  const { cidr, poolName, poolUid, lender } = spec;
  const common = { uid: metadata.uid ?? '', cidr, pool: poolName, poolUid, lent };
  return lender === undefined ? common : { ...common, lender };
}

/** What all other nodes know of this one; undefined until it owns a block. */
export function translatePeer(node: Node, blocks: readonly IPBlock[]): PeerIr | undefined {
  const address = nodeAddressOf(node);
  const tunnelAddresses = tunnelAddressesOf(blocks);
  if (address === undefined || tunnelAddresses.length === 0) return undefined;
  const nodeUid = node.metadata.uid ?? '';
  return {
    node: node.metadata.name,
    nodeUid,
    address,
    addresses: nodeAddressesOf(node),
    tunnelAddresses,
    tunnelMac: tunnelMacOf(nodeUid),
    blocks: blocks.map(({ spec }) => spec.cidr).sort(),
  };
}

export function translatePool({ metadata, spec }: IPPool): PoolIr {
  return {
    name: metadata.name,
    uid: metadata.uid ?? '',
    cidr: spec.cidr,
    encapsulation: spec.encapsulation ?? 'VXLAN',
    natOutgoing: spec.natOutgoing ?? true,
    ...(spec.natOutgoingExcept === undefined ? {} : { natOutgoingExcept: [...spec.natOutgoingExcept].sort() }),
    disabled: spec.disabled === true || metadata.deletionTimestamp !== undefined,
    reserved: [...(spec.reserved ?? [])].sort(),
    isCommon: spec.assignment !== 'Manual' && spec.namespaceSelector === undefined,
  };
}

/** Set by the kubelet on the mirror of a static pod: the pod's uid as its runtime knows it. */
const STATIC_HASH = 'kubernetes.io/config.hash';

/** A pod as its own node is told of it; `binding` is what policy made of it. */
export function translatePod(
  pod: Pod,
  binding: PodBinding,
  choice: PoolChoice | Problem,
  mesh: PodMeshIr | undefined,
): PodIr {
  const { metadata, spec, status } = pod;
  const bandwidth = translateBandwidth(pod);
  const hostPorts = translateHostPorts(pod);
  const addresses = (status?.podIPs ?? []).flatMap(({ ip }) => canonicalIp(ip) ?? []);
  const staticHash = metadata.annotations?.[STATIC_HASH];
  return {
    uid: metadata.uid ?? '',
    ...(staticHash === undefined ? {} : { staticHash }),
    namespace: metadata.namespace ?? 'default',
    name: metadata.name,
    serviceAccount: spec.serviceAccountName ?? 'default',
    addresses,
    addressing: orText(choice),
    ...(bandwidth === undefined ? {} : { bandwidth: orText(bandwidth) }),
    ...(hostPorts.length === 0 ? {} : { hostPorts }),
    ...(binding.ingressChain === undefined ? {} : { ingressChain: binding.ingressChain }),
    ...(binding.egressChain === undefined ? {} : { egressChain: binding.egressChain }),
    ...(mesh === undefined ? {} : { mesh }),
  };
}

function orText<T extends object>(answer: T | Problem): T | string {
  return 'reason' in answer ? `${answer.path} ${answer.message}` : answer;
}
