/** What an operator knows of the leases of one node, over reconnects. */
export class LeaseView {
  readonly #known = new Map<string, readonly string[]>();

  /**
   * What changed: pod uid → addresses, undefined when the lease is gone.
   *
   * @param complete  what is not among `pods` is gone.
   */
  take(
    pods: readonly { readonly uid: string; readonly ips: readonly string[]; readonly up: boolean }[],
    complete: boolean,
  ): Map<string, readonly string[] | undefined> {
    const changes = new Map<string, readonly string[] | undefined>();
    if (complete) for (const uid of this.#known.keys()) changes.set(uid, undefined);
    for (const { uid, ips, up } of pods) changes.set(uid, up ? ips : undefined);
    for (const [uid, ips] of changes) {
      if (this.#known.get(uid)?.join() === ips?.join()) changes.delete(uid);
      else if (ips === undefined) this.#known.delete(uid);
      else this.#known.set(uid, ips);
    }
    return changes;
  }

  /** Forgets all: the node is gone. What changed, as `take`. */
  clear(): Map<string, readonly string[] | undefined> {
    return this.take([], true);
  }
}
