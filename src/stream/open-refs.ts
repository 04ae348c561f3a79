import type { AnyRef } from '../model/node/desired-update.ts';
import { RESOURCE_ORDER } from '../model/node/ir.ts';

const RANK: ReadonlyMap<string, number> = new Map(RESOURCE_ORDER.map((kind, index) => [kind, index]));

/**
 * What may differ at one node, in the order of sending. A new node has thousands, and is told them in many steps: each
 * step takes from the front, and costs what it takes.
 */
export class OpenRefs {
  /** Keys by kind; kinds in the order of `RESOURCE_ORDER`. */
  #kinds = new Map<string, Set<string>>();

  add({ kind, key }: AnyRef): void {
    const keys = this.#kinds.get(kind);
    if (keys !== undefined) keys.add(key);
    else this.#kinds = new Map([...this.#kinds, [kind, new Set([key])] as const].sort(([a], [b]) => rank(a) - rank(b)));
  }

  delete({ kind, key }: AnyRef): void {
    const keys = this.#kinds.get(kind);
    if (keys?.delete(key) === true && keys.size === 0) this.#kinds.delete(kind);
  }

  clear(): void {
    this.#kinds.clear();
  }

  get isEmpty(): boolean {
    return this.#kinds.size === 0;
  }

  /** Referents before those who refer to them. */
  *inOrder(): Iterable<AnyRef> {
    for (const [kind, keys] of this.#kinds) for (const key of keys) yield { kind, key };
  }
}

/** Kinds that this version does not know are only ever removed: in reverse order, and so last. */
function rank(kind: string): number {
  return RANK.get(kind) ?? -1;
}
