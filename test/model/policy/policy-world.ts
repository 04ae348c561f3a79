import fc from 'fast-check';
import type { NetworkPolicy } from '../../../src/api/generated/networkpolicy.ts';
import type {
  ContainerPort,
  KubernetesNetworkPolicy,
  KubernetesPolicyPeer,
  KubernetesPolicyPort,
  LabelSelector,
  LabelSelectorRequirement,
  Namespace,
  Pod,
} from '../../../src/api/kubernetes.ts';
import type { PolicyChange } from '../../../src/model/policy/change.ts';
import type { WorldState, WorldStep } from '../../support/worlds.ts';

/** One thing of a world of policies. A lease's key in the world is its pod's uid. */
export type Thing =
  | { readonly kind: 'pod'; readonly object: Pod }
  | { readonly kind: 'namespace'; readonly object: Namespace }
  | { readonly kind: 'kubernetesPolicy'; readonly object: KubernetesNetworkPolicy }
  | { readonly kind: 'policy'; readonly object: NetworkPolicy }
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
  const leases = new Map<string, readonly string[] | undefined>();
  for (const [, thing] of upserts) {
    if (thing.kind === 'pod') pods.push(thing.object);
    else if (thing.kind === 'namespace') namespaces.push(thing.object);
    else if (thing.kind === 'kubernetesPolicy') kubernetesPolicies.push(thing.object);
    else if (thing.kind === 'policy') policies.push(thing.object);
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
    leases,
  };
}

const NAMESPACES = ['blue', 'green', 'red'];
const namespace = fc.constantFrom(...NAMESPACES);

const labels = fc.record(
  { app: fc.constantFrom('web', 'api', 'db'), tier: fc.constantFrom('front', 'back'), canary: fc.constant('') },
  { requiredKeys: [] },
);

const requirement: fc.Arbitrary<LabelSelectorRequirement> = fc.oneof(
  fc.record({
    key: fc.constantFrom('app', 'tier', 'team'),
    operator: fc.constantFrom('In' as const, 'NotIn' as const),
    values: fc.uniqueArray(fc.constantFrom('web', 'api', 'front', 'x', 'y'), { minLength: 1, maxLength: 2 }),
  }),
  fc.record({
    key: fc.constantFrom('app', 'canary', 'team'),
    operator: fc.constantFrom('Exists' as const, 'DoesNotExist' as const),
  }),
);

const podSelector: fc.Arbitrary<LabelSelector> = fc.record(
  { matchLabels: labels, matchExpressions: fc.array(requirement, { maxLength: 1 }) },
  { requiredKeys: [] },
);

const namespaceSelector: fc.Arbitrary<LabelSelector> = fc.oneof(
  fc.constant({}),
  namespace.map((name) => ({ matchLabels: { 'kubernetes.io/metadata.name': name } })),
  fc.constantFrom('x', 'y').map((team) => ({ matchLabels: { team } })),
  requirement.map((one) => ({ matchExpressions: [one] })),
);

const BLOCKS: NonNullable<KubernetesPolicyPeer['ipBlock']>[] = [
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
const ipBlock = fc.constantFrom(...BLOCKS);

const peer: fc.Arbitrary<KubernetesPolicyPeer> = fc.oneof(
  fc.record({ podSelector }),
  fc.record({ namespaceSelector }),
  fc.record({ podSelector, namespaceSelector }),
  fc.record({ ipBlock }),
);

const numberedPort = fc.oneof(
  fc.record({ protocol: fc.constantFrom('TCP' as const, 'UDP' as const, 'SCTP' as const) }),
  fc.record({ port: fc.constantFrom(53, 80, 8080) }),
  fc.record({ protocol: fc.constant('UDP' as const), port: fc.constant(53) }),
  fc.record({ port: fc.constant(79), endPort: fc.constantFrom(80, 8080) }),
);

const port: fc.Arbitrary<KubernetesPolicyPort> = fc.oneof(
  numberedPort,
  fc.record({ port: fc.constantFrom('http', 'metrics') }),
  fc.record({ protocol: fc.constant('UDP' as const), port: fc.constant('dns') }),
);

const peers = fc.array(peer, { maxLength: 2 });
const ports = fc.array(port, { maxLength: 2 });
const optional: { requiredKeys: [] } = { requiredKeys: [] };

const kubernetesPolicy = fc
  .record({
    namespace,
    name: fc.constantFrom('k1', 'k2', 'k3'),
    spec: fc.record(
      {
        podSelector,
        policyTypes: fc.subarray<'Ingress' | 'Egress'>(['Ingress', 'Egress']),
        ingress: fc.array(fc.record({ from: peers, ports }, optional), { maxLength: 2 }),
        egress: fc.array(fc.record({ to: peers, ports }, optional), { maxLength: 2 }),
      },
      optional,
    ),
  })
  .map(({ namespace, name, spec }): Thing => {
    return { kind: 'kubernetesPolicy', object: { metadata: { namespace, name }, spec } };
  });

const action = fc.constantFrom('Allow' as const, 'Deny' as const);
const numberedPorts = fc.array(numberedPort, { maxLength: 2 });
const onlyAction: { requiredKeys: ['action'] } = { requiredKeys: ['action'] };

const weftPolicy = fc
  .record({
    namespace,
    name: fc.constantFrom('w1', 'w2', 'w3'),
    spec: fc.record(
      {
        priority: fc.constantFrom(0, 500, 1000),
        podSelector,
        ingress: fc.array(fc.record({ action, from: peers, ports: numberedPorts }, onlyAction), { maxLength: 3 }),
        egress: fc.array(fc.record({ action, to: peers, ports: numberedPorts }, onlyAction), { maxLength: 3 }),
      },
      optional,
    ),
  })
  .map(({ namespace, name, spec }): Thing => ({ kind: 'policy', object: { metadata: { namespace, name }, spec } }));

const CONTAINER_PORTS: ContainerPort[] = [
  { name: 'http', containerPort: 80 },
  { name: 'http', containerPort: 8080 },
  { name: 'metrics', containerPort: 8080 },
  { name: 'dns', containerPort: 53, protocol: 'UDP' },
  { containerPort: 5432 },
];
const containerPort = fc.constantFrom(...CONTAINER_PORTS);

const address = fc.integer({ min: 1, max: 9 }).map((host) => `10.0.0.${host}`);
const address6 = fc.integer({ min: 1, max: 9 }).map((host) => `fd00::${host}`);
/** Mostly of both families, as nodes lease them; also of one. */
const addresses = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(address, address6) },
  { weight: 2, arbitrary: address.map((ip) => [ip]) },
  { weight: 1, arbitrary: address6.map((ip) => [ip]) },
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
  })
  .map(({ namespace, name, incarnation, labels, nodeName, hostNetwork, phase, ips, ports }): Thing => {
    const uid = `${namespace}-${name}-${incarnation}`;
    return {
      kind: 'pod',
      object: {
        metadata: { namespace, name, uid, ...(labels === undefined ? {} : { labels }) },
        spec: { hostNetwork, containers: [{ name: 'main', ports }], ...(nodeName === undefined ? {} : { nodeName }) },
        status: { phase, podIPs: ips.map((ip) => ({ ip })) },
      },
    };
  });

const namespaceThing = fc
  .record({ name: namespace, team: fc.option(fc.constantFrom('x', 'y'), { nil: undefined }) })
  .map(({ name, team }): Thing => {
    const labels = { 'kubernetes.io/metadata.name': name, ...(team === undefined ? {} : { team }) };
    return { kind: 'namespace', object: { metadata: { name, labels } } };
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
  )
  .map((groups) => worldOf(groups.flat()));
