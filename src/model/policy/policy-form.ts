import type { KubernetesNetworkPolicy } from '../../api/kubernetes.ts';
import type { NetworkPolicy } from '../../api/generated/networkpolicy.ts';
import { objectKey } from '../../api/meta.ts';
import { parseQuantity } from '../node/bandwidth.ts';
import type { HttpMatchIr, RuleIr } from '../node/ir.ts';
import { translateHttp } from './http-rules.ts';
import type { Problem, Translation } from '../problem.ts';
import { translatePeers, type PeerForm, type PeerScope, type PeerSpec } from './peers.ts';
import { compareText, translatePorts, type PortForm, type PortSpec } from './ports.ts';
import type { PodSelector } from './selector-index.ts';
import type { PodsOfService } from './service-peers.ts';
import { TIERS, type Tier } from './tiers.ts';

export type Direction = 'ingress' | 'egress';
export const DIRECTIONS: readonly Direction[] = ['ingress', 'egress'];

/** A policy of any API in one shape. A direction that is absent is not spoken of. */
export interface PolicyForm {
  /** `KubernetesNetworkPolicy ns/name`, `NetworkPolicy ns/name` or `ClusterNetworkPolicy name`: unique over all APIs. */
  readonly origin: string;
  readonly tier: Tier;
  /** Place within the tier. */
  readonly rank: number;
  /** On trial: counted, and not enforced. */
  readonly isAudited?: true;
  /** What it denies leaves connections be that are open already. */
  readonly keepsOpen?: true;
  /** Of the selected pods' connections, each pod for itself. */
  readonly limits?: NonNullable<NetworkPolicy['spec']['connections']>;
  /** Bits a second of each selected pod. */
  readonly bandwidth?: Readonly<Partial<Record<Direction, number>>>;
  readonly subject: PodSelector;
  readonly ingress?: readonly RuleForm[];
  readonly egress?: readonly RuleForm[];
}

export interface RuleForm {
  readonly action: RuleIr['action'];
  readonly peers: 'any' | readonly PeerForm[];
  readonly ports: 'any' | readonly PortForm[];
  readonly http?: readonly HttpMatchIr[];
}

const ACTIONS = { Allow: 'allow', Deny: 'deny', Reject: 'reject', Pass: 'pass', Log: 'log' } as const;
/** `NetworkPolicySpec.priority` when it is absent; the CRD's default. */
const DEFAULT_PRIORITY = 500;

export function kubernetesOrigin(key: string): string {
  return `KubernetesNetworkPolicy ${key}`;
}

export function weftOrigin(key: string): string {
  return `NetworkPolicy ${key}`;
}

/** Whether the policy has rules or limits for the direction. */
export function speaksOf({ limits, bandwidth, ...policy }: PolicyForm, direction: Direction): boolean {
  return [policy, limits, bandwidth].some((of) => of?.[direction] !== undefined);
}

/** Order of evaluation: tier, rank, then `namespace/name`. */
export function comparePolicies(a: PolicyForm, b: PolicyForm): number {
  return TIERS.indexOf(a.tier) - TIERS.indexOf(b.tier) || a.rank - b.rank || compareText(a.origin, b.origin);
}

/** networking.k8s.io/v1: without `policyTypes`, a policy is about ingress, and about egress if it has such rules. */
export function translateKubernetesPolicy(policy: KubernetesNetworkPolicy): Translation<PolicyForm> {
  const { spec } = policy;
  const namespace = policy.metadata.namespace ?? 'default';
  const types = spec.policyTypes ?? [];
  const scope = { namespace, podsOfService: noServices };
  const problems: Problem[] = [];
  const rule = (direction: Direction, index: number, peers: PeerSpecs, ports: PortSpecs): RuleForm =>
    translateRule('allow', { path: `spec.${direction}[${index}]`, direction, scope, peers, ports }, problems);
  const ingress = (spec.ingress ?? []).map(({ from, ports }, index) => rule('ingress', index, from, ports));
  const egress = (spec.egress ?? []).map(({ to, ports }, index) => rule('egress', index, to, ports));
  const value: PolicyForm = {
    origin: kubernetesOrigin(objectKey(policy)),
    tier: 'kubernetes',
    rank: 0,
    subject: { namespaces: namespace, pods: spec.podSelector ?? {} },
    ...(types.length === 0 || types.includes('Ingress') ? { ingress } : {}),
    ...((types.length === 0 && egress.length > 0) || types.includes('Egress') ? { egress } : {}),
  };
  return { value, problems };
}

/** weft.dev: rules are in order, the first that matches decides. */
export function translateWeftPolicy(policy: NetworkPolicy, podsOfService: PodsOfService): Translation<PolicyForm> {
  const { spec } = policy;
  const namespace = policy.metadata.namespace ?? 'default';
  const scope = { namespace, podsOfService };
  const problems: Problem[] = [];
  const rule = (
    direction: Direction,
    index: number,
    action: keyof typeof ACTIONS,
    peers: PeerSpecs,
    ports: PortSpecs,
  ): RuleForm =>
    translateRule(ACTIONS[action], { path: `spec.${direction}[${index}]`, direction, scope, peers, ports }, problems);
  const ingress = spec.ingress?.map(({ action, from, ports, http }, index) => ({
    ...rule('ingress', index, action, from, ports),
    ...(http === undefined ? {} : { http: translateHttp(http) }),
  }));
  const egress = spec.egress?.map(({ action, to, ports }, index) => rule('egress', index, action, to, ports));
  const value: PolicyForm = {
    origin: weftOrigin(objectKey(policy)),
    tier: 'weft',
    rank: spec.priority ?? DEFAULT_PRIORITY,
    ...(spec.mode === 'Audit' ? { isAudited: true } : {}),
    ...(spec.connections === undefined ? {} : { limits: spec.connections }),
    ...(spec.bandwidth === undefined ? {} : { bandwidth: ratesOf(spec.bandwidth) }),
    ...(spec.establishedConnections === 'Keep' ? { keepsOpen: true } : {}),
    subject: { namespaces: namespace, pods: spec.podSelector ?? {} },
    ...(ingress === undefined ? {} : { ingress }),
    ...(egress === undefined ? {} : { egress }),
  };
  return { value, problems };
}

function ratesOf(bandwidth: NonNullable<NetworkPolicy['spec']['bandwidth']>): NonNullable<PolicyForm['bandwidth']> {
  const rates: Partial<Record<Direction, number>> = {};
  for (const direction of DIRECTIONS) {
    const bits = parseQuantity(bandwidth[direction] ?? '');
    if (bits !== undefined) rates[direction] = bits;
  }
  return rates;
}

function noServices(): PodSelector {
  return { namespaces: '', pods: {} };
}

type PeerSpecs = readonly PeerSpec[] | undefined;
type PortSpecs = readonly PortSpec[] | undefined;

interface RuleSpec {
  readonly path: string;
  readonly direction: Direction;
  readonly scope: PeerScope;
  readonly peers: PeerSpecs;
  readonly ports: PortSpecs;
}

function translateRule(action: RuleForm['action'], spec: RuleSpec, problems: Problem[]): RuleForm {
  const { path, direction, scope, peers, ports } = spec;
  const field = direction === 'ingress' ? 'from' : 'to';
  return {
    action,
    peers: translatePeers(peers, scope, `${path}.${field}`, problems),
    ports: translatePorts(ports, `${path}.ports`, problems),
  };
}
