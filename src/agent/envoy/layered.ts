/** Two maps as one: what `own` has goes before what `shared` has. Both may change underneath. */
export class Layered<V> {
  readonly #own: ReadonlyMap<string, V>;
  readonly #shared: ReadonlyMap<string, V>;

  constructor(own: ReadonlyMap<string, V>, shared: ReadonlyMap<string, V>) {
    this.#own = own;
    this.#shared = shared;
  }

  get(key: string): V | undefined {
    return this.#own.get(key) ?? this.#shared.get(key);
  }

  has(key: string): boolean {
    return this.#own.has(key) || this.#shared.has(key);
  }

  *keys(): Generator<string> {
    yield* this.#own.keys();
    for (const key of this.#shared.keys()) if (!this.#own.has(key)) yield key;
  }

  /** Costs what `own` has. */
  get size(): number {
    const hidden = [...this.#own.keys()].filter((key) => this.#shared.has(key)).length;
    return this.#own.size + this.#shared.size - hidden;
  }
}
