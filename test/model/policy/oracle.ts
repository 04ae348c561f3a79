import type {
  ClusterPolicyPeer,
  ClusterPolicyPods,
  ClusterPolicyProtocol,
} from '../../../src/api/cluster-network-policy.ts';
import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from '../../../src/api/generated/networkpolicy.ts';
import type {
  KubernetesNetworkPolicy,
  KubernetesPolicyPeer,
  KubernetesPolicyPort,
  LabelSelector,
  Pod,
} from '../../../src/api/kubernetes.ts';
import { type PolicyWorld, type Thing, thingsOf } from './policy-world.ts';

/**
 * What the specifications say, read off sentence by sentence and without regard to speed: the documentation of
 * networking.k8s.io/v1 NetworkPolicy, of weft.dev NetworkPolicy, and of policy.networking.k8s.io/v1alpha2
 * ClusterNetworkPolicy. Shares no code with what it judges.
 */
export interface Packet {
  readonly direction: 'ingress' | 'egress';
  /** Address of the far end, in one of its forms. */
  readonly peer: string;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP' | 'ICMP' | 'ICMPv6';
  /** Destination port; of ICMP the type, whose code is 0. */
  readonly port: number;
}

export type Verdict = 'allow' | 'deny' | 'reject';

/** Who the far end may be: a pod that has the address, or just the address. */
interface FarEnd {
  readonly address: string;
  readonly pod?: Pod;
}

/** "All ingress and egress of pods on their own network": others are not selected, neither as subject nor as peer. */
export function onPodNetwork(pod: Pod): boolean {
  const phase = pod.status?.phase;
  return pod.spec.hostNetwork !== true && phase !== 'Succeeded' && phase !== 'Failed';
}

export function addressesOf(world: PolicyWorld, pod: Pod): string[] {
  const lease = thingsOf(world, 'lease').find(({ podUid }) => podUid === pod.metadata.uid);
  if (lease !== undefined) return [...lease.addresses];
  return (pod.status?.podIPs ?? []).map(({ ip }) => ip);
}

export function oracle(world: PolicyWorld, subject: Pod, packet: Packet): Verdict {
  return decide(world, subject, packet).verdict;
}

interface Decided {
  readonly verdict: Verdict;
  /** The policy whose rule it was; absent: none, or not to be told from others. */
  readonly by?: string;
}

function decide(world: PolicyWorld, subject: Pod, packet: Packet): Decided {
  const farEnds: FarEnd[] = [{ address: packet.peer }];
  for (const { object: pod } of thingsOf(world, 'pod')) {
    if (onPodNetwork(pod) && addressesOf(world, pod).includes(packet.peer)) farEnds.push({ address: packet.peer, pod });
  }
  // "Policy tiers are evaluated in the following order: Admin tier, NetworkPolicy tier, Baseline tier".
  return (
    clusterTier(world, 'Admin', subject, packet, farEnds) ??
    namespacedTier(world, subject, packet, farEnds) ??
    clusterTier(world, 'Baseline', subject, packet, farEnds) ?? { verdict: 'allow' }
  );
}

/**
 * What is counted of policies on trial: what they would decide if they were enforced. Undefined: nothing. "Where they
 * alone isolate a pod, what no rule allows is put down to the first of them."
 */
export function trial(world: PolicyWorld, subject: Pod, packet: Packet): string | undefined {
  const all = thingsOf(world, 'policy').map(({ object }) => object);
  const enforcing: PolicyWorld = new Map(
    [...world].map(([key, thing]): [string, Thing] => {
      if (thing.kind !== 'policy') return [key, thing];
      return [key, { ...thing, object: { ...thing.object, spec: { ...thing.object.spec, mode: 'Enforce' } } }];
    }),
  );
  const nameOf = ({ metadata }: NetworkPolicy) => `NetworkPolicy ${metadata.namespace}/${metadata.name}`;
  const onTrial = weftOf(enforcing, subject, packet.direction)
    .map(nameOf)
    .filter((name) => all.some((policy) => nameOf(policy) === name && policy.spec.mode === 'Audit'));
  const [first] = onTrial;
  if (first === undefined) return undefined;
  const { verdict, by } = decide(enforcing, subject, packet);
  if (by !== undefined) return onTrial.includes(by) ? `${verdict} by ${by}` : undefined;
  if (verdict !== 'deny') return undefined;
  const isIsolated =
    weftOf(world, subject, packet.direction).length + kubernetesOf(world, subject, packet.direction).length > 0;
  return isIsolated ? undefined : `deny by ${first}`;
}

/** Undefined: nothing is decided. Of equal priority the first by name counts: "the implementation can apply any". */
function clusterTier(
  world: PolicyWorld,
  tier: string,
  subject: Pod,
  packet: Packet,
  farEnds: readonly FarEnd[],
): Decided | undefined {
  const policies = thingsOf(world, 'clusterPolicy')
    .map(({ object }) => object)
    .filter(({ spec }) => spec.tier === tier && clusterPodsMatch(world, spec.subject, subject))
    .sort((a, b) => a.spec.priority - b.spec.priority || (a.metadata.name < b.metadata.name ? -1 : 1));
  for (const { metadata, spec } of policies) {
    const by = `ClusterNetworkPolicy ${metadata.name}`;
    const rules: readonly ClusterRule[] =
      packet.direction === 'ingress'
        ? (spec.ingress ?? []).map((rule) => ({ ...rule, peers: rule.from }))
        : (spec.egress ?? []).map((rule) => ({ ...rule, peers: rule.to }));
    for (const { action, peers, protocols } of rules) {
      const isUnknown =
        peers.some((peer) => Object.keys(peer).length === 0 || peer.domainNames !== undefined) ||
        protocols?.some((of) => Object.keys(of).length === 0) === true;
      // "For Accept rules: treat the rule as matching no traffic. For Deny and Pass: treat it as a Deny all rule."
      if (isUnknown && action === 'Accept') continue;
      if (isUnknown) return { verdict: 'deny', by };
      const matches = farEnds.some(
        (farEnd) =>
          peers.some((peer) => clusterPeerMatches(world, peer, farEnd)) &&
          (protocols === undefined || protocols.some((of) => clusterProtocolMatches(subject, of, packet, farEnd))),
      );
      if (!matches) continue;
      if (action === 'Pass') return undefined;
      return { verdict: action === 'Accept' ? 'allow' : 'deny', by };
    }
  }
  return undefined;
}

interface ClusterRule {
  readonly action: 'Accept' | 'Deny' | 'Pass';
  readonly peers: readonly ClusterPolicyPeer[];
  readonly protocols?: readonly ClusterPolicyProtocol[];
}

function clusterPodsMatch(world: PolicyWorld, { namespaces, pods }: ClusterPolicyPods, pod: Pod): boolean {
  const own = namespaceLabels(world, pod.metadata.namespace ?? '');
  if (namespaces !== undefined) return labelsMatch(namespaces, own);
  if (pods === undefined) return false;
  return labelsMatch(pods.namespaceSelector, own) && labelsMatch(pods.podSelector, pod.metadata.labels ?? {});
}

function clusterPeerMatches(world: PolicyWorld, peer: ClusterPolicyPeer, { address, pod }: FarEnd): boolean {
  if (peer.networks !== undefined) return peer.networks.some((cidr) => contains(cidr, address));
  if (peer.nodes !== undefined) {
    const { nodes } = peer;
    // "by matching on the IPs present in the node.Status.Addresses field"
    return thingsOf(world, 'node').some(
      ({ object: { metadata, status } }) =>
        labelsMatch(nodes, metadata.labels ?? {}) &&
        (status?.addresses ?? []).some(({ type, address: of }) => type !== 'Hostname' && bits(of) === bits(address)),
    );
  }
  return pod !== undefined && clusterPodsMatch(world, peer, pod);
}

function clusterProtocolMatches(
  subject: Pod,
  { tcp, udp, sctp, destinationNamedPort }: ClusterPolicyProtocol,
  packet: Packet,
  farEnd: FarEnd,
): boolean {
  if (destinationNamedPort !== undefined) {
    const destination = packet.direction === 'ingress' ? subject : farEnd.pod;
    return destination !== undefined && namedPort(destination, destinationNamedPort, packet.protocol) === packet.port;
  }
  const all: Readonly<Record<string, typeof tcp>> = { TCP: tcp, UDP: udp, SCTP: sctp };
  const { destinationPort } = all[packet.protocol] ?? {};
  if (destinationPort === undefined) return false;
  const { number, range } = destinationPort;
  if (number !== undefined) return number === packet.port;
  return range !== undefined && packet.port >= range.start && packet.port <= range.end;
}

function applies(subject: Pod, namespace: string | undefined, selector: LabelSelector | undefined): boolean {
  return namespace === subject.metadata.namespace && labelsMatch(selector ?? {}, subject.metadata.labels ?? {});
}

/** Those in force. */
function weftOf(world: PolicyWorld, subject: Pod, direction: Packet['direction']): NetworkPolicy[] {
  return thingsOf(world, 'policy')
    .map(({ object }) => object)
    .filter(({ spec }) => spec.mode !== 'Audit' && spec[direction] !== undefined)
    .filter(({ metadata, spec }) => applies(subject, metadata.namespace, spec.podSelector))
    .sort(
      (a, b) => (a.spec.priority ?? 500) - (b.spec.priority ?? 500) || (a.metadata.name < b.metadata.name ? -1 : 1),
    );
}

function kubernetesOf(world: PolicyWorld, subject: Pod, direction: Packet['direction']): KubernetesNetworkPolicy[] {
  return thingsOf(world, 'kubernetesPolicy')
    .map(({ object }) => object)
    .filter((policy) => isolates(policy, direction))
    .filter(({ metadata, spec }) => applies(subject, metadata.namespace, spec.podSelector));
}

function namespacedTier(
  world: PolicyWorld,
  subject: Pod,
  packet: Packet,
  farEnds: readonly FarEnd[],
): Decided | undefined {
  const { direction } = packet;
  const [weft, kubernetes] = [weftOf(world, subject, direction), kubernetesOf(world, subject, direction)];
  if (weft.length + kubernetes.length === 0) return undefined;

  // No pod of these worlds has a proxy: "an Allow with http matches nothing, and a Deny every connection", of TCP.
  const concerns = ({ action, isHttp = false }: { readonly action?: string; readonly isHttp?: boolean }) =>
    !isHttp || (action === 'Deny' && packet.protocol === 'TCP');
  const matches = ({ peers, ports, ...rule }: Rule) =>
    concerns(rule) &&
    farEnds.some(
      (farEnd) =>
        (peers.length === 0 || peers.some((peer) => peerMatches(world, subject, peer, farEnd))) &&
        (ports.length === 0 || ports.some((port) => portMatches(subject, port, packet, farEnd))),
    );
  const all = weft.flatMap((policy) => weftRules(policy, direction).map((rule) => ({ ...rule, policy })));
  // "Log goes on with the next rule."
  const first = all.filter(({ action }) => action !== 'Log').find(matches);
  const by = `NetworkPolicy ${first?.policy.metadata.namespace}/${first?.policy.metadata.name}`;
  if (first?.action === 'Allow') return { verdict: 'allow', by };
  if (first?.action === 'Deny') return { verdict: 'deny', by };
  if (first?.action === 'Reject') return { verdict: 'reject', by };
  for (const policy of kubernetes) {
    const { namespace, name } = policy.metadata;
    const allows = kubernetesRules(policy, direction).some(matches);
    if (allows) return { verdict: 'allow', by: `KubernetesNetworkPolicy ${namespace}/${name}` };
  }
  // "Pass skips all other NetworkPolicies of weft.dev": their isolation too.
  return first?.action === 'Pass' && kubernetes.length === 0 ? undefined : { verdict: 'deny' };
}

/** "If no policyTypes are specified then by default Ingress will always be set and Egress if it has any egress rules." */
function isolates({ spec }: KubernetesNetworkPolicy, direction: Packet['direction']): boolean {
  const types = spec.policyTypes ?? [];
  if (types.length > 0) return types.includes(direction === 'ingress' ? 'Ingress' : 'Egress');
  return direction === 'ingress' || (spec.egress ?? []).length > 0;
}

/** "If this field is empty or missing, this rule matches all"; else the traffic must match at least one of the list. */
interface Rule {
  readonly peers: readonly (KubernetesPolicyPeer | NetworkPolicyPeer)[];
  readonly ports: readonly (KubernetesPolicyPort | NetworkPolicyPort)[];
}

function kubernetesRules({ spec }: KubernetesNetworkPolicy, direction: Packet['direction']): Rule[] {
  if (direction === 'ingress') return (spec.ingress ?? []).map(({ from = [], ports = [] }) => ({ peers: from, ports }));
  return (spec.egress ?? []).map(({ to = [], ports = [] }) => ({ peers: to, ports }));
}

function weftRules({ spec }: NetworkPolicy, direction: Packet['direction']): (Rule & { readonly action: string })[] {
  if (direction === 'ingress') {
    return (spec.ingress ?? []).map(({ action, from = [], ports = [], http }) => {
      return { action, peers: from, ports, isHttp: http !== undefined };
    });
  }
  return (spec.egress ?? []).map(({ action, to = [], ports = [] }) => ({ action, peers: to, ports }));
}

function peerMatches(world: PolicyWorld, subject: Pod, peer: Rule['peers'][number], { address, pod }: FarEnd): boolean {
  if (peer.ipBlock !== undefined) {
    const { cidr, except = [] } = peer.ipBlock;
    return contains(cidr, address) && !except.some((hole) => contains(hole, address));
  }
  if (pod === undefined) return false;
  const namespace = pod.metadata.namespace ?? '';
  if ('service' in peer && peer.service !== undefined) {
    // "The pods that a Service selects": of its own namespace, by labels that must all be there; none without selector.
    const { name, namespace: of = subject.metadata.namespace } = peer.service;
    const named = thingsOf(world, 'service').find(
      ({ object: { metadata } }) => metadata.name === name && metadata.namespace === of,
    );
    const selector = named?.object.spec.selector;
    if (selector === undefined || namespace !== of) return false;
    return labelsMatch({ matchLabels: selector }, pod.metadata.labels ?? {});
  }
  if ('serviceAccount' in peer && peer.serviceAccount !== undefined) {
    if ((pod.spec.serviceAccountName ?? 'default') !== peer.serviceAccount.name) return false;
  }
  const inScope =
    peer.namespaceSelector === undefined
      ? namespace === subject.metadata.namespace
      : labelsMatch(peer.namespaceSelector, namespaceLabels(world, namespace));
  return inScope && labelsMatch(peer.podSelector ?? {}, pod.metadata.labels ?? {});
}

function portMatches(subject: Pod, spec: Rule['ports'][number], packet: Packet, farEnd: FarEnd): boolean {
  if ((spec.protocol ?? 'TCP') !== packet.protocol) return false;
  if ('icmp' in spec && spec.icmp !== undefined) {
    return spec.icmp.type === packet.port && (spec.icmp.code ?? 0) === 0;
  }
  if (spec.port === undefined) return true;
  if (typeof spec.port === 'string') {
    const destination = packet.direction === 'ingress' ? subject : farEnd.pod;
    return destination !== undefined && namedPort(destination, spec.port, packet.protocol) === packet.port;
  }
  return packet.port >= spec.port && packet.port <= (spec.endPort ?? spec.port);
}

/** An init container has no ports to be called by, unless it is a sidecar: one that stays. */
function namedPort(pod: Pod, name: string, protocol: string): number | undefined {
  const sidecars = (pod.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  const all = [...pod.spec.containers, ...sidecars].flatMap(({ ports = [] }) => ports);
  return all.find((port) => port.name === name && (port.protocol ?? 'TCP') === protocol)?.containerPort;
}

/** A namespace always has the label of its own name. */
function namespaceLabels(world: PolicyWorld, name: string): Readonly<Record<string, string>> {
  const known = thingsOf(world, 'namespace').find(({ object }) => object.metadata.name === name);
  return known?.object.metadata.labels ?? { 'kubernetes.io/metadata.name': name };
}

function labelsMatch(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) if (labels[key] !== value) return false;
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    const value = labels[key];
    if (operator === 'Exists' && value === undefined) return false;
    if (operator === 'DoesNotExist' && value !== undefined) return false;
    if (operator === 'In' && (value === undefined || !values.includes(value))) return false;
    if (operator === 'NotIn' && value !== undefined && values.includes(value)) return false;
  }
  return true;
}

function contains(cidr: string, address: string): boolean {
  const [base = '', length = ''] = cidr.split('/');
  if (base.includes(':') !== address.includes(':')) return false;
  return bits(base).slice(0, Number(length)) === bits(address).slice(0, Number(length));
}

function bits(address: string): string {
  if (address.includes(':')) return bits6(address);
  return address
    .split('.')
    .map((octet) => Number(octet).toString(2).padStart(8, '0'))
    .join('');
}

/** Text of a double colon is as many zeros as are missing. */
function bits6(address: string): string {
  const binary = (part: string) =>
    part
      .split(':')
      .filter((group) => group !== '')
      .map((group) => Number.parseInt(group, 16).toString(2).padStart(16, '0'))
      .join('');
  const [head = '', tail = ''] = address.split('::').map(binary);
  return head + tail.padStart(128 - head.length, '0');
}
