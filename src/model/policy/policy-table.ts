import type { Problem, Translation } from '../problem.ts';
import type { AddressSets } from './address-sets.ts';
import { addTo, removeFrom, type KeySets } from './key-sets.ts';
import { namedSources, referencesOf } from './peers.ts';
import type { PolicyForm } from './policy-form.ts';
import { isNamedPort } from './ports.ts';
import { selectorKey, type SelectorIndex } from './selector-index.ts';
import { sourceKey } from './sources.ts';

export interface KnownPolicy {
  readonly form: PolicyForm;
  /** Selector key. */
  readonly subject: string;
  readonly problems: readonly Problem[];
}

/** The policies there are, and which pods a change in them, or in a port number they depend on, affects. */
export class PolicyTable {
  readonly #selectors: SelectorIndex;
  readonly #sets: AddressSets;
  readonly #policies = new Map<string, KnownPolicy>();
  /** Origins by selector key of the subject. */
  readonly #bySubject: KeySets = new Map();
  /** Origins by key of a source whose port numbers shape their chains. */
  readonly #byNumbers: KeySets = new Map();
  /** Replaced or removed; their references are given back last, so that what is still needed is not rebuilt. */
  #retired: PolicyForm[] = [];
  #affected = new Set<string>();
  #isChanged = false;

  constructor(selectors: SelectorIndex, sets: AddressSets) {
    this.#selectors = selectors;
    this.#sets = sets;
  }

  get(origin: string): KnownPolicy | undefined {
    return this.#policies.get(origin);
  }

  /** In no particular order. */
  selecting(pod: string): PolicyForm[] {
    const forms: PolicyForm[] = [];
    for (const selector of this.#selectors.selectorsOf(pod)) {
      for (const origin of this.#bySubject.get(selector) ?? []) {
        const policy = this.#policies.get(origin);
        if (policy !== undefined) forms.push(policy.form);
      }
    }
    return forms;
  }

  set({ value: form, problems }: Translation<PolicyForm>): void {
    this.#isChanged = true;
    const old = this.#policies.get(form.origin);
    if (old !== undefined && JSON.stringify(old.form) === JSON.stringify(form)) {
      this.#policies.set(form.origin, { ...old, problems });
      return;
    }
    this.remove(form.origin);
    const subject = this.#selectors.track(form.subject);
    this.#policies.set(form.origin, { form, subject, problems });
    addTo(this.#bySubject, subject, form.origin);
    for (const key of numberedSources(form)) addTo(this.#byNumbers, key, form.origin);
    const { pods, cidrs } = referencesOf(form);
    for (const source of pods) {
      const selector = this.#selectors.track(source.selector);
      this.#sets.acquire(source, this.#selectors.podsOf(selector));
    }
    for (const list of cidrs) this.#sets.acquireCidrs(list);
    this.#affect(subject);
  }

  remove(origin: string): void {
    const old = this.#policies.get(origin);
    if (old === undefined) return;
    this.#isChanged = true;
    this.#policies.delete(origin);
    removeFrom(this.#bySubject, old.subject, origin);
    for (const key of numberedSources(old.form)) removeFrom(this.#byNumbers, key, origin);
    this.#affect(old.subject);
    this.#retired.push(old.form);
  }

  /** Whether a policy was set or removed since the last call. */
  takeChanged(): boolean {
    const isChanged = this.#isChanged;
    this.#isChanged = false;
    return isChanged;
  }

  /** Keys of the pods whose chains may differ since the last call. Gives back what retired policies referred to. */
  takeAffected(): ReadonlySet<string> {
    for (const source of this.#sets.takeRenumbered()) {
      for (const origin of this.#byNumbers.get(source) ?? []) {
        const policy = this.#policies.get(origin);
        if (policy !== undefined) this.#affect(policy.subject);
      }
    }
    for (const form of this.#retired) this.#release(form);
    this.#retired = [];
    const affected = this.#affected;
    this.#affected = new Set();
    return affected;
  }

  #affect(subject: string): void {
    for (const { key } of this.#selectors.podsOf(subject)) this.#affected.add(key);
  }

  #release(form: PolicyForm): void {
    const { pods, cidrs } = referencesOf(form);
    for (const source of pods) {
      this.#sets.release(source);
      this.#selectors.untrack(selectorKey(source.selector));
    }
    for (const list of cidrs) this.#sets.releaseCidrs(list);
    this.#selectors.untrack(selectorKey(form.subject));
  }
}

function numberedSources(form: PolicyForm): string[] {
  return (form.egress ?? []).flatMap(({ peers, ports }) =>
    ports === 'any' ? [] : ports.filter(isNamedPort).flatMap((port) => namedSources(peers, port).map(sourceKey)),
  );
}
