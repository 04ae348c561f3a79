import { objectKey, type KubeObject } from '../../api/meta.ts';
import type { NetworkPolicy } from '../../api/generated/networkpolicy.ts';
import type { Pod } from '../../api/kubernetes.ts';
import type { AddressSetIr, ChainIr } from '../node/ir.ts';
import type { Problem, Translation } from '../problem.ts';
import { AddressSets } from './address-sets.ts';
import { ChainUsage } from './chain-usage.ts';
import { compileChain } from './chain.ts';
import type { ObjectChanges, PodBinding, PolicyChange, PolicyEffects } from './change.ts';
import { collectEffects } from './effects.ts';
import { clusterOrigin, translateClusterPolicy } from './cluster-policy.ts';
import { nodeFacts, podFacts, sameContribution, sameFacts, type PodFacts } from './pod-facts.ts';
import {
  comparePolicies,
  DIRECTIONS,
  kubernetesOrigin,
  speaksOf,
  translateKubernetesPolicy,
  translateWeftPolicy,
  weftOrigin,
  type Direction,
  type PolicyForm,
} from './policy-form.ts';
import { type KnownPolicy, PolicyTable } from './policy-table.ts';
import { isNamedPort, namedPortKey } from './ports.ts';
import { ServicePeers } from './service-peers.ts';
import { SelectorIndex, type MatchChange } from './selector-index.ts';
import { NODES } from './synthetic.ts';

/** Where a policy is at work. */
export interface PolicyFootprint {
  readonly selectedPods: number;
  /** Node → keys of the chains there that carry the policy, both sorted. */
  readonly nodes: ReadonlyMap<string, readonly string[]>;
  /** Of a policy with rules about requests, the pods that it selects, by key; absent for all others. */
  readonly judged?: readonly JudgedPod[];
  readonly problems: readonly Problem[];
}

/** A pod whose requests a policy judges, where its proxy can. */
export interface JudgedPod {
  /** `namespace/name`. */
  readonly key: string;
  readonly uid: string;
  readonly nodeName: string;
}

export interface PolicyIndex {
  /** Takes in a change; the work is in proportion to what it touches. Arguments are kept, and never written to. */
  apply(change: PolicyChange): PolicyEffects;
  binding(podUid: string): PodBinding | undefined;
  /** Keys of the address sets that hold the pod's `addresses`; undefined while the pod is not known to have them. */
  setsHolding(podUid: string, addresses: readonly string[]): readonly string[] | undefined;
  addressSet(key: string): AddressSetIr | undefined;
  chain(key: string): ChainIr | undefined;
  /** By `weftOrigin(key)`, `kubernetesOrigin(key)` or `clusterOrigin(name)`; undefined when there is no such policy. */
  footprint(origin: string): PolicyFootprint | undefined;
}

/** An empty index: `apply` everything there is once, then each change. The order of changes does not matter. */
export function createPolicyIndex(): PolicyIndex {
  return new IncrementalPolicyIndex();
}

interface BoundPod {
  readonly uid: string;
  readonly binding: PodBinding;
}

class IncrementalPolicyIndex implements PolicyIndex {
  readonly #pods = new Map<string, Pod>();
  readonly #podKeys = new Map<string, string>();
  readonly #leases = new Map<string, readonly string[]>();
  readonly #selectors = new SelectorIndex();
  readonly #sets = new AddressSets();
  readonly #policies = new PolicyTable(this.#selectors, this.#sets);
  readonly #services = new ServicePeers();
  readonly #chains = new ChainUsage();
  readonly #bound = new Map<string, BoundPod>();
  readonly #bindings = new Map<string, PodBinding>();
  /** Asked for with each acknowledgement of a node, of all policies; by origin. */
  readonly #footprints = new Map<string, PolicyFootprint>();
  /** Keys of pods whose chains may differ now. */
  #dirty = new Set<string>();

  apply(change: PolicyChange): PolicyEffects {
    for (const name of change.namespaces?.removals ?? []) this.#setNamespace(name, undefined);
    for (const { metadata } of change.namespaces?.upserts ?? []) {
      this.#setNamespace(metadata.name, metadata.labels ?? {});
    }
    this.#applyLeases(change.leases);
    for (const key of change.pods?.removals ?? []) this.#setPod(key, undefined);
    for (const pod of change.pods?.upserts ?? []) this.#setPod(objectKey(pod), pod);
    for (const name of change.nodes?.removals ?? []) this.#refresh(`${NODES}/${name}`, undefined);
    for (const node of change.nodes?.upserts ?? []) this.#refresh(`${NODES}/${node.metadata.name}`, nodeFacts(node));
    this.#applyPolicies(change.kubernetesPolicies, kubernetesOrigin, translateKubernetesPolicy);
    this.#applyWeftPolicies(change);
    this.#applyPolicies(change.clusterPolicies, clusterOrigin, translateClusterPolicy);
    for (const pod of this.#policies.takeAffected()) this.#dirty.add(pod);
    if (this.#policies.takeChanged() || this.#dirty.size > 0) this.#footprints.clear();
    const bindings = this.#rebind();
    return collectEffects(bindings, this.#chains, this.#sets);
  }

  binding(podUid: string): PodBinding | undefined {
    return this.#bindings.get(podUid);
  }

  setsHolding(podUid: string, addresses: readonly string[]): readonly string[] | undefined {
    const facts = this.#selectors.pod(this.#podKeys.get(podUid) ?? '');
    if (facts === undefined || !addresses.every((address) => facts.addresses.includes(address))) return undefined;
    return [...this.#selectors.selectorsOf(facts.key)].flatMap((selector) => this.#sets.holding(selector, facts));
  }

  addressSet(key: string): AddressSetIr | undefined {
    return this.#sets.body(key);
  }

  chain(key: string): ChainIr | undefined {
    return this.#chains.body(key);
  }

  footprint(origin: string): PolicyFootprint | undefined {
    const policy = this.#policies.get(origin);
    if (policy === undefined) return undefined;
    const known = this.#footprints.get(origin) ?? this.#footprintOf(policy);
    this.#footprints.set(origin, known);
    return known;
  }

  #footprintOf(policy: KnownPolicy): PolicyFootprint {
    const nodes = new Map<string, Set<string>>();
    const judged: JudgedPod[] = [];
    let selectedPods = 0;
    for (const { key, uid } of this.#selectors.podsOf(policy.subject)) {
      selectedPods += 1;
      const binding = this.#bound.get(key)?.binding;
      if (binding === undefined) continue;
      judged.push({ key, uid, nodeName: binding.nodeName });
      const chains = nodes.get(binding.nodeName) ?? new Set<string>();
      nodes.set(binding.nodeName, chains);
      for (const direction of DIRECTIONS) {
        const chain = chainOf(binding, direction);
        if (chain !== undefined && speaksOf(policy.form, direction)) chains.add(chain);
      }
    }
    const sorted = [...nodes].sort(([a], [b]) => (a < b ? -1 : 1));
    return {
      selectedPods,
      nodes: new Map(sorted.map(([node, chains]) => [node, [...chains].sort()])),
      ...(policy.form.ingress?.some(({ http }) => http !== undefined) === true
        ? { judged: judged.sort((a, b) => (a.key < b.key ? -1 : 1)) }
        : {}),
      problems: policy.problems,
    };
  }

  #setNamespace(name: string, labels: Readonly<Record<string, string>> | undefined): void {
    for (const match of this.#selectors.setNamespace(name, labels)) this.#follow(match);
  }

  #applyLeases(leases: PolicyChange['leases']): void {
    for (const [uid, addresses] of leases ?? []) {
      if (addresses === undefined) this.#leases.delete(uid);
      else this.#leases.set(uid, addresses);
      const key = this.#podKeys.get(uid);
      if (key !== undefined) this.#refresh(key, this.#factsOf(key));
    }
  }

  #setPod(key: string, pod: Pod | undefined): void {
    const old = this.#pods.get(key);
    if (old !== undefined) this.#podKeys.delete(old.metadata.uid ?? key);
    if (pod === undefined) {
      this.#pods.delete(key);
    } else {
      this.#pods.set(key, pod);
      this.#podKeys.set(pod.metadata.uid ?? key, key);
    }
    this.#refresh(key, this.#factsOf(key));
  }

  #factsOf(key: string): PodFacts | undefined {
    const pod = this.#pods.get(key);
    return pod === undefined ? undefined : podFacts(pod, this.#leases.get(pod.metadata.uid ?? key));
  }

  #refresh(key: string, after: PodFacts | undefined): void {
    if (sameFacts(this.#selectors.pod(key), after)) return;
    this.#dirty.add(key);
    this.#follow(this.#selectors.setPod(key, after));
  }

  /** Moves the pod's addresses in and out of the sets of the selectors that it met or left. */
  #follow({ before, after, left, kept, joined }: MatchChange): void {
    const key = after?.key ?? before?.key;
    if (key !== undefined) this.#dirty.add(key);
    const differs = before === undefined || after === undefined || !sameContribution(before, after);
    if (before !== undefined) {
      for (const selector of left) this.#sets.leave(selector, before);
      if (differs) for (const selector of kept) this.#sets.leave(selector, before);
    }
    if (after !== undefined) {
      for (const selector of joined) this.#sets.join(selector, after);
      if (differs) for (const selector of kept) this.#sets.join(selector, after);
    }
  }

  #applyPolicies<T extends KubeObject>(
    changes: ObjectChanges<T> | undefined,
    originOf: (key: string) => string,
    translate: (policy: T) => Translation<PolicyForm>,
  ): void {
    for (const key of changes?.removals ?? []) this.#policies.remove(originOf(key));
    for (const policy of changes?.upserts ?? []) this.#policies.set(translate(policy));
  }

  #applyWeftPolicies({ services, policies }: PolicyChange): void {
    const translate = (policy: NetworkPolicy) => translateWeftPolicy(policy, this.#services.podsOf);
    for (const key of services?.removals ?? []) this.#services.setService(key, undefined);
    for (const service of services?.upserts ?? []) this.#services.setService(objectKey(service), service);
    for (const key of policies?.removals ?? []) this.#services.setPolicy(key, undefined);
    for (const policy of policies?.upserts ?? []) this.#services.setPolicy(objectKey(policy), policy);
    this.#applyPolicies(policies, weftOrigin, translate);
    for (const policy of this.#services.takeConcerned()) this.#policies.set(translate(policy));
  }

  #rebind(): [string, PodBinding | undefined][] {
    const changed = new Map<string, PodBinding | undefined>();
    const compiled = new Map<string, string>();
    for (const key of this.#dirty) {
      const facts = this.#selectors.pod(key);
      const old = this.#bound.get(key);
      const next = facts?.nodeName === undefined ? undefined : this.#bindingOf(facts, facts.nodeName, compiled);
      if (old !== undefined && facts?.uid === old.uid && sameBinding(old.binding, next)) continue;
      this.#use(next, 'use');
      this.#use(old?.binding, 'drop');
      if (old !== undefined) changed.set(old.uid, undefined);
      if (facts === undefined || next === undefined) {
        this.#bound.delete(key);
      } else {
        this.#bound.set(key, { uid: facts.uid, binding: next });
        changed.set(facts.uid, next);
      }
    }
    this.#dirty = new Set();
    for (const [uid, binding] of changed) {
      if (binding === undefined) this.#bindings.delete(uid);
      else this.#bindings.set(uid, binding);
    }
    return [...changed];
  }

  /** @param compiled  chain keys of this change, by all that a chain depends on. */
  #bindingOf(facts: PodFacts, nodeName: string, compiled: Map<string, string>): PodBinding {
    const policies = this.#policies.selecting(facts.key).sort(comparePolicies);
    const ingressChain = this.#chainFor(facts, policies, 'ingress', compiled);
    const egressChain = this.#chainFor(facts, policies, 'egress', compiled);
    return {
      nodeName,
      ...(ingressChain === undefined ? {} : { ingressChain }),
      ...(egressChain === undefined ? {} : { egressChain }),
    };
  }

  #chainFor(
    facts: PodFacts,
    all: readonly PolicyForm[],
    direction: Direction,
    compiled: Map<string, string>,
  ): string | undefined {
    const policies = all.filter((policy) => speaksOf(policy, direction));
    if (policies.length === 0) return undefined;
    const names = direction === 'ingress' ? ingressNames(policies) : [];
    const recipe = JSON.stringify([
      direction,
      policies.map(({ origin }) => origin),
      names.map((name) => facts.namedPorts.get(name) ?? null),
    ]);
    const known = compiled.get(recipe);
    if (known !== undefined) return known;
    const chain = compileChain(policies, direction, {
      onSubject: (port) => facts.namedPorts.get(namedPortKey(port)),
      numbersOf: (source) => this.#sets.numbersOf(source),
    });
    const key = this.#chains.intern(chain);
    compiled.set(recipe, key);
    return key;
  }

  #use(binding: PodBinding | undefined, how: 'use' | 'drop'): void {
    if (binding === undefined) return;
    for (const direction of DIRECTIONS) {
      const chain = chainOf(binding, direction);
      if (chain !== undefined) this.#chains[how](chain, binding.nodeName);
    }
  }
}

function chainOf(binding: PodBinding, direction: Direction): string | undefined {
  return direction === 'ingress' ? binding.ingressChain : binding.egressChain;
}

function sameBinding(a: PodBinding, b: PodBinding | undefined): boolean {
  if (b === undefined) return false;
  return a.nodeName === b.nodeName && a.ingressChain === b.ingressChain && a.egressChain === b.egressChain;
}

/** The names whose numbers on the subject shape its chain, in order of use. */
function ingressNames(policies: readonly PolicyForm[]): string[] {
  return policies.flatMap(({ ingress = [] }) =>
    ingress.flatMap(({ ports }) => (ports === 'any' ? [] : ports.filter(isNamedPort).map(namedPortKey))),
  );
}
