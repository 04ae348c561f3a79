import type { LabelSelector } from '../../api/kubernetes.ts';
import { REASON } from '../../api/reasons.ts';
import { type Cidr, parseLooseCidr } from '../../lib/ip.ts';
import type { Problem } from '../problem.ts';
import { coalesceCidrs, formatCidrs, subtractCidrs } from './cidr-sets.ts';
import { isNamedPort, type NamedPort } from './ports.ts';
import type { Direction, PolicyForm, RuleForm } from './policy-form.ts';
import { ALL_PODS, type PodSource } from './sources.ts';
import type { PodSelector } from './selector-index.ts';
import type { PodsOfService } from './service-peers.ts';
import { SERVICE_ACCOUNT } from './synthetic.ts';

/** What both namespaced APIs write in `from[]` and `to[]`; Kubernetes' has no accounts and no Services. */
export interface PeerSpec {
  readonly podSelector?: LabelSelector;
  readonly namespaceSelector?: LabelSelector;
  readonly serviceAccount?: { readonly name: string };
  readonly service?: { readonly name: string; readonly namespace?: string };
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
}

/** Where peers are written. */
export interface PeerScope {
  readonly namespace: string;
  readonly podsOfService: PodsOfService;
}

export type PeerForm =
  | { readonly kind: 'pods'; readonly selector: PodSelector }
  /** Sorted and disjoint. */
  | { readonly kind: 'cidrs'; readonly cidrs: readonly string[] };

/**
 * No peers, or an empty list, is everybody. A `podSelector` alone stays in the policy's own namespace; a
 * `namespaceSelector` alone takes every pod of those namespaces. A peer that cannot be read matches nobody.
 */
export function translatePeers(
  peers: readonly PeerSpec[] | undefined,
  { namespace, podsOfService }: PeerScope,
  path: string,
  problems: Problem[],
): 'any' | readonly PeerForm[] {
  if (peers === undefined || peers.length === 0) return 'any';
  const forms: PeerForm[] = [];
  for (const [index, { podSelector, namespaceSelector, serviceAccount, service, ipBlock }] of peers.entries()) {
    if (podSelector !== undefined || namespaceSelector !== undefined || serviceAccount !== undefined) {
      const pods = serviceAccount === undefined ? (podSelector ?? {}) : runningAs(serviceAccount.name, podSelector);
      forms.push({ kind: 'pods', selector: { namespaces: namespaceSelector ?? namespace, pods } });
    } else if (service !== undefined) {
      const selector = podsOfService(service.namespace ?? namespace, service.name);
      if ('reason' in selector) problems.push({ path: `${path}[${index}].service`, ...selector });
      else forms.push({ kind: 'pods', selector });
    } else if (ipBlock !== undefined) {
      const cidrs = translateIpBlock(ipBlock, `${path}[${index}].ipBlock`, problems);
      if (cidrs.length > 0) forms.push({ kind: 'cidrs', cidrs: formatCidrs(coalesceCidrs(cidrs)) });
    } else {
      problems.push({
        path: `${path}[${index}]`,
        reason: REASON.unsupportedValue,
        message: 'must have a podSelector, a namespaceSelector or an ipBlock; the entry matches nobody',
      });
    }
  }
  return forms;
}

function runningAs(account: string, { matchLabels = {}, ...more }: LabelSelector = {}): LabelSelector {
  return { ...more, matchLabels: { ...matchLabels, [SERVICE_ACCOUNT]: account } };
}

/** Where the port is a name, the far end must be a pod that knows it: one source for each peer. */
export function namedSources(peers: RuleForm['peers'], port: NamedPort): PodSource[] {
  if (peers === 'any') return [{ selector: ALL_PODS, port }];
  return peers.map((peer) =>
    peer.kind === 'pods' ? { selector: peer.selector, port } : { selector: ALL_PODS, port, within: peer.cidrs },
  );
}

/** Everything a policy's rules may name, each as often as it is named. */
export function referencesOf(form: PolicyForm): { readonly pods: PodSource[]; readonly cidrs: (readonly string[])[] } {
  const pods: PodSource[] = [];
  const cidrs: (readonly string[])[] = [];
  const collect = (direction: Direction, rule: RuleForm) => {
    for (const peer of rule.peers === 'any' ? [] : rule.peers) {
      if (peer.kind === 'pods') pods.push({ selector: peer.selector });
      else cidrs.push(peer.cidrs);
    }
    if (direction === 'ingress' || rule.ports === 'any') return;
    for (const port of rule.ports.filter(isNamedPort)) pods.push(...namedSources(rule.peers, port));
  };
  for (const rule of form.ingress ?? []) collect('ingress', rule);
  for (const rule of form.egress ?? []) collect('egress', rule);
  return { pods, cidrs };
}

function translateIpBlock(block: NonNullable<PeerSpec['ipBlock']>, path: string, problems: Problem[]): Cidr[] {
  const cidr = parseLooseCidr(block.cidr);
  if (cidr === undefined) {
    problems.push(invalidCidr(`${path}.cidr`, block.cidr));
    return [];
  }
  const except: Cidr[] = [];
  for (const [index, text] of (block.except ?? []).entries()) {
    const hole = parseLooseCidr(text);
    if (hole === undefined) {
      problems.push(invalidCidr(`${path}.except[${index}]`, text));
      return [];
    }
    except.push(hole);
  }
  return subtractCidrs(cidr, except);
}

function invalidCidr(path: string, text: string): Problem {
  const message = `must be a prefix such as 10.0.0.0/8 or fd00::/8, not '${text}'; the block matches nobody`;
  return { path, reason: REASON.unsupportedValue, message };
}
