import { existsSync } from 'node:fs';
import { familyOf } from '../lib/ip.ts';
import type { Logger } from '../lib/logger.ts';
import { withoutParts } from '../model/ipam/borrowed.ts';
import { httpPortsOf } from '../model/mesh/http-ports.ts';
import { isTunnelUsed } from '../model/node/block-routes.ts';
import type { NodeIr, PeerIr, PodIr } from '../model/node/ir.ts';
import { VXLAN_PORT, VXLAN_VNI, tunnelMacOf } from '../model/node/names.ts';
import type { PodAttachment, PodDataplane } from './cni/attach.ts';
import type { Netns } from './dataplane/netns.ts';
import type { PodLink } from './dataplane/pod-addressing.ts';
import type { BridgeGuard } from './dataplane/nft/bridge-guard.ts';
import type { HostPortBinding, HostPorts } from './dataplane/nft/host-ports.ts';
import type { NodeFacts, PodBinding, PolicyTable } from './dataplane/nft/policy-table.ts';
import { isBridged, leaveBridge, tidyBridges } from './dataplane/bridge.ts';
import { listPodInterfaces, removeStrayRoutes } from './dataplane/pod-interfaces.ts';
import { checkPod } from './dataplane/pod-link-check.ts';
import { isSending, limitPod, makePair, takeLoopback, unwirePod, wirePod } from './dataplane/pod-link.ts';
import { applyIpv6Forwarding } from './dataplane/sysctl.ts';
import { findUnderlay, podMtuOf, tunnelMtuOf } from './dataplane/underlay.ts';
import { applyOwnBlocks, applyVxlan } from './dataplane/vxlan.ts';
import { isMacvlan, MACVLAN_POLICY, type MacvlanPods } from './macvlan-pods.ts';
import { limitsOf } from './pod-limits.ts';
import type { ResourceStore } from './state/resources.ts';

/** What the mesh adds to a pod's connection: before its link comes up, and after it is gone. */
export interface PodMesh {
  /** @param isRestored whether its proxy may be there already, from before this agent. */
  open(pod: PodIr, attachment: PodAttachment, isRestored?: boolean): void;
  close(attachment: PodAttachment): void;
  /** Ports on which the pod's proxy judges requests by now. */
  judgedPorts(attachment: PodAttachment): readonly number[];
  /** Tells of pods whose `judgedPorts` are others now; returns how to stop. */
  readonly judges: (listener: (attachment: PodAttachment) => void) => () => void;
}

/** Fits through any Ethernet with a tunnel, for a link that is made before the node's own interface is known. */
const SMALLEST_MTU = 1450;

export interface NodeNetworkDeps {
  readonly host: Netns;
  readonly policy: PolicyTable;
  readonly hostPorts: HostPorts;
  readonly bridges: BridgeGuard;
  readonly macvlans: MacvlanPods;
  readonly resources: ResourceStore;
  readonly mesh: PodMesh;
  readonly logger: Logger;
}

/** The node's network as its resources describe it: the one place that knows in which order the kernel is told. */
export class NodeNetwork implements PodDataplane<Netns> {
  readonly #deps: NodeNetworkDeps;
  #mtu: number | undefined;
  /** By host interface: the limits that it was given. */
  readonly #limited = new Map<string, string>();

  constructor(deps: NodeNetworkDeps) {
    this.#deps = deps;
    deps.mesh.judges((attachment) => this.#rebind(attachment));
  }

  /** What the policy table is to know of an attached pod, as it is now. */
  binding(pod: PodIr, attachment: PodAttachment): PodBinding {
    return bindingOf(pod, attachment, this.#deps.mesh.judgedPorts(attachment));
  }

  #rebind(attachment: PodAttachment): void {
    const { policy, resources, logger } = this.#deps;
    const pod = resources.get('pod', attachment.podUid);
    if (pod === undefined) return;
    policy.apply({ pods: { bind: [this.binding(pod, attachment)] } }).catch((error: unknown) => {
      logger.error('rules about requests are not in force', { pod: pod.name, reason: String(error) });
    });
  }

  /** Tunnel, routes and the policy table's view of the node; what had to be written. @throws what the kernel refused. */
  async applyNode(): Promise<readonly string[]> {
    const node = this.#deps.resources.get('node', 'self');
    if (node === undefined) return [];
    const { host, logger } = this.#deps;
    const underlay = findUnderlay(host, node.address);
    if (underlay === undefined) throw new Error(`no interface of this node holds its address ${node.address}`);
    const pools = [...this.#deps.resources.all('pool')].map(([, pool]) => pool);
    const mtu = podMtuOf(underlay, node.address, isTunnelUsed(pools));
    this.#mtu = mtu;
    const hasIpv6 = this.#hasIpv6();
    if (hasIpv6) applyIpv6Forwarding(host, [underlay.name]);
    await this.#deps.policy.apply({ facts: this.nodeFacts(node) });
    const written = [
      ...applyVxlan(host, {
        localAddress: node.address,
        tunnelAddresses: node.tunnelAddresses,
        tunnelMac: tunnelMacOf(node.uid),
        mtu: tunnelMtuOf(underlay, node.address),
        hasIpv6,
        underlay,
        pools,
        vni: VXLAN_VNI,
        port: VXLAN_PORT,
        peers: this.#peers(),
      }),
      ...applyOwnBlocks(host, this.#ownBlocks()),
    ];
    if (written.length > 0)
      logger.info('node network changed', { written: written.slice(0, 20), count: written.length });
    return written;
  }

  /** Of pods' links, in bytes; undefined until the node is known. */
  get podMtu(): number | undefined {
    return this.#mtu;
  }

  nodeFacts(node: NodeIr): NodeFacts {
    const pools = [...this.#deps.resources.all('pool')].map(([, pool]) => pool);
    return {
      localAddress: node.address,
      vxlanPeers: this.#peers().map(({ address }) => address),
      vxlanPort: VXLAN_PORT,
      hasIpv6: this.#hasIpv6(),
      podCidrs: pools.map(({ cidr }) => cidr).sort(),
      natCidrs: pools
        .filter(({ natOutgoing }) => natOutgoing)
        .map(({ cidr }) => cidr)
        .sort(),
      natExceptions: pools
        .flatMap(({ cidr, natOutgoing, natOutgoingExcept: destinations }) =>
          natOutgoing && destinations !== undefined ? [{ pool: cidr, destinations }] : [],
        )
        .sort((a, b) => a.pool.localeCompare(b.pool)),
      ownBlocks: this.#ownRanges(),
    };
  }

  async guard(pod: PodIr, attachment: PodAttachment): Promise<void> {
    const { policy, bridges, macvlans, hostPorts, mesh } = this.#deps;
    await policy.apply({ pods: { bind: [this.binding(pod, attachment)] } });
    if (bridgeOf(attachment) !== undefined) await bridges.add(attachment);
    if (isMacvlan(attachment)) await macvlans.mark(attachment);
    const ports = hostPortsOf(pod, attachment);
    if (ports !== undefined) await hostPorts.bind(ports);
    mesh.open(pod, attachment);
  }

  make(attachment: PodAttachment): Netns | undefined {
    return isMacvlan(attachment) ? undefined : makePair(this.#deps.host, this.#linkOf(attachment));
  }

  wire(attachment: PodAttachment, made?: Netns): boolean {
    const { host, resources, macvlans } = this.#deps;
    if (isMacvlan(attachment)) {
      macvlans.wire(attachment);
      return true;
    }
    const link = this.#linkOf(attachment);
    const isDone = wirePod(host, link, made);
    this.#limited.set(attachment.hostInterface, limitText(link));
    if (resources.get('pod', attachment.podUid)?.hostPorts !== undefined) takeLoopback(host, link);
    if (made === undefined) removeStrayRoutes(host, attachment.hostInterface, attachment.addresses);
    return isDone;
  }

  isSending(attachment: PodAttachment): boolean {
    return isSending(this.#deps.host, this.#linkOf(attachment));
  }

  async shut(attachment: PodAttachment): Promise<void> {
    const { host, policy, hostPorts, bridges, macvlans, mesh } = this.#deps;
    mesh.close(attachment);
    const link = this.#linkOf(attachment);
    if (isBridged(link)) leaveBridge(host, link);
    await Promise.all([
      policy.apply({ pods: { unbind: [attachment.hostInterface] } }),
      hostPorts.unbind(attachment.hostInterface),
      bridges.remove(attachment),
      isMacvlan(attachment) ? macvlans.shut(attachment) : undefined,
    ]);
  }

  async unwire(attachment: Pick<PodAttachment, 'hostInterface'>): Promise<void> {
    this.#limited.delete(attachment.hostInterface);
    await unwirePod(this.#deps.host, attachment);
  }

  /** Limits of pods that differ from what their links were given last; what the kernel refused, by their uids. */
  limit(attachments: readonly PodAttachment[]): ReadonlyMap<string, string> {
    const refused = new Map<string, string>();
    for (const attachment of attachments) {
      const { hostInterface, podUid } = attachment;
      const link = this.#linkOf(attachment);
      if (isMacvlan(attachment) || this.#limited.get(hostInterface) === limitText(link)) continue;
      try {
        if (limitPod(this.#deps.host, link)) this.#limited.set(hostInterface, limitText(link));
      } catch (error) {
        refused.set(podUid, error instanceof Error ? error.message : String(error));
      }
    }
    return refused;
  }

  orphans(attachments: readonly PodAttachment[]): readonly Pick<PodAttachment, 'hostInterface'>[] {
    const known = new Set(attachments.map(({ hostInterface }) => hostInterface));
    const links = listPodInterfaces(this.#deps.host).filter(({ name }) => !known.has(name));
    return links.map(({ name }) => ({ hostInterface: name }));
  }

  /** What was left of pods that are gone. */
  tidy(attachments: readonly PodAttachment[]): void {
    const held = new Set(attachments.flatMap(({ addresses }) => addresses));
    tidyBridges(this.#deps.host, held);
    this.#deps.macvlans.tidy(held);
  }

  /** Disconnects pods that a policy selects and that none can hold for; why, by their uids. They come back without it. */
  cutOff(attachments: readonly PodAttachment[]): ReadonlyMap<string, string> {
    const { macvlans } = this.#deps;
    const concerned = attachments.filter((of) => isMacvlan(of) && macvlans.objection(of) !== undefined);
    for (const attachment of concerned) macvlans.cutOff(attachment);
    return new Map(concerned.map(({ podUid }) => [podUid, MACVLAN_POLICY]));
  }

  unwired(attachments: readonly PodAttachment[]): readonly PodAttachment[] {
    const textOf = (addresses: readonly string[], mtu: number, bridge = '') =>
      `${addresses.join()} mtu ${mtu} ${bridge}`;
    const interfaces = listPodInterfaces(this.#deps.host);
    const present = new Map(
      interfaces.map(({ name, addresses, mtu, bridge }) => [name, textOf(addresses, mtu, bridge)]),
    );
    return attachments.filter((attachment) => {
      if (isMacvlan(attachment)) return !this.#deps.macvlans.isIntact(attachment);
      const { mtu } = this.#linkOf(attachment);
      return (
        present.get(attachment.hostInterface) !== textOf(attachment.addresses, mtu, bridgeOf(attachment)) &&
        existsSync(attachment.netns)
      );
    });
  }

  check(attachment: PodAttachment): readonly string[] {
    const { host, policy, hostPorts, macvlans } = this.#deps;
    if (isMacvlan(attachment)) return macvlans.check(attachment);
    const ports = hostPorts.verify() ? [] : ['the ports of the node that lead to pods are not as they should be'];
    return [...checkPod(host, this.#linkOf(attachment)), ...policy.faults(attachment.hostInterface), ...ports];
  }

  #linkOf(attachment: PodAttachment): PodLink {
    const { netns, ifname, hostInterface, addresses, wiring } = attachment;
    const limits = limitsOf(this.#deps.resources, attachment);
    const bridge = wiring?.link?.kind === 'Bridge' ? wiring.link.bridge : undefined;
    const behind = bridge === undefined ? {} : { bridge };
    return { ...limits, ...behind, netnsPath: netns, ifname, hostInterface, addresses, mtu: this.#mtu ?? SMALLEST_MTU };
  }

  /** Pools of IPv6, or blocks that are left of such. */
  #hasIpv6(): boolean {
    const cidrs = [...this.#deps.resources.all('pool')].map(([, { cidr }]) => cidr);
    return [...cidrs, ...this.#ownBlocks()].some((cidr) => familyOf(cidr) === 6);
  }

  #peers(): readonly PeerIr[] {
    return [...this.#deps.resources.all('peer')].map(([, peer]) => peer);
  }

  /** Own blocks without what other nodes have borrowed of them: packets from there come by the tunnel. */
  #ownRanges(): readonly string[] {
    const blocks = [...this.#deps.resources.all('block')];
    return blocks.flatMap(([cidr, { lent = [] }]) => withoutParts(cidr, lent)).sort();
  }

  #ownBlocks(): readonly string[] {
    return [...this.#deps.resources.all('block')].map(([cidr]) => cidr).sort();
  }
}

/** Undefined for a pod that asks for none. */
export function hostPortsOf(
  { hostPorts: ports }: PodIr,
  { hostInterface, addresses }: PodAttachment,
): HostPortBinding | undefined {
  return ports === undefined ? undefined : { hostInterface, addresses, ports };
}

/** As `NodeNetwork.binding`, of a pod whose proxy was there before this agent: it judges what it did. */
export function restoredBinding(pod: PodIr, attachment: PodAttachment): PodBinding {
  return bindingOf(pod, attachment, pod.mesh === undefined ? [] : httpPortsOf(pod.mesh));
}

/** What the policy table must know of an attached pod, whose proxy judges the requests to these ports. */
function bindingOf(pod: PodIr, attachment: PodAttachment, httpPorts: readonly number[]): PodBinding {
  const { hostInterface, addresses } = attachment;
  const bridge = bridgeOf(attachment);
  return {
    hostInterface,
    addresses,
    ...(bridge === undefined ? {} : { bridge }),
    ...(pod.ingressChain === undefined ? {} : { ingressChain: pod.ingressChain }),
    ...(pod.egressChain === undefined ? {} : { egressChain: pod.egressChain }),
    ...(httpPorts.length === 0 ? {} : { httpPorts }),
  };
}

function limitText({ ingressBitsPerSecond, egressBitsPerSecond }: PodLink): string {
  return `${ingressBitsPerSecond} ${egressBitsPerSecond}`;
}

function bridgeOf({ wiring }: PodAttachment): string | undefined {
  return wiring?.link?.kind === 'Bridge' ? wiring.link.bridge : undefined;
}
