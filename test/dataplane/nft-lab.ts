import { execFileSync } from 'node:child_process';
import path from 'node:path';
import type { Netns } from '../../src/agent/dataplane/netns.ts';
import { wirePod } from '../../src/agent/dataplane/pod-link.ts';
import { applyIpv6Forwarding, applySysctls, FORWARDING } from '../../src/agent/dataplane/sysctl.ts';
import type { NodeFacts, PodBinding } from '../../src/agent/dataplane/nft/policy-table.ts';
import type { ChainIr, RuleIr } from '../../src/model/node/ir.ts';
import { NetnsLab } from './netns-lab.ts';
import { Traffic } from './traffic.ts';

export const NODE_ADDRESS = '192.0.2.1';
export const OUTSIDE_ADDRESS = '192.0.2.9';
export const NODE_ADDRESS6 = '2001:db8::1';
export const OUTSIDE_ADDRESS6 = '2001:db8::9';
export const SERVER_PORT = 8080;
export const OTHER_PORT = 9090;

export const FACTS: NodeFacts = {
  localAddress: NODE_ADDRESS,
  vxlanPeers: ['192.0.2.2'],
  vxlanPort: 4789,
  hasIpv6: false,
  podCidrs: ['10.42.0.0/16'],
  natCidrs: [],
  natExceptions: [],
  ownBlocks: ['10.42.1.0/26'],
};

/** Of the same node, once pools of IPv6 are there. */
export const FACTS6: NodeFacts = {
  ...FACTS,
  vxlanPeers: ['192.0.2.2', '2001:db8::2'],
  hasIpv6: true,
  podCidrs: ['10.42.0.0/16', 'fd00:42::/64'],
  ownBlocks: ['10.42.1.0/26', 'fd00:42::100/122'],
};

export interface LabPod {
  readonly hostInterface: string;
  readonly address: string;
  readonly address6: string;
  readonly netnsPath: string;
  readonly bridge?: string;
  readonly traffic: Traffic;
}

/** A node with three pods, and a machine outside; each has TCP servers on SERVER_PORT and OTHER_PORT. */
export interface NftLab {
  readonly netns: NetnsLab;
  readonly node: Netns;
  readonly nodeTraffic: Traffic;
  readonly outside: Traffic;
  readonly pods: readonly [LabPod, LabPod, LabPod];
  /** nft in the node's namespace; what it printed. */
  nft(text: string): string;
  close(): Promise<void>;
}

/** @param bridge that the first two pods are behind. */
export async function openNftLab(bridge?: string): Promise<NftLab> {
  const netns = new NetnsLab();
  const node = netns.addNode('node');
  const outsidePath = netns.add('outside');
  netns.ip(
    node.path,
    'link',
    'add',
    'eth0',
    'type',
    'veth',
    'peer',
    'name',
    'eth0',
    'netns',
    path.basename(outsidePath),
  );
  netns.ip(node.path, 'link', 'set', 'eth0', 'up');
  netns.ip(node.path, 'address', 'add', `${NODE_ADDRESS}/24`, 'dev', 'eth0');
  netns.ip(outsidePath, 'link', 'set', 'eth0', 'up');
  netns.ip(outsidePath, 'address', 'add', `${OUTSIDE_ADDRESS}/24`, 'dev', 'eth0');
  netns.ip(outsidePath, 'route', 'add', '10.42.0.0/16', 'via', NODE_ADDRESS);
  netns.ip(node.path, 'address', 'add', `${NODE_ADDRESS6}/64`, 'dev', 'eth0', 'nodad');
  netns.ip(outsidePath, 'address', 'add', `${OUTSIDE_ADDRESS6}/64`, 'dev', 'eth0', 'nodad');
  netns.ip(outsidePath, 'route', 'add', 'fd00:42::/64', 'via', NODE_ADDRESS6);
  applySysctls(node, FORWARDING);
  applyIpv6Forwarding(node, []);
  const started: Traffic[] = [];
  const start = async (at: string) => {
    const traffic = await Traffic.start(at);
    started.push(traffic);
    for (const port of [SERVER_PORT, OTHER_PORT]) await traffic.listenTcp(port);
    return traffic;
  };
  const addPod = async (name: string, host: number): Promise<LabPod> => {
    const netnsPath = netns.add(name);
    const hostInterface = `weft0000000000${name}`;
    const [address, address6] = [`10.42.1.${host}`, `fd00:42::10${host}`];
    const behind = bridge === undefined || name === 'c' ? {} : { bridge };
    wirePod(node, { ...behind, netnsPath, ifname: 'eth0', hostInterface, addresses: [address, address6], mtu: 1450 });
    return { ...behind, hostInterface, address, address6, netnsPath, traffic: await start(netnsPath) };
  };
  return {
    netns,
    node,
    pods: [await addPod('a', 2), await addPod('b', 3), await addPod('c', 4)],
    nodeTraffic: await start(node.path),
    outside: await start(outsidePath),
    nft: (text) =>
      execFileSync('ip', ['netns', 'exec', path.basename(node.path), 'nft', ...text.split(' ')], {
        encoding: 'utf8',
        maxBuffer: 2 ** 28,
      }),
    async close() {
      for (const traffic of started) await traffic.stop();
      netns.close();
    },
  };
}

/** The pod's binding of both families: which chains it passes. */
export function bound(
  { hostInterface, address, address6, bridge }: LabPod,
  chains: { ingress?: string; egress?: string } = {},
): PodBinding {
  return {
    hostInterface,
    addresses: [address, address6],
    ...(bridge === undefined ? {} : { bridge }),
    ...(chains.ingress === undefined ? {} : { ingressChain: chains.ingress }),
    ...(chains.egress === undefined ? {} : { egressChain: chains.egress }),
  };
}

export function chain(otherwise: ChainIr['otherwise'], ...rules: Partial<RuleIr>[]): ChainIr {
  return {
    rules: rules.map((rule) => ({ action: 'allow', peers: 'any', ports: 'any', origin: 'test', ...rule })),
    otherwise,
  };
}

/** What arrived, once there is as much as wanted: datagrams on one machine are not lost, only late. */
export async function heard(traffic: Traffic, port: number, count: number): Promise<unknown> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const texts = await traffic.heardUdp(port);
    if (Array.isArray(texts) && texts.length >= count) return texts;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return traffic.heardUdp(port);
}
