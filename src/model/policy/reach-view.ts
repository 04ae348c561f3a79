import { type Cidr, containsAddress, parseIp } from '../../lib/ip.ts';
import type { ChainIr } from '../node/ir.ts';
import { type Direction, DIRECTIONS } from './policy-form.ts';
import type { PolicyIndex } from './policy-index.ts';
import { parseCanonicalCidrs } from './sources.ts';

/** A chain with the key that equal ones share. */
export interface KeyedChain {
  readonly key: string;
  readonly chain: ChainIr;
}

/** What decides in one world whether packets pass: chains of its pods, and who is in the sets that these name. */
export class ReachView {
  readonly #index: PolicyIndex;
  readonly #byAddress = new Map<string, string[]>();
  readonly #ranges: (readonly [key: string, cidrs: readonly Cidr[]])[] = [];
  /** Of all sets, as written. */
  readonly cidrs = new Set<string>();

  /** @param pods uids of those that are looked at. */
  constructor(index: PolicyIndex, pods: Iterable<string>) {
    this.#index = index;
    const chains = new Map<string, ChainIr>();
    for (const uid of pods) {
      for (const direction of DIRECTIONS) {
        const found = this.chainOf(uid, direction);
        if (found !== undefined) chains.set(found.key, found.chain);
      }
    }
    const keys = new Set(
      [...chains.values()].flatMap(({ rules }) => rules.flatMap(({ peers }) => (peers === 'any' ? [] : peers))),
    );
    for (const key of keys) this.#readSet(key);
  }

  /** Undefined where no policy speaks of the direction. */
  chainOf(podUid: string, direction: Direction): KeyedChain | undefined {
    const binding = this.#index.binding(podUid);
    const key = direction === 'ingress' ? binding?.ingressChain : binding?.egressChain;
    const chain = key === undefined ? undefined : this.#index.chain(key);
    return key === undefined || chain === undefined ? undefined : { key, chain };
  }

  /** Keys of the sets that have the address in them. */
  setsOf(address: string): ReadonlySet<string> {
    const ip = parseIp(address);
    const within =
      ip === undefined ? [] : this.#ranges.filter(([, cidrs]) => cidrs.some((of) => containsAddress(of, ip)));
    return new Set([...(this.#byAddress.get(address) ?? []), ...within.map(([key]) => key)]);
  }

  #readSet(key: string): void {
    const set = this.#index.addressSet(key);
    if (set?.type === 'cidr') {
      this.#ranges.push([key, parseCanonicalCidrs(set.members)]);
      for (const member of set.members) this.cidrs.add(member);
      return;
    }
    for (const member of set?.members ?? []) {
      const keys = this.#byAddress.get(member) ?? [];
      this.#byAddress.set(member, keys);
      keys.push(key);
    }
  }
}
