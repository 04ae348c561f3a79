export interface XdsResource {
  /** Changes exactly when the value does. */
  readonly version: string;
  /** The encoded message, without the `Any` around it. */
  readonly value: Uint8Array;
}

/** All resources of one type that one proxy may have, by name. */
export type Offered = Pick<ReadonlyMap<string, XdsResource>, 'get' | 'has' | 'keys' | 'size'>;

/**
 * All that one proxy may have, by type URL. It may be another later, as proxies share most of it: whoever changes it
 * says so at once, and what.
 */
export interface Snapshot {
  get(typeUrl: string): Offered | undefined;
}

/** What of a snapshot is another than before: by type URL and name, what was there. */
export type SnapshotChanges = ReadonlyMap<string, ReadonlyMap<string, XdsResource | undefined>>;

/** What the proxy refused, and will not be sent again before it changes. */
export interface Rejection {
  readonly version: string;
  readonly message: string;
}

/** By type URL, then by name; outlives the proxy's connections. */
export class Rejections {
  readonly #byType = new Map<string, Map<string, Rejection>>();

  set(typeUrl: string, name: string, rejection: Rejection): void {
    const byName = this.#byType.get(typeUrl);
    if (byName === undefined) this.#byType.set(typeUrl, new Map([[name, rejection]]));
    else byName.set(name, rejection);
  }

  has(typeUrl: string, name: string, version: string): boolean {
    return this.#byType.get(typeUrl)?.get(name)?.version === version;
  }

  /** Forgets what is not offered any more, or has changed. */
  prune(snapshot: Snapshot): void {
    for (const [typeUrl, byName] of this.#byType) {
      for (const [name, { version }] of byName) {
        if (snapshot.get(typeUrl)?.get(name)?.version !== version) byName.delete(name);
      }
    }
  }

  isEmpty(typeUrl: string): boolean {
    return (this.#byType.get(typeUrl)?.size ?? 0) === 0;
  }
}
