import fc from 'fast-check';
import type { ClusterPolicyPods, ClusterPolicyProtocol } from '../../../src/api/cluster-network-policy.ts';
import type { NetworkPolicyPeer } from '../../../src/api/generated/networkpolicy.ts';
import type {
  ContainerPort,
  KubernetesPolicyPeer,
  KubernetesPolicyPort,
  LabelSelector,
  LabelSelectorRequirement,
} from '../../../src/api/kubernetes.ts';
import type { Thing } from './policy-world.ts';

const NAMESPACES = ['blue', 'green', 'red'];
export const namespace = fc.constantFrom(...NAMESPACES);

export const labels = fc.record(
  { app: fc.constantFrom('web', 'api', 'db'), tier: fc.constantFrom('front', 'back'), canary: fc.constant('') },
  { requiredKeys: [] },
);

/** Of a pod; none is `default`. */
export const account = fc.constantFrom({}, { serviceAccountName: 'runner' });

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

export type IpBlock = NonNullable<KubernetesPolicyPeer['ipBlock']>;

const numberedPort = fc.oneof(
  fc.record({ protocol: fc.constantFrom('TCP' as const, 'UDP' as const, 'SCTP' as const) }),
  fc.record({ port: fc.constantFrom(53, 80, 8080) }),
  fc.record({ protocol: fc.constant('UDP' as const), port: fc.constant(53) }),
  fc.record({ port: fc.constant(79), endPort: fc.constantFrom(80, 8080) }),
);

const icmp = fc.oneof(
  fc.constant({ protocol: 'ICMP' as const }),
  fc.record({ protocol: fc.constant('ICMP' as const), icmp: fc.record({ type: fc.constantFrom(8, 13) }) }),
  fc.record({
    protocol: fc.constantFrom('ICMP' as const, 'ICMPv6' as const),
    icmp: fc.record({ type: fc.constantFrom(8, 128), code: fc.constantFrom(0, 1) }),
  }),
);

const port: fc.Arbitrary<KubernetesPolicyPort> = fc.oneof(
  numberedPort,
  fc.record({ port: fc.constantFrom('http', 'metrics') }),
  fc.record({ protocol: fc.constant('UDP' as const), port: fc.constant('dns') }),
);

const CONTAINER_PORTS: ContainerPort[] = [
  { name: 'http', containerPort: 80 },
  { name: 'http', containerPort: 8080 },
  { name: 'metrics', containerPort: 8080 },
  { name: 'dns', containerPort: 53, protocol: 'UDP' },
  { containerPort: 5432 },
];
export const containerPort = fc.constantFrom(...CONTAINER_PORTS);

const clusterPods: fc.Arbitrary<ClusterPolicyPods> = fc.oneof(
  fc.record({ namespaces: namespaceSelector }),
  fc.record({ pods: fc.record({ namespaceSelector, podSelector }) }),
);

const destination = fc.oneof(
  fc.record({ number: fc.constantFrom(53, 80, 8080) }),
  fc.constant({ range: { start: 79, end: 8080 } }),
);
const knownProtocol: fc.Arbitrary<ClusterPolicyProtocol> = fc.oneof(
  fc.record({ tcp: fc.record({ destinationPort: destination }) }),
  fc.record({ udp: fc.record({ destinationPort: destination }) }),
  fc.record({ sctp: fc.record({ destinationPort: destination }) }),
  fc.record({ destinationNamedPort: fc.constantFrom('http', 'metrics', 'dns') }),
);
const protocol = fc.oneof(
  { weight: 9, arbitrary: knownProtocol },
  // Of a definition that is newer than this.
  { weight: 1, arbitrary: fc.constant<ClusterPolicyProtocol>({}) },
);

function clusterPolicyOf(cidrs: readonly string[]) {
  const anywhere = fc.oneof(
    { weight: 4, arbitrary: clusterPods },
    { weight: 2, arbitrary: fc.record({ nodes: fc.constantFrom({}, { matchLabels: { disk: 'ssd' } }) }) },
    { weight: 3, arbitrary: fc.record({ networks: fc.subarray([...cidrs], { minLength: 1, maxLength: 2 }) }) },
    { weight: 1, arbitrary: fc.constant({ domainNames: ['example.com'] }) },
  );
  const action = fc.constantFrom('Accept' as const, 'Deny' as const, 'Pass' as const);
  const protocols = fc.array(protocol, { minLength: 1, maxLength: 2 });
  const required: { requiredKeys: ['action', 'from'] } = { requiredKeys: ['action', 'from'] };
  const from = fc.array(clusterPods, { minLength: 1, maxLength: 2 });
  const to = fc.array(anywhere, { minLength: 1, maxLength: 2 });
  return fc
    .record({
      name: fc.constantFrom('c1', 'c2', 'c3', 'c4'),
      spec: fc.record({
        tier: fc.constantFrom('Admin' as const, 'Baseline' as const),
        priority: fc.constantFrom(0, 10, 1000),
        subject: clusterPods,
        ingress: fc.array(fc.record({ action, from, protocols }, required), { maxLength: 3 }),
        egress: fc.array(fc.record({ action, to, protocols }, { requiredKeys: ['action', 'to'] }), { maxLength: 3 }),
      }),
    })
    .map(({ name, spec }): Thing => ({ kind: 'clusterPolicy', object: { metadata: { name }, spec } }));
}

const selected = fc.record({ app: fc.constantFrom('web', 'api') });
export const service = fc
  .record({ namespace, name: fc.constantFrom('s1', 's2'), selector: fc.option(selected, { nil: undefined, freq: 4 }) })
  .map(({ namespace, name, selector }): Thing => {
    const spec = { clusterIP: 'None', ...(selector === undefined ? {} : { selector }) };
    return { kind: 'service', object: { metadata: { namespace, name }, spec } };
  });

const serviceAccount = fc.constantFrom({ name: 'runner' }, { name: 'default' });
const namedService = fc.record({ name: fc.constantFrom('s1', 's2'), namespace }, { requiredKeys: ['name'] });

/** Policies of each kind, whose blocks are among `blocks`. */
export function policies(blocks: readonly IpBlock[]) {
  const ipBlock = fc.constantFrom(...blocks);
  const peer: fc.Arbitrary<KubernetesPolicyPeer> = fc.oneof(
    fc.record({ podSelector }),
    fc.record({ namespaceSelector }),
    fc.record({ podSelector, namespaceSelector }),
    fc.record({ ipBlock }),
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

  const weftPeer: fc.Arbitrary<NetworkPolicyPeer> = fc.oneof(
    { weight: 5, arbitrary: peer },
    { weight: 1, arbitrary: fc.record({ serviceAccount }) },
    { weight: 1, arbitrary: fc.record({ serviceAccount, namespaceSelector, podSelector }) },
    { weight: 2, arbitrary: fc.record({ service: namedService }) },
  );
  const weftPeers = fc.array(weftPeer, { maxLength: 2 });
  const action = fc.constantFrom('Allow' as const, 'Deny' as const, 'Reject' as const, 'Pass' as const, 'Log' as const);
  const weftPort = fc.oneof({ weight: 3, arbitrary: numberedPort }, { weight: 1, arbitrary: icmp });
  const weftPorts = fc.array(weftPort, { maxLength: 2 });
  const ingressRule = fc.oneof(
    { weight: 5, arbitrary: fc.record({ action, from: weftPeers, ports: weftPorts }, { requiredKeys: ['action'] }) },
    {
      weight: 1,
      arbitrary: fc.record(
        {
          action: fc.constantFrom('Allow' as const, 'Deny' as const),
          from: weftPeers,
          ports: fc.array(numberedPort, { maxLength: 1 }),
          http: fc.constantFrom([{ methods: ['GET'] }], [{ paths: [{ prefix: '/' }] }]),
        },
        { requiredKeys: ['action', 'http'] },
      ),
    },
  );
  const onlyAction: { requiredKeys: ['action'] } = { requiredKeys: ['action'] };

  const weftPolicy = fc
    .record({
      namespace,
      name: fc.constantFrom('w1', 'w2', 'w3'),
      spec: fc.record(
        {
          priority: fc.constantFrom(0, 500, 1000),
          mode: fc.constantFrom('Enforce' as const, 'Enforce' as const, 'Audit' as const),
          connections: fc.constantFrom({ ingress: { max: 1000, newPerSecond: 1000 } }, { egress: { max: 1000 } }),
          bandwidth: fc.constantFrom({ ingress: '1G', egress: '2G' }, { egress: '500M' }),
          establishedConnections: fc.constantFrom('Reevaluate' as const, 'Keep' as const),
          podSelector,
          ingress: fc.array(ingressRule, { maxLength: 3 }),
          egress: fc.array(fc.record({ action, to: weftPeers, ports: weftPorts }, onlyAction), { maxLength: 3 }),
        },
        optional,
      ),
    })
    .map(({ namespace, name, spec }): Thing => ({ kind: 'policy', object: { metadata: { namespace, name }, spec } }));
  return { kubernetesPolicy, weftPolicy, clusterPolicy: clusterPolicyOf(blocks.map(({ cidr }) => cidr)) };
}
