import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { PolicyTable } from '../../src/agent/dataplane/nft/policy-table.ts';
import type { PolicyState } from '../../src/agent/dataplane/nft/policy-table.ts';
import type { Pod } from '../../src/api/kubernetes.ts';
import { createPolicyIndex } from '../../src/model/policy/policy-index.ts';
import { oracle, type Packet, type Verdict } from '../model/policy/oracle.ts';
import { account, containerPort, labels, namespace, policies, service } from '../model/policy/policy-arbitraries.ts';
import { PolicyMirror } from '../model/policy/policy-mirror.ts';
import { changeOf, type PolicyWorld, type Thing, thingsOf, worldOf } from '../model/policy/policy-world.ts';
import {
  FACTS6,
  type NftLab,
  NODE_ADDRESS,
  NODE_ADDRESS6,
  openNftLab,
  OUTSIDE_ADDRESS,
  OUTSIDE_ADDRESS6,
} from './nft-lab.ts';
import type { Traffic } from './traffic.ts';

/** Of the worlds' named ports and ranges some lead here, some do not. */
const TCP_PORTS = [80, 8080, 9090];
const UDP_PORT = 53;
/** Nothing that is let through takes this long. */
const WAIT_MS = 1000;

interface Host {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly traffic: Traffic;
  /** Undefined for who is no pod. */
  readonly hostInterface?: string;
}

let lab: NftLab;
let table: PolicyTable;
let hosts: readonly Host[];

beforeAll(async () => {
  lab = await openNftLab();
  hosts = [
    ...lab.pods.map(({ hostInterface, address, address6, traffic }, index) => {
      return { name: `p${index + 1}`, addresses: [address, address6], traffic, hostInterface };
    }),
    { name: 'node', addresses: [NODE_ADDRESS, NODE_ADDRESS6], traffic: lab.nodeTraffic },
    { name: 'outside', addresses: [OUTSIDE_ADDRESS, OUTSIDE_ADDRESS6], traffic: lab.outside },
  ];
  for (const { traffic } of hosts) {
    await traffic.listenTcp(80);
    await traffic.listenUdp(UDP_PORT);
  }
  table = new PolicyTable(lab.node.path);
}, 60_000);
afterAll(async () => {
  await table.remove();
  await table.close();
  await lab.close();
});

const BLOCKS = [
  { cidr: '0.0.0.0/0' },
  { cidr: '0.0.0.0/0', except: ['10.42.1.3/32', '192.0.2.8/29'] },
  { cidr: '10.42.1.0/30' },
  { cidr: '192.0.2.0/24', except: ['192.0.2.1/32'] },
  { cidr: '::/0' },
  { cidr: 'fd00:42::/64', except: ['fd00:42::103/128'] },
  { cidr: '2001:db8::/32', except: ['2001:db8::8/125'] },
];
const { kubernetesPolicy, weftPolicy, clusterPolicy } = policies(BLOCKS);

/** Addresses of the lab's three pods; one that has completed has left its to the machine outside, one is the node. */
const PODS = [
  { name: 'p1', addresses: ['10.42.1.2', 'fd00:42::102'] },
  { name: 'p2', addresses: ['10.42.1.3', 'fd00:42::103'] },
  { name: 'p3', addresses: ['10.42.1.4', 'fd00:42::104'] },
  { name: 'done', addresses: [OUTSIDE_ADDRESS, OUTSIDE_ADDRESS6], phase: 'Succeeded' },
  { name: 'host', addresses: [NODE_ADDRESS, NODE_ADDRESS6], hostNetwork: true },
] as const;

/** The machine outside is another node. */
const NODES = [
  { name: 'n1', disk: 'ssd', addresses: [NODE_ADDRESS, NODE_ADDRESS6] },
  { name: 'n2', disk: 'hdd', addresses: [OUTSIDE_ADDRESS, OUTSIDE_ADDRESS6] },
].map(({ name, disk, addresses }): Thing => {
  const status = { addresses: addresses.map((address) => ({ type: 'InternalIP', address })) };
  return { kind: 'node', object: { metadata: { name, labels: { disk } }, status } };
});

const pods = fc.tuple(
  ...PODS.map(({ name, addresses, ...more }) =>
    fc
      .record({ namespace, labels, account, ports: fc.array(containerPort, { maxLength: 2 }) })
      .map(({ namespace, labels, account, ports }): Thing => {
        const object: Pod = {
          metadata: { namespace, name, uid: name, labels },
          spec: {
            nodeName: 'n1',
            containers: [{ name: 'main', ports }],
            hostNetwork: 'hostNetwork' in more,
            ...account,
          },
          status: { phase: 'phase' in more ? more.phase : 'Running', podIPs: addresses.map((ip) => ({ ip })) },
        };
        return { kind: 'pod', object };
      }),
  ),
);

const world: fc.Arbitrary<PolicyWorld> = fc
  .tuple(
    pods,
    fc.array(kubernetesPolicy, { minLength: 1, maxLength: 4 }),
    fc.array(weftPolicy, { maxLength: 3 }),
    fc.array(clusterPolicy, { maxLength: 3 }),
    fc.constant(NODES),
    fc.array(service, { maxLength: 3 }),
  )
  .map((groups) => worldOf(groups.flat()));

/** A generated world may have nothing that is rejected. */
const REJECTING = worldOf([
  {
    kind: 'pod',
    object: {
      metadata: { namespace: 'red', name: 'p1', uid: 'p1' },
      spec: { nodeName: 'n1', containers: [] },
      status: { phase: 'Running', podIPs: [{ ip: '10.42.1.2' }, { ip: 'fd00:42::102' }] },
    },
  },
  { kind: 'policy', object: { metadata: { namespace: 'red', name: 'w' }, spec: { ingress: [{ action: 'Reject' }] } } },
]);

/** What the world's policies come to, in the kernel. */
async function enforce(world: PolicyWorld): Promise<void> {
  const mirror = new PolicyMirror();
  mirror.apply(createPolicyIndex().apply(changeOf({ upserts: [...world], removals: [] })));
  const bound = hosts.flatMap(({ name, addresses, hostInterface }): PolicyState['pods'] => {
    const { nodeName: _, ...chains } = mirror.bindings.get(name) ?? { nodeName: '' };
    return hostInterface === undefined ? [] : [{ hostInterface, addresses, ...chains }];
  });
  await table.reset(FACTS6, { sets: mirror.sets, chains: mirror.chains, pods: bound });
}

/** What the first who forbids it says: of who is no pod, and of a node to its own pods, there is nothing to ask. */
function verdictOf(
  world: PolicyWorld,
  from: Host,
  to: Host,
  packet: Omit<Packet, 'direction' | 'peer'>,
  by: number,
): Verdict {
  const podOf = ({ name }: Host) => thingsOf(world, 'pod').find(({ object }) => object.metadata.name === name)?.object;
  const said = (subject: Pod | undefined, direction: Packet['direction'], peer: Host): Verdict =>
    subject === undefined ? 'allow' : oracle(world, subject, { ...packet, direction, peer: peer.addresses[by] ?? '' });
  if (from.name === 'node') return 'allow';
  const first = said(podOf(from), 'egress', to);
  return first === 'allow' ? said(podOf(to), 'ingress', from) : first;
}

let round = 0;

/** Each pair and port: who got through, and who was told that not. Of datagrams that is not seen. */
async function connections(): Promise<ReadonlyMap<string, Verdict>> {
  round += 1;
  const seen = new Map<string, Verdict>();
  const pairs = hosts.flatMap((from) =>
    hosts.flatMap((to) =>
      from === to || (from.hostInterface ?? to.hostInterface) === undefined ? [] : [{ from, to }],
    ),
  );
  await Promise.all(
    pairs.flatMap(({ from, to }) =>
      to.addresses.flatMap((address, by) => [
        ...TCP_PORTS.map(async (port) => {
          const answer = await from.traffic.dial(address, port, WAIT_MS);
          seen.set(
            name(from, to, by, 'TCP', port),
            typeof answer === 'number' ? 'allow' : answer === 'ECONNREFUSED' ? 'reject' : 'deny',
          );
        }),
        from.traffic.sendUdp(address, UDP_PORT, `${round} ${from.name}`, from.addresses[by]),
      ]),
    ),
  );
  for (const to of hosts) {
    const texts = await to.traffic.heardUdp(UDP_PORT);
    for (const { from } of pairs.filter((pair) => pair.to === to)) {
      for (const by of to.addresses.keys()) {
        const arrived = Array.isArray(texts) && texts.includes(`${from.addresses[by]}: ${round} ${from.name}`);
        seen.set(name(from, to, by, 'UDP', UDP_PORT), arrived ? 'allow' : 'deny');
      }
    }
  }
  return seen;
}

function name(from: Host, to: Host, by: number, protocol: string, port: number): string {
  return `${from.name} → ${to.name} by IPv${by === 0 ? 4 : 6}, ${protocol} ${port}`;
}

function expected(world: PolicyWorld, seen: ReadonlyMap<string, Verdict>): ReadonlyMap<string, Verdict> {
  const wanted = hosts.flatMap((from) =>
    hosts.flatMap((to) =>
      to.addresses.flatMap((_, by) => [
        ...TCP_PORTS.map((port) => [from, to, by, 'TCP', port] as const),
        [from, to, by, 'UDP', UDP_PORT] as const,
      ]),
    ),
  );
  return new Map(
    wanted.flatMap(([from, to, by, protocol, port]) => {
      const key = name(from, to, by, protocol, port);
      const said = verdictOf(world, from, to, { protocol, port }, by);
      const shown = protocol === 'UDP' && said === 'reject' ? 'deny' : said;
      return seen.has(key) ? [[key, shown] as const] : [];
    }),
  );
}

describe('every pair of pods, node and outside', () => {
  test('gets through the kernel exactly where the specifications of the policies say so', async () => {
    const counts = { allow: 0, deny: 0, reject: 0 };
    await fc.assert(
      fc.asyncProperty(world, async (world) => {
        await enforce(world);
        const seen = await connections();
        const wrong = [...expected(world, seen)].filter(([key, verdict]) => seen.get(key) !== verdict);
        expect(wrong.map(([key, verdict]) => `${key}: ${seen.get(key)}, not ${verdict}`)).toEqual([]);
        for (const verdict of seen.values()) counts[verdict] += 1;
      }),
      { numRuns: 40, examples: [[REJECTING]] },
    );
    expect(counts.allow).toBeGreaterThan(500);
    expect(counts.deny).toBeGreaterThan(500);
    expect(counts.reject).toBeGreaterThan(0);
  }, 300_000);
});
