import type {
  ClusterNetworkPolicy,
  ClusterPolicyPeer,
  ClusterPolicyPods,
  ClusterPolicyProtocol,
  ClusterPolicyRule,
} from '../../api/cluster-network-policy.ts';
import { REASON } from '../../api/reasons.ts';
import { parseLooseCidr } from '../../lib/ip.ts';
import type { Problem, Translation } from '../problem.ts';
import { coalesceCidrs, formatCidrs } from './cidr-sets.ts';
import type { PeerForm } from './peers.ts';
import type { Direction, PolicyForm, RuleForm } from './policy-form.ts';
import { PROTOCOLS, type PortForm } from './ports.ts';
import type { PodSelector } from './selector-index.ts';
import { NODES } from './synthetic.ts';

export function clusterOrigin(name: string): string {
  return `ClusterNetworkPolicy ${name}`;
}

const ACTIONS = { Accept: 'allow', Deny: 'deny', Pass: 'pass' } as const;

/** policy.networking.k8s.io: a direction without rules is not spoken of. */
export function translateClusterPolicy({ metadata, spec }: ClusterNetworkPolicy): Translation<PolicyForm> {
  const { tier, priority, subject, ingress = [], egress = [] } = spec;
  const problems: Problem[] = [];
  const pods = podsOf(subject);
  if (pods === undefined) {
    problems.push(unsupported('spec.subject', 'must have namespaces or pods', 'the policy selects no pod'));
  }
  const rulesOf = (
    direction: Direction,
    rules: readonly (readonly [ClusterPolicyRule, readonly ClusterPolicyPeer[]])[],
  ) =>
    rules.map(([rule, peers], at) =>
      translateRule(rule, peers, { path: `spec.${direction}[${at}]`, direction }, problems),
    );
  const value: PolicyForm = {
    origin: clusterOrigin(metadata.name),
    tier: tier === 'Admin' ? 'admin' : 'baseline',
    rank: priority,
    subject: pods ?? NOBODY,
    ...(ingress.length === 0
      ? {}
      : {
          ingress: rulesOf(
            'ingress',
            ingress.map((rule) => [rule, rule.from]),
          ),
        }),
    ...(egress.length === 0
      ? {}
      : {
          egress: rulesOf(
            'egress',
            egress.map((rule) => [rule, rule.to]),
          ),
        }),
  };
  return { value, problems };
}

/**
 * A rule with something that is not understood fails closed, as the API demands: Accept matches nothing, Deny and
 * Pass become a Deny of everything.
 */
function translateRule(
  { action, protocols }: ClusterPolicyRule,
  peers: readonly ClusterPolicyPeer[],
  { path, direction }: { readonly path: string; readonly direction: Direction },
  problems: Problem[],
): RuleForm {
  const consequence = action === 'Accept' ? 'the rule matches nothing' : 'the rule denies everything';
  const known = problems.length;
  const forms = peers.flatMap((peer, at) => {
    const form = translatePeer(peer);
    if (typeof form !== 'string') return [form];
    problems.push(unsupported(`${path}.${direction === 'ingress' ? 'from' : 'to'}[${at}]`, form, consequence));
    return [];
  });
  const ports = protocols?.flatMap((protocol, at) => {
    const translated = translateProtocol(protocol);
    if (typeof translated !== 'string') return translated;
    problems.push(unsupported(`${path}.protocols[${at}]`, translated, consequence));
    return [];
  });
  if (problems.length === known) return { action: ACTIONS[action], peers: forms, ports: ports ?? 'any' };
  return action === 'Accept'
    ? { action: 'allow', peers: [], ports: 'any' }
    : { action: 'deny', peers: 'any', ports: 'any' };
}

/** Text: why there is none. */
function translatePeer(peer: ClusterPolicyPeer): PeerForm | string {
  const pods = podsOf(peer);
  if (pods !== undefined) return { kind: 'pods', selector: pods };
  if (peer.nodes !== undefined) return { kind: 'pods', selector: { namespaces: NODES, pods: peer.nodes } };
  if (peer.networks !== undefined) {
    const cidrs = peer.networks.map((text) => parseLooseCidr(text) ?? text);
    const wrong = cidrs.find((cidr) => typeof cidr === 'string');
    if (wrong !== undefined) return `has '${wrong}' in networks, which is no prefix such as 10.0.0.0/8 or fd00::/8`;
    const known = cidrs.filter((cidr) => typeof cidr !== 'string');
    return { kind: 'cidrs', cidrs: formatCidrs(coalesceCidrs(known)) };
  }
  if (peer.domainNames !== undefined) return 'has domainNames, which Weft does not enforce; name networks instead';
  return 'must have namespaces, pods, nodes or networks';
}

function translateProtocol(of: ClusterPolicyProtocol): PortForm[] | string {
  const { destinationNamedPort: name } = of;
  if (name !== undefined && name !== '') return PROTOCOLS.map((protocol) => ({ protocol, name }));
  for (const protocol of PROTOCOLS) {
    const destination = of[PROTOCOL_FIELD[protocol]];
    if (destination === undefined) continue;
    const { number, range } = destination.destinationPort ?? {};
    if (number !== undefined) return [{ protocol, from: number, to: number }];
    if (range !== undefined) return [{ protocol, from: range.start, to: range.end }];
    return 'must have a destinationPort with number or range';
  }
  return 'must have tcp, udp, sctp or destinationNamedPort';
}

const PROTOCOL_FIELD = { TCP: 'tcp', UDP: 'udp', SCTP: 'sctp' } as const;

function podsOf({ namespaces, pods }: ClusterPolicyPods): PodSelector | undefined {
  if (namespaces !== undefined) return { namespaces, pods: {} };
  return pods === undefined ? undefined : { namespaces: pods.namespaceSelector, pods: pods.podSelector };
}

/** No namespace has an empty name. */
const NOBODY: PodSelector = { namespaces: '', pods: {} };

function unsupported(path: string, what: string, consequence: string): Problem {
  return { path, reason: REASON.unsupportedValue, message: `${what}; ${consequence}` };
}
