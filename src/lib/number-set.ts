const BITS = 32;

/** A set of small whole numbers, one bit each. */
export class NumberSet {
  #words = new Uint32Array(1);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(number: number): boolean {
    return ((this.#words[Math.floor(number / BITS)] ?? 0) & bitOf(number)) !== 0;
  }

  add(number: number): void {
    if (this.has(number)) return;
    const at = Math.floor(number / BITS);
    if (at >= this.#words.length) {
      const words = new Uint32Array(Math.max(at + 1, this.#words.length * 2));
      words.set(this.#words);
      this.#words = words;
    }
    this.#words[at] = (this.#words[at] ?? 0) | bitOf(number);
    this.#size += 1;
  }

  delete(number: number): void {
    if (!this.has(number)) return;
    const at = Math.floor(number / BITS);
    this.#words[at] = (this.#words[at] ?? 0) & ~bitOf(number);
    this.#size -= 1;
  }

  /** Ascending. */
  *[Symbol.iterator](): Generator<number> {
    for (const [at, word] of this.#words.entries()) {
      for (let bit = 0; word !== 0 && bit < BITS; bit += 1) if ((word & (1 << bit)) !== 0) yield at * BITS + bit;
    }
  }
}

function bitOf(number: number): number {
  return 1 << (number % BITS);
}
