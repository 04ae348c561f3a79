import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { PolicyTable } from '../../src/agent/dataplane/nft/policy-table.ts';
import { ServiceTable } from '../../src/agent/dataplane/nft/services/service-table.ts';
import { wirePod } from '../../src/agent/dataplane/pod-link.ts';
import { applySysctls, FORWARDING } from '../../src/agent/dataplane/sysctl.ts';
import { VXLAN_PORT } from '../../src/model/node/names.ts';
import { Fabric, type FabricNode, UNDERLAY_MTU } from '../../test/dataplane/fabric-lab.ts';
import { NetnsLab } from '../../test/dataplane/netns-lab.ts';

export interface Place {
  readonly netnsPath: string;
  readonly address: string;
}

/** Two nodes: a client on the first, a server beside it, and one on the second. */
export interface Side {
  readonly client: Place;
  readonly near: Place;
  readonly far: Place;
  /** Network namespaces of the nodes. */
  readonly nodes: readonly string[];
  close(): Promise<void>;
}

const TUNNEL_BYTES = 50;

/** Weft's links, tunnel, policy table (pods known, no policy) and service table, as its agent makes them. */
export async function weftSide(): Promise<Side> {
  const fabric = new Fabric([4]);
  fabric.connectAll();
  const [first, second] = fabric.nodes;
  const near = {
    ...first.pod,
    netnsPath: fabric.lab.add('near'),
    hostInterface: 'weft0000000000b',
    addresses: ['10.42.1.6'],
  };
  wirePod(first.netns, near);
  const tables = [await tablesOf(first, [first.pod, near], second), await tablesOf(second, [second.pod], first)].flat();
  return {
    client: placeOf(first.pod),
    near: placeOf(near),
    far: placeOf(second.pod),
    nodes: [first.netns.path, second.netns.path],
    async close() {
      for (const table of tables) await table.close();
      fabric.close();
    },
  };
}

async function tablesOf({ netns, peer }: FabricNode, pods: readonly FabricNode['pod'][], other: FabricNode) {
  const policy = new PolicyTable(netns.path);
  await policy.open();
  const facts = {
    localAddress: peer.address,
    vxlanPeers: [other.peer.address],
    vxlanPort: VXLAN_PORT,
    hasIpv6: false,
    podCidrs: ['10.42.0.0/16'],
    natCidrs: ['10.42.0.0/16'],
    natExceptions: [],
    ownBlocks: peer.blocks,
  };
  await policy.reset(facts, { sets: new Map(), chains: new Map(), pods });
  const services = new ServiceTable(netns.path);
  await services.reset(new Map());
  return [policy, services] as const;
}

function placeOf({
  netnsPath,
  addresses: [address = ''],
}: {
  readonly netnsPath: string;
  readonly addresses: readonly string[];
}): Place {
  return { netnsPath, address };
}

/** Makes the kernel track connections, and decides nothing. */
const TRACKED =
  'add table inet tracked; add chain inet tracked crossing { type filter hook forward priority 10; policy accept; };' +
  'add rule inet tracked crossing ct mark 77 drop';

/**
 * The same by hand: routed veth pairs and a VXLAN device, with `ip`, and no firewall at all.
 *
 * @param isTracked whether the nodes track connections, as whoever has a firewall with states or Services must.
 */
export async function plainSide(isTracked = false): Promise<Side> {
  const lab = new NetnsLab();
  const fabric = lab.add('plain');
  lab.ip(fabric, 'link', 'add', 'switch', 'type', 'bridge');
  lab.ip(fabric, 'link', 'set', 'switch', 'mtu', String(UNDERLAY_MTU), 'up');
  const nodes = [1, 2].map((number) => lab.addNode(`plain${number}`));
  for (const [index, node] of nodes.entries()) {
    const [own, other] = [index + 1, 2 - index];
    const port = ['type', 'veth', 'peer', 'name', 'eth0', 'netns', path.basename(node.path)];
    lab.ip(fabric, 'link', 'add', `port${own}`, ...port);
    lab.ip(fabric, 'link', 'set', `port${own}`, 'mtu', String(UNDERLAY_MTU), 'master', 'switch', 'up');
    lab.ip(node.path, 'link', 'set', 'eth0', 'mtu', String(UNDERLAY_MTU), 'up');
    lab.ip(node.path, 'address', 'add', `192.0.2.${own}/24`, 'dev', 'eth0');
    applySysctls(node, FORWARDING);
    if (isTracked) execFileSync('nsenter', [`--net=${node.path}`, 'nft', TRACKED]);
    const ends = ['local', `192.0.2.${own}`, 'remote', `192.0.2.${other}`];
    const tunnel = ['type', 'vxlan', 'id', '77', 'dstport', '4789', ...ends, 'nolearning'];
    lab.ip(node.path, 'link', 'add', 'tunnel', 'address', tunnelMac(own), ...tunnel);
    lab.ip(node.path, 'link', 'set', 'tunnel', 'mtu', String(UNDERLAY_MTU - TUNNEL_BYTES), 'up');
    lab.ip(node.path, 'address', 'add', `10.42.${own}.0/32`, 'dev', 'tunnel');
    const neighbour = ['lladdr', tunnelMac(other), 'dev', 'tunnel', 'nud', 'permanent'];
    lab.ip(node.path, 'neighbour', 'add', `10.42.${other}.0`, ...neighbour);
    lab.ip(node.path, 'route', 'add', `10.42.${other}.0/26`, 'via', `10.42.${other}.0`, 'dev', 'tunnel', 'onlink');
  }
  const [first = '', second = ''] = nodes.map((node) => node.path);
  return {
    client: addPod(lab, first, '10.42.1.5'),
    near: addPod(lab, first, '10.42.1.6'),
    far: addPod(lab, second, '10.42.2.5'),
    nodes: [first, second],
    async close() {
      lab.close();
    },
  };
}

function addPod(lab: NetnsLab, node: string, address: string): Place {
  const number = address.split('.').slice(2).join('-');
  const netnsPath = lab.add(`plain-${number}`);
  const [link, mtu] = [`pod${number}`, String(UNDERLAY_MTU - TUNNEL_BYTES)];
  const peer = ['peer', 'name', 'eth0', 'mtu', mtu, 'netns', path.basename(netnsPath)];
  lab.ip(node, 'link', 'add', link, 'mtu', mtu, 'type', 'veth', ...peer);
  lab.ip(node, 'link', 'set', link, 'up');
  lab.ip(netnsPath, 'link', 'set', 'eth0', 'up');
  lab.ip(node, 'route', 'add', `${address}/32`, 'dev', link);
  lab.ip(netnsPath, 'address', 'add', `${address}/32`, 'dev', 'eth0');
  lab.ip(netnsPath, 'route', 'add', '169.254.1.1', 'dev', 'eth0', 'scope', 'link');
  lab.ip(netnsPath, 'route', 'add', 'default', 'via', '169.254.1.1');
  const mac = /link\/ether (\S+)/.exec(lab.ip(node, 'link', 'show', link))?.[1] ?? '';
  lab.ip(netnsPath, 'neighbour', 'add', '169.254.1.1', 'lladdr', mac, 'dev', 'eth0', 'nud', 'permanent');
  return { netnsPath, address };
}

function tunnelMac(node: number): string {
  return `0a:58:0a:2a:00:0${node}`;
}
