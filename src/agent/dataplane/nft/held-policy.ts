import { bitsOf, formatCidr, parseIp } from '../../../lib/ip.ts';
import type { AddressSetIr, ChainIr } from '../../../model/node/ir.ts';
import type { AddressSets } from '../../../model/policy/evaluate.ts';
import { NO_FACTS, type NodeFacts, type PodBinding, type PolicyState } from './policy-state.ts';

export interface HeldSet {
  readonly type: AddressSetIr['type'];
  readonly members: ReadonlySet<string>;
}

/** Members to add and to delete that really change the set. */
export interface SetDelta {
  readonly key: string;
  readonly type: AddressSetIr['type'];
  readonly isNew: boolean;
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

/** What the state becomes: sets as deltas, because a patch of one member must not cost a copy of 100,000. */
export interface NextState {
  readonly facts: NodeFacts;
  readonly deltas: readonly SetDelta[];
  readonly removedSets: readonly string[];
  readonly chains: ReadonlyMap<string, ChainIr>;
  readonly pods: ReadonlyMap<string, PodBinding>;
  readonly podDelta: PodDelta;
}

/** Bindings that end, those that others take the place of among them, and bindings that begin. */
export interface PodDelta {
  readonly gone: readonly PodBinding[];
  readonly come: readonly PodBinding[];
}

/** What the kernel's table is to hold: the agent's memory of it, for differences, repairs and judging connections. */
export class HeldPolicy implements AddressSets {
  #facts: NodeFacts;
  readonly #sets = new Map<string, { type: AddressSetIr['type']; members: Set<string> }>();
  #chains: ReadonlyMap<string, ChainIr>;
  /** By host interface. */
  #pods: ReadonlyMap<string, PodBinding>;
  #byAddress: ReadonlyMap<string, PodBinding>;

  constructor(facts: NodeFacts = NO_FACTS, state: PolicyState = { sets: new Map(), chains: new Map(), pods: [] }) {
    this.#facts = facts;
    for (const [key, { type, members }] of state.sets) this.#sets.set(key, { type, members: new Set(members) });
    this.#chains = new Map(state.chains);
    this.#pods = new Map(state.pods.map((pod) => [pod.hostInterface, pod]));
    this.#byAddress = byAddress(this.#pods);
  }

  get facts(): NodeFacts {
    return this.#facts;
  }

  get sets(): ReadonlyMap<string, HeldSet> {
    return this.#sets;
  }

  get chains(): ReadonlyMap<string, ChainIr> {
    return this.#chains;
  }

  get pods(): ReadonlyMap<string, PodBinding> {
    return this.#pods;
  }

  podAt(address: string): PodBinding | undefined {
    return this.#byAddress.get(address);
  }

  /** In constant time: an address is in a set of prefixes when one of its prefixes, 33 or 129, is a member. */
  has(key: string, address: string): boolean {
    const set = this.#sets.get(key);
    if (set === undefined) return false;
    if (set.type === 'ip') return set.members.has(address);
    const ip = parseIp(address);
    if (ip === undefined) return false;
    const { family, value } = ip;
    for (let length: number = bitsOf(family); length >= 0; length -= 1) {
      const hostBits = BigInt(bitsOf(family) - length);
      if (set.members.has(formatCidr({ family, base: (value >> hostBits) << hostBits, length }))) return true;
    }
    return false;
  }

  /** Becomes `next`. The result, called before any other change, takes it back. */
  commit(next: NextState): () => void {
    const before = { facts: this.#facts, chains: this.#chains, pods: this.#pods, byAddress: this.#byAddress };
    const removed = next.removedSets.map((key) => [key, this.#sets.get(key)] as const);
    this.#facts = next.facts;
    this.#chains = next.chains;
    this.#pods = next.pods;
    this.#byAddress = byAddress(next.pods);
    for (const { key, type, isNew, add, remove } of next.deltas) {
      if (isNew) this.#sets.set(key, { type, members: new Set() });
      this.#alter(key, add, remove);
    }
    for (const [key] of removed) this.#sets.delete(key);
    return () => {
      this.#facts = before.facts;
      this.#chains = before.chains;
      this.#pods = before.pods;
      this.#byAddress = before.byAddress;
      for (const [key, set] of removed) if (set !== undefined) this.#sets.set(key, set);
      for (const { key, isNew, add, remove } of next.deltas) {
        if (isNew) this.#sets.delete(key);
        else this.#alter(key, remove, add);
      }
    };
  }

  #alter(key: string, add: readonly string[], remove: readonly string[]): void {
    const members = this.#sets.get(key)?.members;
    for (const member of remove) members?.delete(member);
    for (const member of add) members?.add(member);
  }
}

function byAddress(pods: ReadonlyMap<string, PodBinding>): ReadonlyMap<string, PodBinding> {
  return new Map([...pods.values()].flatMap((pod) => pod.addresses.map((address) => [address, pod] as const)));
}
