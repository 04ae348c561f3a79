import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { KnownNames } from '../dns/watched-names.ts';

/** What names led to last, on disk: for an agent that starts while nobody answers for them. */
export class KnownNamesFile {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  /** Nothing when there is no file, or none that can be read. */
  load(): KnownNames {
    try {
      const said = JSON.parse(readFileSync(this.#file, 'utf8')) as Readonly<Record<string, unknown>>;
      return Object.fromEntries(
        Object.entries(said).map(([name, addresses]) => [name, Array.isArray(addresses) ? addresses.map(String) : []]),
      );
    } catch {
      return {};
    }
  }

  save(names: KnownNames): void {
    writeFileSync(`${this.#file}.new`, JSON.stringify(names), { mode: 0o600 });
    renameSync(`${this.#file}.new`, this.#file);
  }

  discard(): void {
    rmSync(this.#file, { force: true });
  }
}
