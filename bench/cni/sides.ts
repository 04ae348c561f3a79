import type { Family } from '../../src/lib/ip.ts';
import type { ChainIr, NodeIr, PodIr, PoolIr, PodMeshIr } from '../../src/model/node/ir.ts';
import type { NetnsLab } from '../../test/dataplane/netns-lab.ts';
import { ReferenceNode } from './reference-node.ts';
import type { Job } from './timed-exec.ts';
import { type AnyResource, WeftNode } from './weft-node.ts';

/** What a runtime calls for one pod. */
export interface PodJobs {
  readonly add: Job;
  readonly del: Job;
}

/** One of the things that are measured against each other. */
export interface Side {
  readonly name: string;
  /** Of the node: where the programs run. */
  readonly netnsPath: string;
  /** Makes pods known that are to live in these namespaces. Not measured. */
  prepare(podNetns: readonly string[]): Promise<readonly PodJobs[]>;
  /** Forgets the pods of the last `prepare`. Not measured. */
  finish(): Promise<void>;
}

/** `full`: addresses of both families, policy and bandwidth limits. */
export type Scenario = 'plain' | 'policy' | 'mesh' | 'full';

const NODE_ADDRESS = '192.0.2.1';
/** Enough that no address is needed again within its rest of 10 s. */
const BLOCKS = Array.from({ length: 32 }, (_, index) => `10.42.${Math.floor(index / 4)}.${(index % 4) * 64}/26`);
const BLOCKS6 = BLOCKS.map((_, index) => `fd00:42::${(index * 64).toString(16)}/122`);
const RULES = 10;

/** The reference, told nothing beforehand: its configuration says everything. */
export function referenceSide(lab: NetnsLab, folder: string): Side {
  const node = new ReferenceNode(lab, folder);
  let made = 0;
  return {
    name: 'bridge + host-local',
    netnsPath: node.netnsPath,
    async prepare(podNetns) {
      return podNetns.map((netns) => {
        const containerId = `reference-${(made += 1)}`;
        return { add: node.job('ADD', containerId, netns), del: node.job('DEL', containerId, netns) };
      });
    },
    finish: async () => undefined,
  };
}

/** Runs nothing but /bin/true: what starting any program costs here. */
export function floorSide(netnsPath: string): Side {
  const job: Job = { program: '/bin/true', input: '', variables: {} };
  return {
    name: '/bin/true',
    netnsPath,
    prepare: async (podNetns) => podNetns.map(() => ({ add: job, del: job })),
    finish: async () => undefined,
  };
}

/** A node with its blocks, the address sets and the two chains of the scenarios with policy. */
export async function startNode(lab: NetnsLab, folder: string, families: readonly Family[] = [4]): Promise<WeftNode> {
  const node = await WeftNode.start(lab, `node${families.join('')}`, NODE_ADDRESS, folder);
  const self: NodeIr = {
    ...{ name: 'node', uid: 'node-uid', address: NODE_ADDRESS, addresses: [NODE_ADDRESS] },
    ...{ tunnelAddresses: ['10.42.0.0'], trustDomain: 'cluster.local', trustBundlePem: '' },
  };
  const pool = (name: string, cidr: string): PoolIr => ({
    ...{ name, uid: name, cidr, encapsulation: 'VXLAN' as const, natOutgoing: true },
    ...{ disabled: false, reserved: [], isCommon: true },
  });
  const block =
    (of: string) =>
    (cidr: string): AnyResource => ['block', cidr, { uid: cidr, cidr, pool: of, poolUid: of }];
  await node.put([
    ['node', 'self', self],
    ['pool', 'pods', pool('pods', '10.42.0.0/16')],
    ...BLOCKS.map(block('pods')),
    ...(families.includes(6)
      ? [['pool', 'pods6', pool('pods6', 'fd00:42::/64')] as const, ...BLOCKS6.map(block('pods6'))]
      : []),
    ...Array.from({ length: RULES }, (_, index): AnyResource => {
      const members = Array.from({ length: 20 }, (_member, host) => `10.42.${100 + index}.${host + 1}`);
      return ['addressSet', setKey(index), { type: 'ip', members }];
    }),
    ['chain', 'ingress', chain('ingress')],
    ['chain', 'egress', chain('egress')],
  ]);
  return node;
}

/** Pods of one scenario on `node`, new ones each time. */
export function weftSide(node: WeftNode, scenario: Scenario): Side {
  let made = 0;
  let pods: PodIr[] = [];
  return {
    name: scenario,
    netnsPath: node.netnsPath,
    async prepare(podNetns) {
      pods = podNetns.map(() => podOf(scenario, `${scenario}-${(made += 1)}`));
      await node.put(pods.map((pod): AnyResource => ['pod', pod.uid, pod]));
      return pods.map((pod, index) => {
        const netns = podNetns[index] ?? '';
        return { add: node.job('ADD', pod, netns), del: node.job('DEL', pod, netns) };
      });
    },
    async finish() {
      await node.put(
        [],
        pods.map(({ uid }) => ['pod', uid] as const),
      );
      pods = [];
    },
  };
}

function podOf(scenario: Scenario, name: string): PodIr {
  const addressing = { pools: ['pods'], families: [4 as const], fixed: [] };
  const pod = { uid: `uid-${name}`, namespace: 'bench', name, serviceAccount: name, addresses: [], addressing };
  if (scenario === 'plain') return pod;
  const chains = { ingressChain: 'ingress', egressChain: 'egress' };
  if (scenario === 'policy') return { ...pod, ...chains };
  if (scenario === 'full') {
    const both = { pools: ['pods', 'pods6'], families: [4, 6] as const, fixed: [] };
    const bandwidth = { ingressBitsPerSecond: 1e9, egressBitsPerSecond: 1e9 };
    return { ...pod, ...chains, addressing: both, bandwidth };
  }
  return { ...pod, mesh: meshOf(name) };
}

/** Each pod has an identity of its own, so that each ADD makes a key. */
function meshOf(name: string): PodMeshIr {
  return {
    spiffeId: `spiffe://cluster.local/ns/bench/sa/${name}`,
    proxyUid: 1337,
    tlsMode: 'Permissive',
    inbound: [{ port: 8080, protocol: 'HTTP', tlsMode: 'Permissive' }],
    probePorts: [8080],
  };
}

function chain(direction: string): ChainIr {
  const rules = Array.from({ length: RULES }, (_, index): ChainIr['rules'][number] => ({
    action: 'allow',
    peers: [setKey(index)],
    ports: [{ protocol: 'TCP', from: 8000 + index, to: 8000 + index }],
    origin: `NetworkPolicy bench/${direction}-${index}`,
  }));
  return { rules, otherwise: 'deny' };
}

function setKey(index: number): string {
  return `set${index}`;
}
