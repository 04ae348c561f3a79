import type { AnyRef, HeldResource } from './desired-update.ts';

/**
 * What one node holds: versions by resource. There are as many of these as nodes, so nothing but the strings it is
 * given is kept, and no text is put together.
 */
export class HeldVersions {
  /** By kind, then by key. */
  readonly #kinds = new Map<string, Map<string, string>>();

  constructor(held: Iterable<HeldResource> = []) {
    for (const resource of held) this.set(resource);
  }

  get({ kind, key }: AnyRef): string | undefined {
    return this.#kinds.get(kind)?.get(key);
  }

  set({ kind, key, version }: HeldResource): void {
    const keys = this.#kinds.get(kind) ?? new Map<string, string>();
    this.#kinds.set(kind, keys);
    keys.set(key, version);
  }

  delete({ kind, key }: AnyRef): void {
    this.#kinds.get(kind)?.delete(key);
  }

  keys(kind: string): Iterable<string> {
    return this.#kinds.get(kind)?.keys() ?? [];
  }

  *refs(): Iterable<AnyRef> {
    for (const [kind, keys] of this.#kinds) for (const key of keys.keys()) yield { kind, key };
  }
}
