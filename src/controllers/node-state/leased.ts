import { containsAddress, parseCidr, parseIp } from '../../lib/ip.ts';

/** Addresses that nodes have leased, by pool: what `kubectl get ippools` counts. */
export class LeasedAddresses {
  readonly #byUid = new Map<string, readonly string[]>();
  readonly #perPool = new Map<string, number>();
  readonly #poolOf: (address: string) => string | undefined;

  /** @param poolOf the pool whose block an address is in. */
  constructor(poolOf: (address: string) => string | undefined) {
    this.#poolOf = poolOf;
  }

  /** Pod uid → addresses, undefined when the lease is gone. Returns the pools whose count changed. */
  change(leases: ReadonlyMap<string, readonly string[] | undefined>): ReadonlySet<string> {
    const pools = new Set<string>();
    for (const [uid, addresses] of leases) {
      for (const address of this.#byUid.get(uid) ?? []) this.#count(address, -1, pools);
      if (addresses === undefined) this.#byUid.delete(uid);
      else this.#byUid.set(uid, addresses);
      for (const address of addresses ?? []) this.#count(address, 1, pools);
    }
    return pools;
  }

  /** Counts from the beginning: pools may have come since, or gone. */
  recount(): void {
    this.#perPool.clear();
    for (const address of [...this.#byUid.values()].flat()) this.#count(address, 1, new Set());
  }

  /** Pods that hold addresses. */
  get count(): number {
    return this.#byUid.size;
  }

  /** Whether any pod holds an address of this range. */
  isUsed(cidr: string): boolean {
    const range = parseCidr(cidr);
    if (range === undefined) return false;
    return [...this.#byUid.values()].flat().some((address) => {
      const ip = parseIp(address);
      return ip !== undefined && containsAddress(range, ip);
    });
  }

  in(pool: string): number {
    return this.#perPool.get(pool) ?? 0;
  }

  #count(address: string, by: number, pools: Set<string>): void {
    const pool = this.#poolOf(address);
    if (pool === undefined) return;
    this.#perPool.set(pool, Math.max(0, this.in(pool) + by));
    pools.add(pool);
  }
}
