/** Makes equal texts one string, so that what many peers say alike is kept once. */
export class StringPool {
  readonly #texts = new Map<string, string>();
  readonly #limit: number;

  /** @param limit texts; when there are more it starts anew, and only later copies of the earlier ones cost memory. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  of(text: string): string {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    if (this.#texts.size >= this.#limit) this.#texts.clear();
    this.#texts.set(text, text);
    return text;
  }
}
