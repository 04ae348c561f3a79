import { shortHash } from '../../lib/hash.ts';
import type { ChainIr } from '../node/ir.ts';
import { setsOfChain } from './chain-sets.ts';
import { NodeUsage, type UsageChange } from './node-usage.ts';

/** The chains that pods are bound to, the nodes that need them, and the sets these nodes need because of them. */
export class ChainUsage {
  readonly #chains = new Map<string, ChainIr>();
  readonly #chainNodes = new NodeUsage();
  readonly #setNodes = new NodeUsage();

  /** Keeps the chain under the hash of its content, and returns that. Kept only while used, see `takeChanges`. */
  intern(chain: ChainIr): string {
    const key = shortHash(JSON.stringify(chain));
    if (!this.#chains.has(key)) this.#chains.set(key, chain);
    return key;
  }

  use(key: string, node: string): void {
    if (!this.#chainNodes.add(key, node)) return;
    for (const set of this.setsOf(key)) this.#setNodes.add(set, node);
  }

  drop(key: string, node: string): void {
    if (!this.#chainNodes.drop(key, node)) return;
    for (const set of this.setsOf(key)) this.#setNodes.drop(set, node);
  }

  body(key: string): ChainIr | undefined {
    return this.#chains.get(key);
  }

  isSetUsed(key: string): boolean {
    return this.#setNodes.isUsed(key);
  }

  takeChanges(): { readonly chains: UsageChange[]; readonly sets: UsageChange[] } {
    const chains = this.#chainNodes.takeChanges();
    for (const { key, isUsed } of chains) if (!isUsed) this.#chains.delete(key);
    return { chains, sets: this.#setNodes.takeChanges() };
  }

  /** Each set once, however many of the chain's rules name it. */
  setsOf(key: string): string[] {
    const chain = this.#chains.get(key);
    return chain === undefined ? [] : setsOfChain(chain);
  }
}
