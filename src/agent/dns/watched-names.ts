import type { Clock } from '../../lib/clock.ts';
import type { Family } from '../../lib/ip.ts';
import type { Logger } from '../../lib/logger.ts';
import type { NameReport } from '../../model/node/report.ts';
import { NO_SUCH_RECORDS, type Resolve } from './resolve.ts';

/** By name; what was found last. */
export type KnownNames = Readonly<Record<string, readonly string[]>>;

export interface WatchedNamesDeps {
  readonly resolve: Resolve;
  /** Families that the node has an address of, in the order in which they are tried. */
  readonly families: () => readonly Family[];
  /** What an earlier agent had found: pods are served that while nobody answers. */
  readonly known: { load(): KnownNames; save(names: KnownNames): void };
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Records may live shorter or longer; names are asked for neither more often nor more seldom. */
const SHORTEST_MS = 1_000;
const LONGEST_MS = 3_600_000;
const RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 30_000;

interface Watched {
  addresses: readonly string[];
  problem: { readonly message: string; readonly since: string } | undefined;
  failures: number;
  cancel: () => void;
}

/**
 * Names that services of the mesh are found by, each asked for once on this node as its records run out, and not by
 * every proxy. A name that nobody answers for, or that is said not to be, keeps the addresses it had.
 */
export class WatchedNames {
  readonly #deps: WatchedNamesDeps;
  readonly #names = new Map<string, Watched>();
  /** Of names that are not watched any more too, as services come back. */
  #known: KnownNames;
  #changed: () => void = () => undefined;

  constructor(deps: WatchedNamesDeps) {
    this.#deps = deps;
    this.#known = deps.known.load();
  }

  /** Called when a name has other addresses. */
  onChange(changed: () => void): void {
    this.#changed = changed;
  }

  /** From now on these, and no others. */
  watch(names: ReadonlySet<string>): void {
    for (const [name, { cancel }] of this.#names) {
      if (names.has(name)) continue;
      cancel();
      this.#names.delete(name);
    }
    for (const name of names) {
      if (this.#names.has(name)) continue;
      const addresses = this.#known[name] ?? [];
      this.#names.set(name, { addresses, problem: undefined, failures: 0, cancel: () => undefined });
      void this.#look(name);
    }
  }

  /** Sorted; none while it was never found. */
  addressesOf(name: string): readonly string[] {
    return this.#names.get(name)?.addresses ?? [];
  }

  /** All that are watched, sorted by name. */
  reports(): readonly NameReport[] {
    const reports = [...this.#names].map(([name, { addresses, problem }]): NameReport => {
      return { name, addresses: addresses.length, ...(problem === undefined ? {} : { problem }) };
    });
    return reports.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  close(): void {
    this.watch(new Set());
  }

  async #look(name: string): Promise<void> {
    const watched = this.#names.get(name);
    if (watched === undefined) return;
    const { clock, logger } = this.#deps;
    let nextMs: number;
    try {
      const { addresses, ttlSeconds } = await this.#resolve(name);
      if (watched.problem !== undefined) logger.info('name found again', { name });
      watched.problem = undefined;
      watched.failures = 0;
      nextMs = Math.min(Math.max(ttlSeconds * 1000, SHORTEST_MS), LONGEST_MS);
      this.#found(name, watched, addresses);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (watched.problem === undefined) logger.warn('name not found', { name, reason: message });
      watched.problem = { message, since: watched.problem?.since ?? new Date(clock.now()).toISOString() };
      nextMs = Math.min(RETRY_MS * 2 ** watched.failures, LONGEST_RETRY_MS);
      watched.failures += 1;
    }
    if (this.#names.get(name) === watched) watched.cancel = clock.after(nextMs, () => void this.#look(name));
  }

  /**
   * The first family that the name has addresses of. One whose question is lost is not taken for one without: callers
   * would be sent to other endpoints for a lost packet.
   * @throws the failure that ended it.
   */
  async #resolve(name: string) {
    let failure: unknown = new Error('the node has no address yet');
    for (const family of this.#deps.families()) {
      try {
        return await this.#deps.resolve(name, family);
      } catch (error) {
        failure = error;
        if (!(error instanceof Error && 'code' in error && error.code === NO_SUCH_RECORDS)) break;
      }
    }
    throw failure;
  }

  #found(name: string, watched: Watched, addresses: readonly string[]): void {
    if (this.#names.get(name) !== watched || watched.addresses.join() === addresses.join()) return;
    watched.addresses = addresses;
    this.#known = { ...this.#known, [name]: addresses };
    const held = Object.entries(this.#known).filter(([known]) => this.#names.has(known));
    this.#deps.known.save(Object.fromEntries(held));
    this.#changed();
  }
}
