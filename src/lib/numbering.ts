/** Gives names the smallest free numbers, so that sets of them can be `NumberSet`s. */
export class Numbering {
  readonly #numbers = new Map<string, number>();
  readonly #free: number[] = [];
  #next = 0;

  /** The name's number; a new one when it has none. */
  of(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const number = this.#free.pop() ?? this.#next;
    if (number === this.#next) this.#next += 1;
    this.#numbers.set(name, number);
    return number;
  }

  find(name: string): number | undefined {
    return this.#numbers.get(name);
  }

  /** Another name may have the number now: take it out of all sets before. */
  release(name: string): void {
    const number = this.#numbers.get(name);
    if (number === undefined) return;
    this.#numbers.delete(name);
    this.#free.push(number);
  }

  [Symbol.iterator](): IterableIterator<[name: string, number: number]> {
    return this.#numbers.entries();
  }
}
