import type { LabelSelector } from '../../api/kubernetes.ts';
import { canonicalSelector, matchesSelector } from '../labels.ts';
import { addTo, removeFrom, type KeySets } from './key-sets.ts';
import type { Labels, PodFacts } from './pod-facts.ts';
import { anchorOf, labelTokens } from './required-labels.ts';
import { NODES } from './synthetic.ts';

export interface PodSelector {
  /** A namespace's name, or a selector over the labels of namespaces; `NODES`: nodes instead of pods. */
  readonly namespaces: string | LabelSelector;
  readonly pods: LabelSelector;
}

/** How one pod's matches changed; the lists hold selector keys. */
export interface MatchChange {
  readonly before: PodFacts | undefined;
  readonly after: PodFacts | undefined;
  readonly left: readonly string[];
  readonly kept: readonly string[];
  readonly joined: readonly string[];
}

interface Entry {
  readonly selector: PodSelector;
  readonly buckets: readonly string[];
  readonly pods: Map<string, PodFacts>;
  users: number;
}

interface IndexedPod {
  readonly facts: PodFacts;
  readonly matches: Set<string>;
}

/** Equal for selectors that say the same in another order. */
export function selectorKey({ namespaces, pods }: PodSelector): string {
  const scope = typeof namespaces === 'string' ? namespaces : `[${canonicalSelector(namespaces)}]`;
  return `pods [${canonicalSelector(pods)}] in ${scope}`;
}

/**
 * Which pods each selector matches, kept up to date. A pod's change looks at those selectors only that demand one of
 * its labels or one of its namespace's (and those that demand none); a new selector looks at those pods only that
 * bear a label it demands.
 */
export class SelectorIndex {
  readonly #entries = new Map<string, Entry>();
  /** Selector keys by the bucket they were filed under. */
  readonly #buckets: KeySets = new Map();
  readonly #namespaces = new Map<string, Labels>();
  readonly #pods = new Map<string, IndexedPod>();
  readonly #podsByNamespace: KeySets = new Map();
  readonly #podsByToken: KeySets = new Map();

  pod(key: string): PodFacts | undefined {
    return this.#pods.get(key)?.facts;
  }

  podsOf(selector: string): Iterable<PodFacts> {
    return this.#entries.get(selector)?.pods.values() ?? [];
  }

  selectorsOf(pod: string): Iterable<string> {
    return this.#pods.get(pod)?.matches ?? [];
  }

  /** Counts one more user of the selector; the first one files it. Returns its key. */
  track(selector: PodSelector): string {
    const key = selectorKey(selector);
    const known = this.#entries.get(key);
    if (known !== undefined) {
      known.users += 1;
      return key;
    }
    const entry: Entry = { selector, buckets: this.#bucketsFor(selector), pods: new Map(), users: 1 };
    this.#entries.set(key, entry);
    for (const bucket of entry.buckets) addTo(this.#buckets, bucket, key);
    for (const pod of this.#candidatePods(selector)) {
      const indexed = this.#pods.get(pod);
      if (indexed === undefined || !this.#matches(selector, indexed.facts)) continue;
      entry.pods.set(pod, indexed.facts);
      indexed.matches.add(key);
    }
    return key;
  }

  /** Takes back one `track`; the last one forgets the selector. */
  untrack(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    entry.users -= 1;
    if (entry.users > 0) return;
    this.#entries.delete(key);
    for (const bucket of entry.buckets) removeFrom(this.#buckets, bucket, key);
    for (const pod of entry.pods.keys()) this.#pods.get(pod)?.matches.delete(key);
  }

  setPod(key: string, after: PodFacts | undefined): MatchChange {
    const old = this.#pods.get(key);
    if (old !== undefined) {
      removeFrom(this.#podsByNamespace, old.facts.namespace, key);
      for (const token of labelTokens(old.facts.labels)) removeFrom(this.#podsByToken, token, key);
    }
    if (after !== undefined) {
      addTo(this.#podsByNamespace, after.namespace, key);
      for (const token of labelTokens(after.labels)) addTo(this.#podsByToken, token, key);
    }
    return this.#rematch(key, old, after);
  }

  /** `labels` undefined: the namespace is gone or not yet known. One change for each of its pods that is affected. */
  setNamespace(name: string, labels: Labels | undefined): MatchChange[] {
    if (labels === undefined) this.#namespaces.delete(name);
    else this.#namespaces.set(name, labels);
    return [...(this.#podsByNamespace.get(name) ?? [])]
      .map((key) => this.#rematch(key, this.#pods.get(key), this.pod(key)))
      .filter(({ left, joined }) => left.length > 0 || joined.length > 0);
  }

  #rematch(key: string, old: IndexedPod | undefined, after: PodFacts | undefined): MatchChange {
    const matches = after === undefined ? new Set<string>() : this.#matchesOf(after);
    const left: string[] = [];
    const kept: string[] = [];
    const joined: string[] = [];
    for (const selector of old?.matches ?? []) {
      if (matches.has(selector)) {
        kept.push(selector);
      } else {
        left.push(selector);
        this.#entries.get(selector)?.pods.delete(key);
      }
    }
    if (after === undefined) {
      this.#pods.delete(key);
    } else {
      this.#pods.set(key, { facts: after, matches });
      for (const selector of matches) {
        if (old?.matches.has(selector) !== true) joined.push(selector);
        this.#entries.get(selector)?.pods.set(key, after);
      }
    }
    return { before: old?.facts, after, left, kept, joined };
  }

  #matchesOf(pod: PodFacts): Set<string> {
    const found = new Set<string>();
    const look = (bucket: string) => {
      for (const key of this.#buckets.get(bucket) ?? []) {
        const entry = this.#entries.get(key);
        if (entry !== undefined && !found.has(key) && this.#matches(entry.selector, pod)) found.add(key);
      }
    };
    look(bucketOf(pod.namespace));
    look(bucketOf(ANY_NAMESPACE));
    for (const token of labelTokens(pod.labels)) {
      look(bucketOf(pod.namespace, token));
      look(bucketOf(ANY_NAMESPACE, token));
    }
    for (const token of labelTokens(this.#labelsOf(pod.namespace))) look(bucketOf(NAMESPACE_LABEL, token));
    return found;
  }

  #matches({ namespaces, pods }: PodSelector, pod: PodFacts): boolean {
    const inScope =
      typeof namespaces === 'string'
        ? namespaces === pod.namespace
        : pod.namespace !== NODES && matchesSelector(namespaces, this.#labelsOf(pod.namespace));
    return inScope && matchesSelector(pods, pod.labels);
  }

  /** A namespace that was not seen yet has the one label that the API server gives every namespace. */
  #labelsOf(namespace: string): Labels {
    return this.#namespaces.get(namespace) ?? { 'kubernetes.io/metadata.name': namespace };
  }

  #bucketsFor({ namespaces, pods }: PodSelector): string[] {
    const anchor = anchorOf(pods, (token) => this.#podsByToken.get(token)?.size ?? 0);
    const scope = typeof namespaces === 'string' ? namespaces : ANY_NAMESPACE;
    if (anchor !== undefined) return anchor.map((token) => bucketOf(scope, token));
    if (typeof namespaces === 'string') return [bucketOf(namespaces)];
    const namespaceAnchor = anchorOf(namespaces, () => 0);
    return namespaceAnchor?.map((token) => bucketOf(NAMESPACE_LABEL, token)) ?? [bucketOf(ANY_NAMESPACE)];
  }

  #candidatePods({ namespaces, pods }: PodSelector): Iterable<string> {
    const anchor = anchorOf(pods, (token) => this.#podsByToken.get(token)?.size ?? 0);
    const bearers = anchor?.map((token) => this.#podsByToken.get(token) ?? new Set<string>());
    if (typeof namespaces === 'string') {
      const all = this.#podsByNamespace.get(namespaces) ?? new Set<string>();
      const bearing = bearers?.reduce((sum, set) => sum + set.size, 0) ?? Number.POSITIVE_INFINITY;
      if (bearers === undefined || all.size <= bearing) return all;
    }
    if (bearers !== undefined) return new Set(bearers.flatMap((set) => [...set]));
    return [...this.#podsByNamespace]
      .filter(([name]) => typeof namespaces !== 'string' && matchesSelector(namespaces, this.#labelsOf(name)))
      .flatMap(([, keys]) => [...keys]);
  }
}

/** Scopes that are no namespace's name: those are DNS labels (RFC 1123). */
const ANY_NAMESPACE = '*';
const NAMESPACE_LABEL = '**';

function bucketOf(scope: string, token = ''): string {
  return `${scope}/${token}`;
}
