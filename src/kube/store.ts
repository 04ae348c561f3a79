import { type KubeObject, objectKey } from '../api/meta.ts';

/** Called after the store has changed. `before` is absent for a new object, `after` for one that is gone. */
export type ChangeHandler<T> = (key: string, before: T | undefined, after: T | undefined) => void;

/** What everybody but the reflector sees. Objects are shared: never write to one. */
export interface StoreReader<T extends KubeObject> {
  get(key: string): T | undefined;
  list(): readonly T[];
  inNamespace(namespace: string): readonly T[];
  /** Of the last list, change or bookmark seen; opaque, only good for equality. Empty before the first list. */
  readonly resourceVersion: string;
  /** Resolves with the first complete list. Never rejects. */
  readonly synced: Promise<void>;
  readonly isSynced: boolean;
  /**
   * Handlers only enqueue keys: one that throws is a bug, and ends the process as an uncaught exception. What is
   * there already is not told. The returned function unsubscribes.
   */
  onChange(handler: ChangeHandler<T>): () => void;
}

/** The objects of one kind as the API server last told, by `namespace/name`. */
export class Store<T extends KubeObject> implements StoreReader<T> {
  readonly synced: Promise<void>;
  readonly #resolveSynced: () => void;
  readonly #objects = new Map<string, T>();
  readonly #namespaces = new Map<string, Map<string, T>>();
  readonly #handlers = new Set<ChangeHandler<T>>();
  #resourceVersion = '';
  #isSynced = false;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.synced = promise;
    this.#resolveSynced = resolve;
  }

  get resourceVersion(): string {
    return this.#resourceVersion;
  }

  get isSynced(): boolean {
    return this.#isSynced;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(): readonly T[] {
    return [...this.#objects.values()];
  }

  inNamespace(namespace: string): readonly T[] {
    return [...(this.#namespaces.get(namespace)?.values() ?? [])];
  }

  onChange(handler: ChangeHandler<T>): () => void {
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }

  /** Takes a complete list: handlers hear of the differences only, and after all of them are in the store. */
  replace(objects: readonly T[], resourceVersion: string): void {
    const next = new Map(objects.map((object) => [objectKey(object), object]));
    const changes: { key: string; before: T | undefined; after: T | undefined }[] = [];
    for (const [key, before] of this.#objects) {
      if (!next.has(key)) changes.push({ key, before, after: undefined });
    }
    for (const [key, after] of next) changes.push({ key, before: this.#objects.get(key), after });
    for (const { key, after } of changes) this.#keep(key, after);
    this.#resourceVersion = resourceVersion;
    if (!this.#isSynced) {
      this.#isSynced = true;
      this.#resolveSynced();
    }
    for (const { key, before, after } of changes) this.#tell(key, before, after);
  }

  /** Takes an object that was added or modified. */
  set(object: T): void {
    const key = objectKey(object);
    const before = this.#objects.get(key);
    this.#keep(key, object);
    this.#advanceTo(object);
    this.#tell(key, before, object);
  }

  /** Drops an object; `last` is its final state, whose resourceVersion is that of the deletion. */
  delete(last: T): void {
    const key = objectKey(last);
    const before = this.#objects.get(key);
    this.#keep(key, undefined);
    this.#advanceTo(last);
    if (before !== undefined) this.#tell(key, before, undefined);
  }

  /** Takes a bookmark. */
  advance(resourceVersion: string): void {
    this.#resourceVersion = resourceVersion;
  }

  #advanceTo(object: T): void {
    this.#resourceVersion = object.metadata.resourceVersion ?? this.#resourceVersion;
  }

  #keep(key: string, object: T | undefined): void {
    const slash = key.indexOf('/');
    const namespace = slash < 0 ? undefined : key.slice(0, slash);
    if (object !== undefined) {
      this.#objects.set(key, object);
      if (namespace === undefined) return;
      const members = this.#namespaces.get(namespace) ?? new Map<string, T>();
      members.set(key, object);
      this.#namespaces.set(namespace, members);
      return;
    }
    this.#objects.delete(key);
    if (namespace === undefined) return;
    const members = this.#namespaces.get(namespace);
    members?.delete(key);
    if (members?.size === 0) this.#namespaces.delete(namespace);
  }

  /** An object that was deleted and made again in between is told as both: its uid is another. */
  #tell(key: string, before: T | undefined, after: T | undefined): void {
    if (before !== undefined && after !== undefined) {
      if (before.metadata.uid !== after.metadata.uid) {
        this.#emit(key, before, undefined);
        this.#emit(key, undefined, after);
        return;
      }
      if (before.metadata.resourceVersion === after.metadata.resourceVersion) return;
    }
    this.#emit(key, before, after);
  }

  #emit(key: string, before: T | undefined, after: T | undefined): void {
    for (const handler of this.#handlers) {
      try {
        handler(key, before, after);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
