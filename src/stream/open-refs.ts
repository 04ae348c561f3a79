import type { AnyRef } from '../model/node/desired-update.ts';
import { RESOURCE_ORDER } from '../model/node/ir.ts';

/**
 * Resources that may differ on a node, in the order in which they are to be told: referents before those who refer to
 * them. In order at any time, so that a large state is not sorted for each of its parts.
 */
export class OpenRefs implements Iterable<AnyRef> {
  /** Kinds that this version does not know come first: they are only ever removed, in reverse order, and so last. */
  readonly #unknown = new Map<string, Set<string>>();
  readonly #known: ReadonlyMap<string, Set<string>> = new Map(RESOURCE_ORDER.map((kind) => [kind, new Set<string>()]));
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add({ kind, key }: AnyRef): void {
    const keys = this.#keysOf(kind) ?? new Set<string>();
    if (!this.#known.has(kind)) this.#unknown.set(kind, keys);
    if (keys.has(key)) return;
    keys.add(key);
    this.#size += 1;
  }

  delete({ kind, key }: AnyRef): void {
    if (this.#keysOf(kind)?.delete(key) === true) this.#size -= 1;
  }

  clear(): void {
    for (const keys of this.#known.values()) keys.clear();
    this.#unknown.clear();
    this.#size = 0;
  }

  *[Symbol.iterator](): Iterator<AnyRef> {
    for (const kinds of [this.#unknown, this.#known]) {
      for (const [kind, keys] of kinds) for (const key of keys) yield { kind, key };
    }
  }

  #keysOf(kind: string): Set<string> | undefined {
    return this.#known.get(kind) ?? this.#unknown.get(kind);
  }
}
