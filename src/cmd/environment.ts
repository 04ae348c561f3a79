/** Reads variables; all mistakes are told at once. */
export class Environment {
  readonly #variables: Readonly<Record<string, string | undefined>>;
  readonly #problems: string[] = [];

  constructor(variables: Readonly<Record<string, string | undefined>>) {
    this.#variables = variables;
  }

  text(name: string): string {
    const value = this.#variables[name];
    if (value === undefined || value === '') this.#problems.push(`${name} must be set`);
    return value ?? '';
  }

  optional(name: string): string | undefined {
    return this.#variables[name] || undefined;
  }

  port(name: string): number {
    const value = Number(this.text(name));
    if (!Number.isInteger(value) || value < 1 || value > 65535)
      this.#problems.push(`${name} must be a port, 1 to 65535`);
    return value;
  }

  integer(name: string): number {
    const value = Number(this.text(name));
    if (!Number.isInteger(value) || value < 0) this.#problems.push(`${name} must be a whole number`);
    return value;
  }

  /** An object as JSON text. */
  json(name: string): Readonly<Record<string, never>> {
    try {
      return JSON.parse(this.text(name)) as Readonly<Record<string, never>>;
    } catch {
      this.#problems.push(`${name} must be JSON`);
      return {};
    }
  }

  choice<T extends string>(name: string, choices: readonly T[]): T {
    const value = this.text(name);
    const found = choices.find((choice) => choice === value);
    if (found === undefined) this.#problems.push(`${name} must be one of ${choices.join(', ')}`);
    return found ?? (choices[0] as T);
  }

  /** @throws with every mistake, if there was any. */
  check(): void {
    if (this.#problems.length > 0) throw new Error(this.#problems.join('; '));
  }
}
