import fc from 'fast-check';
import type { ClusterNetworkPolicy } from '../../../src/api/cluster-network-policy.ts';
import type { NetworkPolicy } from '../../../src/api/generated/networkpolicy.ts';
import type { Container, KubernetesNetworkPolicy, Namespace, Node, Pod, Service } from '../../../src/api/kubernetes.ts';
import type { PolicyChange } from '../../../src/model/policy/change.ts';
import type { WorldState, WorldStep } from '../../support/worlds.ts';
import { containerPort, type IpBlock, account, labels, namespace, policies, service } from './policy-arbitraries.ts';

/** One thing of a world of policies. A lease's key in the world is its pod's uid. */
export type Thing =
  | { readonly kind: 'pod'; readonly object: Pod }
  | { readonly kind: 'namespace'; readonly object: Namespace }
  | { readonly kind: 'kubernetesPolicy'; readonly object: KubernetesNetworkPolicy }
  | { readonly kind: 'policy'; readonly object: NetworkPolicy }
  | { readonly kind: 'clusterPolicy'; readonly object: ClusterNetworkPolicy }
  | { readonly kind: 'node'; readonly object: Node }
  | { readonly kind: 'service'; readonly object: Service }
  | { readonly kind: 'lease'; readonly podUid: string; readonly addresses: readonly string[] };

export type PolicyWorld = WorldState<Thing>;

export function keyOf(thing: Thing): string {
  if (thing.kind === 'lease') return `lease ${thing.podUid}`;
  const { namespace, name } = thing.object.metadata;
  return `${thing.kind} ${namespace === undefined ? name : `${namespace}/${name}`}`;
}

export function worldOf(things: readonly Thing[]): PolicyWorld {
  return new Map(things.map((thing) => [keyOf(thing), thing]));
}

export function thingsOf<K extends Thing['kind']>(world: PolicyWorld, kind: K): Extract<Thing, { kind: K }>[] {
  return [...world.values()].filter((thing): thing is Extract<Thing, { kind: K }> => thing.kind === kind);
}

export function changeOf({ upserts, removals }: WorldStep<Thing>): PolicyChange {
  const pods: Pod[] = [];
  const namespaces: Namespace[] = [];
  const kubernetesPolicies: KubernetesNetworkPolicy[] = [];
  const policies: NetworkPolicy[] = [];
  const clusterPolicies: ClusterNetworkPolicy[] = [];
  const nodes: Node[] = [];
  const services: Service[] = [];
  const leases = new Map<string, readonly string[] | undefined>();
  for (const [, thing] of upserts) {
    if (thing.kind === 'pod') pods.push(thing.object);
    else if (thing.kind === 'namespace') namespaces.push(thing.object);
    else if (thing.kind === 'kubernetesPolicy') kubernetesPolicies.push(thing.object);
    else if (thing.kind === 'policy') policies.push(thing.object);
    else if (thing.kind === 'clusterPolicy') clusterPolicies.push(thing.object);
    else if (thing.kind === 'node') nodes.push(thing.object);
    else if (thing.kind === 'service') services.push(thing.object);
    else leases.set(thing.podUid, thing.addresses);
  }
  const gone = (kind: Thing['kind']) =>
    removals.filter((key) => key.startsWith(`${kind} `)).map((key) => key.slice(kind.length + 1));
  for (const uid of gone('lease')) leases.set(uid, undefined);
  return {
    pods: { upserts: pods, removals: gone('pod') },
    namespaces: { upserts: namespaces, removals: gone('namespace') },
    kubernetesPolicies: { upserts: kubernetesPolicies, removals: gone('kubernetesPolicy') },
    policies: { upserts: policies, removals: gone('policy') },
    clusterPolicies: { upserts: clusterPolicies, removals: gone('clusterPolicy') },
    nodes: { upserts: nodes, removals: gone('node') },
    services: { upserts: services, removals: gone('service') },
    leases,
  };
}

const BLOCKS: IpBlock[] = [
  { cidr: '0.0.0.0/0' },
  { cidr: '10.0.0.0/29' },
  { cidr: '10.0.0.4/24', except: ['10.0.0.2/31', '10.0.0.6/32'] },
  { cidr: '192.0.2.0/24', except: ['192.0.2.0/25'] },
  { cidr: '0.0.0.0/0', except: ['10.0.0.0/30', '10.0.0.2/31'] },
  { cidr: '::/0' },
  { cidr: 'fd00::/125' },
  { cidr: 'FD00:0::4/120', except: ['fd00::2/127', 'fd00:0:0:0:0:0:0:6/128'] },
  { cidr: '2001:db8::/32', except: ['2001:db8:0:8000::/49'] },
  { cidr: '::/0', except: ['fd00::/126', 'fd00::2/127', '::/1'] },
  // What the API server refuses: an exception of the other family takes nothing away.
  { cidr: '10.0.0.0/28', except: ['::/0'] },
];
const { kubernetesPolicy, weftPolicy, clusterPolicy } = policies(BLOCKS);

const address = fc.integer({ min: 1, max: 9 }).map((host) => `10.0.0.${host}`);
const address6 = fc.integer({ min: 1, max: 9 }).map((host) => `fd00::${host}`);
/** Mostly of both families, as nodes lease them; also of one. */
const addresses = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(address, address6) },
  { weight: 2, arbitrary: address.map((ip) => [ip]) },
  { weight: 1, arbitrary: address6.map((ip) => [ip]) },
);

/** One that ends before the others begin, and one that stays beside them. */
const initContainers: fc.Arbitrary<Container[]> = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Container[]>([]) },
  {
    weight: 1,
    arbitrary: fc.tuple(containerPort, containerPort).map(([early, beside]): Container[] => [
      { name: 'early', ports: [early] },
      { name: 'beside', ports: [beside], restartPolicy: 'Always' },
    ]),
  },
);

const pod = fc
  .record({
    namespace,
    name: fc.constantFrom('p1', 'p2', 'p3'),
    incarnation: fc.constantFrom('a', 'b'),
    labels: fc.option(labels, { nil: undefined }),
    nodeName: fc.option(fc.constantFrom('n1', 'n2'), { nil: undefined, freq: 6 }),
    hostNetwork: fc.oneof({ weight: 8, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
    phase: fc.oneof(
      { weight: 8, arbitrary: fc.constant('Running' as const) },
      { weight: 1, arbitrary: fc.constantFrom('Pending' as const, 'Succeeded' as const, 'Failed' as const) },
    ),
    ips: fc.oneof(
      { weight: 7, arbitrary: addresses },
      { weight: 1, arbitrary: fc.tuple(address6, address) },
      { weight: 1, arbitrary: fc.constant<string[]>([]) },
    ),
    ports: fc.array(containerPort, { maxLength: 2 }),
    initContainers,
    account,
  })
  .map(
    ({
      namespace,
      name,
      incarnation,
      labels,
      nodeName,
      hostNetwork,
      phase,
      ips,
      ports,
      initContainers,
      account,
    }): Thing => {
      const uid = `${namespace}-${name}-${incarnation}`;
      return {
        kind: 'pod',
        object: {
          metadata: { namespace, name, uid, ...(labels === undefined ? {} : { labels }) },
          spec: {
            hostNetwork,
            containers: [{ name: 'main', ports }],
            ...(initContainers.length === 0 ? {} : { initContainers }),
            ...(nodeName === undefined ? {} : { nodeName }),
            ...account,
          },
          status: { phase, podIPs: ips.map((ip) => ({ ip })) },
        },
      };
    },
  );

const namespaceThing = fc
  .record({ name: namespace, team: fc.option(fc.constantFrom('x', 'y'), { nil: undefined }) })
  .map(({ name, team }): Thing => {
    const labels = { 'kubernetes.io/metadata.name': name, ...(team === undefined ? {} : { team }) };
    return { kind: 'namespace', object: { metadata: { name, labels } } };
  });

/** One has an address of a range that policies name; and a name, which is no address. */
const node = fc
  .record({ name: fc.constantFrom('n1', 'n2'), labels: fc.constantFrom({ disk: 'ssd' }, { disk: 'hdd' }, {}) })
  .map(({ name, labels }): Thing => {
    const addresses = [
      { type: 'InternalIP', address: name === 'n1' ? '192.0.2.200' : '2001:DB8::0:1' },
      { type: 'Hostname', address: name },
    ];
    return { kind: 'node', object: { metadata: { name, labels }, status: { addresses } } };
  });

const lease = fc
  .record({ namespace, name: fc.constantFrom('p1', 'p2', 'p3'), incarnation: fc.constantFrom('a', 'b'), addresses })
  .map(({ namespace, name, incarnation, addresses }): Thing => {
    return { kind: 'lease', podUid: `${namespace}-${name}-${incarnation}`, addresses };
  });

/** Small on purpose: what collides is what goes wrong. */
export const policyWorld: fc.Arbitrary<PolicyWorld> = fc
  .tuple(
    fc.array(pod, { minLength: 1, maxLength: 7 }),
    fc.array(namespaceThing, { maxLength: 4 }),
    fc.array(kubernetesPolicy, { maxLength: 4 }),
    fc.array(weftPolicy, { maxLength: 4 }),
    fc.array(lease, { maxLength: 2 }),
    fc.array(clusterPolicy, { maxLength: 4 }),
    fc.array(node, { maxLength: 2 }),
    fc.array(service, { maxLength: 3 }),
  )
  .map((groups) => worldOf(groups.flat()));
