import type { IPBlock } from '../../api/generated/ipblock.ts';
import type { IPPool } from '../../api/generated/ippool.ts';
import type { Node, Pod } from '../../api/kubernetes.ts';
import { tunnelAddressOf } from '../ipam/tunnel.ts';
import type { PodBinding } from '../policy/change.ts';
import type { NodeIr, PeerIr, PodIr, PodMeshIr, PoolIr } from './ir.ts';
import { tunnelMacOf } from './names.ts';

/** The node's underlay address: its first IPv4 InternalIP. */
export function nodeAddressOf(node: Node): string | undefined {
  return node.status?.addresses?.find(({ type, address }) => type === 'InternalIP' && !address.includes(':'))?.address;
}

/** Undefined until the node has an address. `blocks` are those of this very node (by uid). */
export function translateNode(
  node: Node,
  blocks: readonly IPBlock[],
  trust: { readonly trustDomain: string; readonly trustBundlePem: string },
): NodeIr | undefined {
  const address = nodeAddressOf(node);
  if (address === undefined) return undefined;
  const tunnelAddress = tunnelAddressOf(blocks);
  return {
    name: node.metadata.name,
    uid: node.metadata.uid ?? '',
    address,
    ...(tunnelAddress === undefined ? {} : { tunnelAddress }),
    ...trust,
  };
}

/** What all other nodes know of this one; undefined until it owns a block. */
export function translatePeer(node: Node, blocks: readonly IPBlock[]): PeerIr | undefined {
  const address = nodeAddressOf(node);
  const tunnelAddress = tunnelAddressOf(blocks);
  if (address === undefined || tunnelAddress === undefined) return undefined;
  const nodeUid = node.metadata.uid ?? '';
  return {
    node: node.metadata.name,
    nodeUid,
    address,
    tunnelAddress,
    tunnelMac: tunnelMacOf(nodeUid),
    blocks: blocks.map(({ spec }) => spec.cidr).sort(),
  };
}

export function translatePool({ metadata, spec }: IPPool): PoolIr {
  return {
    name: metadata.name,
    uid: metadata.uid ?? '',
    cidr: spec.cidr,
    encapsulation: 'VXLAN',
    natOutgoing: spec.natOutgoing ?? true,
    disabled: spec.disabled ?? false,
  };
}

/** Set by the kubelet on the mirror of a static pod: the pod's uid as its runtime knows it. */
const STATIC_HASH = 'kubernetes.io/config.hash';

/** A pod as its own node is told of it; `binding` is what policy made of it. */
export function translatePod(pod: Pod, binding: PodBinding, mesh: PodMeshIr | undefined): PodIr {
  const { metadata, spec } = pod;
  const staticHash = metadata.annotations?.[STATIC_HASH];
  return {
    uid: metadata.uid ?? '',
    ...(staticHash === undefined ? {} : { staticHash }),
    namespace: metadata.namespace ?? 'default',
    name: metadata.name,
    serviceAccount: spec.serviceAccountName ?? 'default',
    ...(pod.status?.podIP === undefined ? {} : { address: pod.status.podIP }),
    ...(binding.ingressChain === undefined ? {} : { ingressChain: binding.ingressChain }),
    ...(binding.egressChain === undefined ? {} : { egressChain: binding.egressChain }),
    ...(mesh === undefined ? {} : { mesh }),
  };
}
