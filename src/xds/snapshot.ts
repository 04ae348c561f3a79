export interface XdsResource {
  /** Changes exactly when the value does. */
  readonly version: string;
  /** The encoded message, without the `Any` around it. */
  readonly value: Uint8Array;
}

/** All that one proxy may have: by type URL, then by name. Whoever hands one over does not change it any more. */
export type Snapshot = ReadonlyMap<string, ReadonlyMap<string, XdsResource>>;

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
