import path from 'node:path';
import { removeAll } from '../../src/agent/dataplane/leftovers.ts';
import type { Netns } from '../../src/agent/dataplane/netns.ts';
import type { PodLink } from '../../src/agent/dataplane/pod-addressing.ts';
import { wirePod } from '../../src/agent/dataplane/pod-link.ts';
import { applyIpv6Forwarding, applySysctls, FORWARDING } from '../../src/agent/dataplane/sysctl.ts';
import { findUnderlay, tunnelMtuOf } from '../../src/agent/dataplane/underlay.ts';
import { applyOwnBlocks, applyVxlan, type VxlanNetwork } from '../../src/agent/dataplane/vxlan.ts';
import { type Family, familyOf } from '../../src/lib/ip.ts';
import type { Encapsulation, PeerIr, PoolIr } from '../../src/model/node/ir.ts';
import { tunnelMacOf, VXLAN_PORT, VXLAN_VNI } from '../../src/model/node/names.ts';
import { NetnsLab } from './netns-lab.ts';

export const UNDERLAY_MTU = 1400;

export interface FabricNode {
  readonly netns: Netns;
  readonly peer: PeerIr;
  readonly pod: PodLink;
}

export type FabricNodes = readonly [FabricNode, FabricNode, FabricNode];

/** A pool of each family, whose packets travel so. */
export function poolsOf(families: readonly Family[], encapsulation: Encapsulation): readonly PoolIr[] {
  return families.map((family) => ({
    name: `pool${family}`,
    uid: `pool${family}`,
    cidr: family === 4 ? '10.42.0.0/16' : 'fd00:42::/56',
    encapsulation,
    natOutgoing: false,
    disabled: false,
    reserved: [],
    isCommon: true,
  }));
}

/** Three nodes on one switch (a namespace with a bridge) that are in both families, a pod on each. */
export class Fabric {
  readonly lab = new NetnsLab();
  readonly nodes: FabricNodes;
  readonly #families: readonly Family[];

  /**
   * @param families of the pods.
   * @param outer    that tunnels go through.
   */
  constructor(families: readonly Family[], outer: Family = 4) {
    this.#families = families;
    try {
      this.nodes = this.#make(outer);
    } catch (error) {
      this.lab.close();
      throw error;
    }
  }

  #make(outer: Family): FabricNodes {
    const fabric = this.lab.add('fabric');
    this.lab.ip(fabric, 'link', 'add', 'switch', 'type', 'bridge');
    this.lab.ip(fabric, 'link', 'set', 'switch', 'mtu', String(UNDERLAY_MTU), 'up');
    return [this.#add(fabric, 1, outer), this.#add(fabric, 2, outer), this.#add(fabric, 3, outer)];
  }

  networkOf({ netns, peer }: FabricNode, others: readonly FabricNode[], encapsulation?: Encapsulation): VxlanNetwork {
    const underlay = findUnderlay(netns, peer.address);
    if (underlay === undefined) throw new Error(`no interface holds ${peer.address}`);
    return {
      localAddress: peer.address,
      tunnelAddresses: peer.tunnelAddresses,
      tunnelMac: peer.tunnelMac,
      mtu: tunnelMtuOf(underlay, peer.address),
      hasIpv6: this.#families.includes(6),
      underlay,
      pools: poolsOf(this.#families, encapsulation ?? 'VXLAN'),
      vni: VXLAN_VNI,
      port: VXLAN_PORT,
      peers: others.map((other) => other.peer),
    };
  }

  /** Makes one node's way to the others; what was written. */
  connect(node: FabricNode, encapsulation?: Encapsulation, peers?: readonly FabricNode[]): string[] {
    const others = peers ?? this.nodes.filter((other) => other !== node);
    return applyVxlan(node.netns, this.networkOf(node, others, encapsulation));
  }

  connectAll(encapsulation?: Encapsulation): void {
    for (const node of this.nodes) {
      this.connect(node, encapsulation);
      applyOwnBlocks(node.netns, node.peer.blocks);
      wirePod(node.netns, node.pod);
    }
  }

  async disconnectAll(): Promise<void> {
    for (const { netns } of this.nodes) await removeAll(netns);
  }

  close(): void {
    this.lab.close();
  }

  #add(fabric: string, number: number, outer: Family): FabricNode {
    const { lab } = this;
    const netns = lab.addNode(`node${number}`);
    const addresses = [`192.0.2.${number}`, `2001:db8::${number}`].sort((a) => (familyOf(a) === outer ? -1 : 1));
    const name = path.basename(netns.path);
    lab.ip(fabric, 'link', 'add', `port${number}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
    lab.ip(fabric, 'link', 'set', `port${number}`, 'mtu', String(UNDERLAY_MTU), 'master', 'switch', 'up');
    // As on a node that has been up for a while: until its link-local address is no longer tentative, the kernel looks
    // for no neighbour on behalf of packets that it forwards.
    applySysctls(netns, { 'ipv6/conf/eth0/accept_dad': '0' });
    lab.ip(netns.path, 'link', 'set', 'eth0', 'mtu', String(UNDERLAY_MTU), 'up');
    lab.ip(netns.path, 'address', 'add', `192.0.2.${number}/24`, 'dev', 'eth0');
    lab.ip(netns.path, 'address', 'add', `2001:db8::${number}/64`, 'dev', 'eth0', 'nodad');
    lab.ip(netns.path, 'route', 'add', 'default', 'via', '192.0.2.254');
    lab.ip(netns.path, 'route', 'add', 'default', 'via', '2001:db8::fe');
    applySysctls(netns, FORWARDING);
    applyIpv6Forwarding(netns, []);
    const uid = `00000000-0000-0000-0000-00000000000${number}`;
    const own = (four: string, six: string) => this.#families.map((family) => (family === 4 ? four : six));
    return {
      netns,
      peer: {
        node: `node${number}`,
        nodeUid: uid,
        address: addresses[0] ?? '',
        addresses,
        tunnelAddresses: own(`10.42.${number}.0`, `fd00:42::${number}00`),
        tunnelMac: tunnelMacOf(uid),
        blocks: own(`10.42.${number}.0/26`, `fd00:42::${number}00/122`),
      },
      pod: {
        netnsPath: lab.add(`pod${number}`),
        ifname: 'eth0',
        hostInterface: 'weft0000000000a',
        addresses: own(`10.42.${number}.5`, `fd00:42::${number}05`),
        mtu: UNDERLAY_MTU - (outer === 4 ? 50 : 70),
      },
    };
  }
}
