/** Addresses that nodes have leased, by pool: what `kubectl get ippools` counts. */
export class LeasedAddresses {
  readonly #byUid = new Map<string, string>();
  readonly #perPool = new Map<string, number>();
  readonly #poolOf: (address: string) => string | undefined;

  /** @param poolOf the pool whose block an address is in. */
  constructor(poolOf: (address: string) => string | undefined) {
    this.#poolOf = poolOf;
  }

  /** Pod uid → address, undefined when the lease is gone. Returns the pools whose count changed. */
  change(leases: ReadonlyMap<string, string | undefined>): ReadonlySet<string> {
    const pools = new Set<string>();
    for (const [uid, address] of leases) {
      this.#count(this.#byUid.get(uid), -1, pools);
      if (address === undefined) this.#byUid.delete(uid);
      else this.#byUid.set(uid, address);
      this.#count(address, 1, pools);
    }
    return pools;
  }

  /** In all pools. */
  get count(): number {
    return this.#byUid.size;
  }

  in(pool: string): number {
    return this.#perPool.get(pool) ?? 0;
  }

  #count(address: string | undefined, by: number, pools: Set<string>): void {
    const pool = address === undefined ? undefined : this.#poolOf(address);
    if (pool === undefined) return;
    this.#perPool.set(pool, Math.max(0, this.in(pool) + by));
    pools.add(pool);
  }
}
