import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { Clock } from '../../lib/clock.ts';
import type { ResourceBodies, ResourceKind } from '../../model/node/ir.ts';

interface Held {
  readonly version: string;
  readonly body: unknown;
}

/** How long changes are collected before they go to disk: a state this old is caught up in one small update. */
const SAVE_AFTER_MS = 500;

/** Private keys that are not the node's own: it is told them again. */
const UNSAVED: ReadonlySet<string> = new Set(['gatewayCertificate']);

/** Goes up when bodies of the IR change so that an older agent's cannot be read. */
const FORMAT = 3;

interface Saved {
  readonly format: number;
  readonly watermark: Readonly<Record<string, string>>;
  readonly resources: readonly (readonly [kind: string, key: string, version: string, body: unknown])[];
}

/** Undefined for a file that is not there, is damaged, or is of another format: then the operators tell all anew. */
function readSaved(file: string): Saved | undefined {
  if (!existsSync(file)) return undefined;
  try {
    const saved = JSON.parse(readFileSync(file, 'utf8')) as Saved;
    return saved.format === FORMAT ? saved : undefined;
  } catch {
    return undefined;
  }
}

/**
 * What this node has been told, by kind and key, and a copy of it on disk: an agent that starts without an operator
 * goes on from there. For root only: passwords of BGP sessions are in it. Private keys are not, they are made anew.
 */
export class ResourceStore {
  readonly #file: string;
  readonly #clock: Clock;
  readonly #kinds = new Map<string, Map<string, Held>>();
  #watermark: Readonly<Record<string, string>> = {};
  #isSaving = false;
  #isDiscarded = false;

  constructor(file: string, clock: Clock) {
    this.#file = file;
    this.#clock = clock;
    const saved = readSaved(file);
    if (saved === undefined) return;
    this.#watermark = saved.watermark;
    for (const [kind, key, version, body] of saved.resources) this.#kindOf(kind).set(key, { version, body });
  }

  get<K extends ResourceKind>(kind: K, key: string): ResourceBodies[K] | undefined {
    return this.#kinds.get(kind)?.get(key)?.body as ResourceBodies[K] | undefined;
  }

  /** Bodies by key. */
  *all<K extends ResourceKind>(kind: K): IterableIterator<[string, ResourceBodies[K]]> {
    for (const [key, { body }] of this.#kinds.get(kind) ?? []) yield [key, body as ResourceBodies[K]];
  }

  versionOf(kind: string, key: string): string | undefined {
    return this.#kinds.get(kind)?.get(key)?.version;
  }

  *versions(): IterableIterator<{ kind: string; key: string; version: string }> {
    for (const [kind, byKey] of this.#kinds) for (const [key, { version }] of byKey) yield { kind, key, version };
  }

  get watermark(): Readonly<Record<string, string>> {
    return this.#watermark;
  }

  set<K extends ResourceKind>(kind: K, key: string, version: string, body: ResourceBodies[K]): void {
    this.#kindOf(kind).set(key, { version, body });
    this.#saveSoon();
  }

  remove(kind: ResourceKind, key: string): void {
    this.#kinds.get(kind)?.delete(key);
    this.#saveSoon();
  }

  setWatermark(watermark: Readonly<Record<string, string>>): void {
    this.#watermark = watermark;
    this.#saveSoon();
  }

  /** Deletes the copy on disk and writes none any more. */
  discard(): void {
    this.#isDiscarded = true;
    rmSync(this.#file, { force: true });
  }

  /** Writes what is held, atomically. */
  save(): void {
    if (this.#isDiscarded) return;
    const kept = [...this.#kinds].filter(([kind]) => !UNSAVED.has(kind));
    const resources = kept.flatMap(([kind, byKey]) =>
      [...byKey].map(([key, { version, body }]) => [kind, key, version, body]),
    );
    writeFileSync(`${this.#file}.new`, JSON.stringify({ format: FORMAT, watermark: this.#watermark, resources }), {
      mode: 0o600,
    });
    renameSync(`${this.#file}.new`, this.#file);
  }

  #kindOf(kind: string): Map<string, Held> {
    let byKey = this.#kinds.get(kind);
    if (byKey === undefined) this.#kinds.set(kind, (byKey = new Map()));
    return byKey;
  }

  #saveSoon(): void {
    if (this.#isSaving) return;
    this.#isSaving = true;
    this.#clock.after(SAVE_AFTER_MS, () => {
      this.#isSaving = false;
      this.save();
    });
  }
}
