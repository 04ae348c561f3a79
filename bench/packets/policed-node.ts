import { type PolicyState, PolicyTable } from '../../src/agent/dataplane/nft/policy-table.ts';
import { wirePod } from '../../src/agent/dataplane/pod-link.ts';
import { applySysctls, FORWARDING } from '../../src/agent/dataplane/sysctl.ts';
import { VXLAN_PORT } from '../../src/model/node/names.ts';
import type { ChainIr, RuleIr } from '../../src/model/node/ir.ts';
import { NetnsLab } from '../../test/dataplane/netns-lab.ts';

/** A node with two pods that may talk, and others that are known to its table only. */
export interface PolicedNode {
  readonly clientNetns: string;
  readonly serverNetns: string;
  readonly serverAddress: string;
  close(): Promise<void>;
}

const [CLIENT, SERVER] = ['10.64.0.5', '10.64.0.6'] as const;
const MTU = 1_450;

/** @param size pods, each with a policy of its own for either direction; 0: the two alone, without any. */
export async function startPolicedNode(size: number): Promise<PolicedNode> {
  const lab = new NetnsLab();
  const node = lab.addNode('node');
  applySysctls(node, FORWARDING);
  const real = [CLIENT, SERVER].map((address, at) => {
    const netnsPath = lab.add(`pod-${at}`);
    const hostInterface = `weft0000000000${at}`;
    wirePod(node, { netnsPath, ifname: 'eth0', hostInterface, addresses: [address], mtu: MTU });
    return { netnsPath, hostInterface, addresses: [address] };
  });
  const table = new PolicyTable(node.path);
  await table.open();
  await table.reset(
    {
      ...{ localAddress: '192.0.2.1', vxlanPeers: [], vxlanPort: VXLAN_PORT, hasIpv6: false },
      ...{ podCidrs: ['10.64.0.0/12'], natCidrs: [], natExceptions: [], ownBlocks: ['10.64.0.0/26'] },
    },
    stateOf(size, real),
  );
  const [client, server] = real;
  return {
    clientNetns: client?.netnsPath ?? '',
    serverNetns: server?.netnsPath ?? '',
    serverAddress: SERVER,
    async close() {
      await table.close();
      lab.close();
    },
  };
}

type Pods = readonly { readonly hostInterface: string; readonly addresses: readonly string[] }[];

function stateOf(size: number, real: Pods): PolicyState {
  if (size === 0) return { sets: new Map(), chains: new Map(), pods: real };
  const named = Array.from({ length: size - real.length }, (_, at) => {
    const hostInterface = `weft${(at + 4096).toString(16).padStart(11, '0')}`;
    return { hostInterface, addresses: [`10.${65 + (at >> 16)}.${(at >> 8) & 255}.${at & 255}`] };
  });
  const pods = [...named, ...real];
  const members = pods.flatMap(({ addresses }) => addresses);
  const [half, all] = [members.filter((_, at) => at % 2 === 0 && at < size - 2), members];
  return {
    sets: new Map([
      ['half', { type: 'ip', members: half }],
      ['all', { type: 'ip', members: all }],
    ]),
    chains: new Map(pods.flatMap((_, at) => [`e${at}`, `i${at}`].map((key) => [key, chainOf(at)] as const))),
    pods: pods.map((pod, at) => ({ ...pod, egressChain: `e${at}`, ingressChain: `i${at}` })),
  };
}

function chainOf(at: number): ChainIr {
  const rule = (peers: string, port: number, to = port): RuleIr => ({
    ...{ action: 'allow', peers: [peers], origin: `KubernetesNetworkPolicy shop/app-${at}` },
    ports: [{ protocol: 'TCP', from: port, to }],
  });
  return { rules: [rule('half', 80), rule('all', 443), rule('all', 1_024, 65_535)], otherwise: 'deny' };
}
