import { closeSync, existsSync, fdatasync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import path from 'node:path';

/** Appended entries after which the journal is rewritten as what is still true. */
const COMPACT_AFTER = 1000;

/**
 * A crash-safe log of JSON entries, one a line, in the order of `append`, each on disk when its promise resolves. A
 * line that a crash cut short is dropped when reading: its promise never resolved.
 */
export class Journal {
  readonly #file: string;
  #fd: number;
  #appended = 0;
  /** The sync that runs, and the one that comes after it: what is appended meanwhile goes to disk in one go. */
  #syncing: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  private constructor(file: string) {
    this.#file = file;
    this.#fd = openSync(file, 'a', 0o600);
  }

  /** Opens or creates the journal and returns what it holds. `lost` when there was no file. */
  static open(file: string): { journal: Journal; entries: unknown[]; lost: boolean } {
    const lost = !existsSync(file);
    const entries = lost ? [] : readEntries(file);
    const journal = new Journal(file);
    syncFolder(file);
    // Ends a line that a crash cut short, so that the next entry stands alone.
    if (!lost && !readFileSync(file, 'utf8').endsWith('\n')) writeSync(journal.#fd, '\n');
    return { journal, entries, lost };
  }

  /** Resolves when the entries are on disk. @throws at once, or later, the file system's error. */
  append(entries: readonly object[]): Promise<void> {
    writeSync(this.#fd, entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
    this.#appended += entries.length;
    if (this.#syncing === undefined) return this.#sync();
    this.#next ??= this.#syncing.then(
      () => this.#sync(),
      () => this.#sync(),
    );
    return this.#next;
  }

  #sync(): Promise<void> {
    this.#next = undefined;
    const fd = this.#fd;
    this.#syncing = new Promise<void>((resolve, reject) => {
      // A file that `rewrite` has replaced meanwhile is on disk as a whole.
      fdatasync(fd, (error) => (error === null || fd !== this.#fd ? resolve() : reject(error)));
    }).finally(() => {
      this.#syncing = undefined;
    });
    return this.#syncing;
  }

  /** Whether `rewrite` is due. */
  get isLong(): boolean {
    return this.#appended >= COMPACT_AFTER;
  }

  /** Replaces the whole journal by `entries`, atomically. */
  rewrite(entries: readonly object[]): void {
    const next = `${this.#file}.new`;
    const fd = openSync(next, 'w', 0o600);
    writeSync(fd, entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
    fsyncSync(fd);
    renameSync(next, this.#file);
    syncFolder(this.#file);
    closeSync(this.#fd);
    this.#fd = fd;
    this.#appended = 0;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

function readEntries(file: string): unknown[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        return line === '' ? [] : [JSON.parse(line) as unknown];
      } catch {
        return [];
      }
    });
}

/** A created or renamed file is only sure to be found after a crash when its folder is on disk too. */
function syncFolder(file: string): void {
  const fd = openSync(path.dirname(file), 'r');
  fsyncSync(fd);
  closeSync(fd);
}
