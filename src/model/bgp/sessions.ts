import type { BGPConfigurationSpec } from '../../api/generated/bgpconfiguration.ts';
import type { BGPPeer, BGPPeerSpec } from '../../api/generated/bgppeer.ts';
import type { LabelSelector } from '../../api/kubernetes.ts';
import { type Family, familyOf } from '../../lib/ip.ts';
import { matchesSelector } from '../labels.ts';
import type { BgpSessionIr } from '../node/ir.ts';
import { addressOfFamily, type BgpNode } from './bgp-node.ts';

/** A BGPPeer that can be used, with what its Secret says. */
export interface UsablePeer {
  readonly peer: BGPPeer;
  readonly password?: string;
}

export interface BgpWorld {
  readonly configuration: BGPConfigurationSpec;
  readonly nodes: readonly BgpNode[];
  readonly peers: readonly UsablePeer[];
}

export const DEFAULT_AS = 64_512;
export const DEFAULT_PORT = 179;
/** Nodes may be in different subnets; the most that the field of a packet takes. */
const ANY_HOPS = 255;

/** The node's sessions, by address. Of two with one address, a BGPPeer's goes before the mesh's, then the first by name. */
export function sessionsOf(node: BgpNode, world: BgpWorld): readonly BgpSessionIr[] {
  const peers = [...world.peers].sort((a, b) => (a.peer.metadata.name < b.peer.metadata.name ? -1 : 1));
  const byAddress = new Map<string, BgpSessionIr>();
  const wanted = [...peers.flatMap((peer) => sessionsOfPeer(node, peer, world)), ...meshSessions(node, world)];
  for (const session of wanted) {
    if (!byAddress.has(session.address)) byAddress.set(session.address, session);
  }
  return [...byAddress.values()].sort((a, b) => (a.address < b.address ? -1 : 1));
}

/** Those of one BGPPeer, before any goes to another with the same address. */
export function sessionsOfPeer(node: BgpNode, usable: UsablePeer, world: BgpWorld): readonly BgpSessionIr[] {
  const { metadata, spec } = usable.peer;
  const password = usable.password === undefined ? {} : { password: usable.password };
  if (spec.peerAddress !== undefined) {
    const session = selects(spec.nodeSelector, node) ? outsideSession(node, spec, world) : undefined;
    return session === undefined ? [] : [{ peer: metadata.name, ...session, ...password }];
  }
  const isHere = selects(spec.nodeSelector, node);
  const isThere = selects(spec.peerSelector, node);
  const others = world.nodes.filter(
    (other) => (isHere && selects(spec.peerSelector, other)) || (isThere && selects(spec.nodeSelector, other)),
  );
  return nodeSessions(node, others, world).map((session) => ({ ...session, peer: metadata.name, ...password }));
}

/** Whether the node passes on what it learns. */
export function isReflector(node: BgpNode, { reflectors }: BGPConfigurationSpec): boolean {
  return reflectors !== undefined && matchesSelector(reflectors.nodeSelector, node.labels);
}

export function asNumberIn(node: BgpNode, { asNumber = DEFAULT_AS }: BGPConfigurationSpec): number {
  return node.asNumber ?? asNumber;
}

function meshSessions(node: BgpNode, world: BgpWorld): readonly BgpSessionIr[] {
  const { configuration, nodes } = world;
  if (configuration.nodeMesh === false) return [];
  const isMeshed = configuration.reflectors === undefined || isReflector(node, configuration);
  return nodeSessions(node, isMeshed ? nodes : nodes.filter((other) => isReflector(other, configuration)), world);
}

function nodeSessions(node: BgpNode, others: readonly BgpNode[], world: BgpWorld): readonly BgpSessionIr[] {
  const { configuration } = world;
  const families: readonly Family[] = [4, 6];
  return others.flatMap((other) =>
    families.flatMap((family) => {
      const [localAddress, address] = [addressOfFamily(node, family), addressOfFamily(other, family)];
      if (other.name === node.name || localAddress === undefined || address === undefined) return [];
      return {
        peer: `Node/${other.name}`,
        address,
        port: configuration.listenPort ?? DEFAULT_PORT,
        asNumber: asNumberIn(other, configuration),
        localAddress,
        hops: ANY_HOPS,
        isClient: isInternal(node, asNumberIn(other, configuration), configuration) && isClientOf(node, other, world),
      };
    }),
  );
}

function outsideSession(
  node: BgpNode,
  spec: BGPPeerSpec,
  { configuration }: BgpWorld,
): Omit<BgpSessionIr, 'peer'> | undefined {
  const { peerAddress: address = '', asNumber = DEFAULT_AS, port = DEFAULT_PORT, ebgpMultihop = 1 } = spec;
  const localAddress = addressOfFamily(node, familyOf(address));
  if (localAddress === undefined || node.addresses.includes(address)) return undefined;
  const hops = isInternal(node, asNumber, configuration) ? ANY_HOPS : ebgpMultihop;
  return { address, port, asNumber, localAddress, hops, isClient: false };
}

function isClientOf(node: BgpNode, other: BgpNode, { configuration }: BgpWorld): boolean {
  return isReflector(node, configuration) && !isReflector(other, configuration);
}

function isInternal(node: BgpNode, asNumber: number, configuration: BGPConfigurationSpec): boolean {
  return asNumberIn(node, configuration) === asNumber;
}

function selects(selector: LabelSelector | undefined, { labels }: BgpNode): boolean {
  return matchesSelector(selector ?? {}, labels);
}
