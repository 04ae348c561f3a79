/** What an operator knows of the leases of one node, over reconnects. */
export class LeaseView {
  readonly #known = new Map<string, string>();

  /**
   * What changed: pod uid → address, undefined when the lease is gone.
   *
   * @param complete  what is not among `pods` is gone.
   */
  take(
    pods: readonly { readonly uid: string; readonly ip: string; readonly up: boolean }[],
    complete: boolean,
  ): Map<string, string | undefined> {
    const changes = new Map<string, string | undefined>();
    if (complete) for (const uid of this.#known.keys()) changes.set(uid, undefined);
    for (const { uid, ip, up } of pods) changes.set(uid, up ? ip : undefined);
    for (const [uid, ip] of changes) {
      if (this.#known.get(uid) === ip) changes.delete(uid);
      else if (ip === undefined) this.#known.delete(uid);
      else this.#known.set(uid, ip);
    }
    return changes;
  }

  /** Forgets all: the node is gone. What changed, as `take`. */
  clear(): Map<string, string | undefined> {
    return this.take([], true);
  }
}
