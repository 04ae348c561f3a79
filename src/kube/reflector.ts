import type { KubeObject } from '../api/meta.ts';
import { type Backoff, backoffMs } from '../lib/backoff.ts';
import { type Clock, sleep } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { KubeApi, Query } from './client.ts';
import { isExpired, isNotFound, KubeError } from './errors.ts';
import { collectionPath, type Kind } from './kinds.ts';
import type { Store } from './store.ts';
import { trimObject } from './trim.ts';
import { type Page, parsePage, parseWatchLine, type Trim } from './watch-event.ts';

/** client-go's reflector: 0.8 s doubled to 30 s. */
const BACKOFF: Backoff = { firstMs: 800, maxMs: 30_000 };
/** client-go's page size. */
const PAGE_LIMIT = 500;
/** How often an absent optional CRD is looked for. */
const OPTIONAL_KIND_MS = 60_000;
/** A watch that ends sooner than this without a word did not work, whatever its status says. */
const SHORT_WATCH_MS = 1_000;

export type ReflectorState =
  | { readonly phase: 'syncing' }
  | { readonly phase: 'synced' }
  /** `sinceMs` is monotonic time; the store keeps what was last known. */
  | { readonly phase: 'failing'; readonly sinceMs: number; readonly message: string };

export interface ReflectorOptions<T extends KubeObject> {
  readonly api: KubeApi;
  readonly kind: Kind<T>;
  readonly store: Store<T>;
  readonly clock: Clock;
  /** In [0, 1): spreads waits and the length of watches. */
  readonly random: () => number;
  readonly log: Logger;
  /** Only the objects of this namespace. */
  readonly namespace?: string;
  readonly fieldSelector?: string;
}

/**
 * Keeps a store equal to what the API server holds: lists in pages, then watches from there, resumes where a watch
 * ended, lists anew when that place is forgotten (410 in any form) and waits in between when something fails. It
 * never gives up before its signal aborts.
 */
export class Reflector<T extends KubeObject> {
  readonly #options: ReflectorOptions<T>;
  readonly #path: string;
  readonly #trim: Trim<T>;
  #state: ReflectorState = { phase: 'syncing' };
  /** Where the next watch begins; absent: list first. */
  #resumeFrom: string | undefined;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.#path = collectionPath(options.kind, options.namespace);
    this.#trim = options.kind.trim ?? trimObject;
  }

  get state(): ReflectorState {
    return this.#state;
  }

  /** `pods: failing for 12 s: …`, or undefined while in step; for readiness and for people. */
  get trouble(): string | undefined {
    const { kind, clock } = this.#options;
    if (this.#state.phase === 'synced') return undefined;
    if (this.#state.phase === 'syncing') return `${kind.plural}: first list under way`;
    const seconds = Math.round((clock.monotonic() - this.#state.sinceMs) / 1000);
    return `${kind.plural}: failing for ${seconds} s: ${this.#state.message}`;
  }

  /** Resolves once `signal` has aborted. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      try {
        if (this.#resumeFrom === undefined) await this.#list(signal);
        await this.#watch(signal, () => {
          failures = 0;
        });
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        const waitMs = this.#afterFailure(error, backoffMs(BACKOFF, failures, random()));
        failures += 1;
        await sleep(clock, waitMs, signal);
      }
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { api, store, log, kind } = this.#options;
    const items: T[] = [];
    let page: Page<T>;
    let token: string | undefined;
    do {
      const query = { ...this.#selector(), limit: PAGE_LIMIT, continue: token };
      page = parsePage<T>(await api.request('GET', this.#path, { query, signal }), this.#trim);
      for (const item of page.items) items.push(item);
      token = page.continueToken;
    } while (token !== undefined);
    store.replace(items, page.resourceVersion);
    this.#resumeFrom = page.resourceVersion;
    this.#state = { phase: 'synced' };
    log.debug('listed', { kind: kind.kind, path: this.#path, objects: items.length });
  }

  /** One watch. Resolves when the server ends it in the ordinary way, which it does every few minutes. */
  async #watch(signal: AbortSignal, onProgress: () => void): Promise<void> {
    const { api, clock, random } = this.#options;
    const startedMs = clock.monotonic();
    let heard = false;
    const query = {
      ...this.#selector(),
      resourceVersion: this.#resumeFrom,
      allowWatchBookmarks: true,
      timeoutSeconds: 300 + Math.floor(random() * 300),
    };
    const onLine = (line: string) => {
      this.#take(line);
      heard = true;
      this.#state = { phase: 'synced' };
      onProgress();
    };
    await api.watch(this.#path, query, onLine, signal);
    if (!heard && clock.monotonic() - startedMs < SHORT_WATCH_MS) {
      throw new KubeError(`WATCH ${this.#path}: ended at once without an event`, { status: 0, reason: 'ShortWatch' });
    }
    this.#state = { phase: 'synced' };
  }

  #take(line: string): void {
    const { store } = this.#options;
    const event = parseWatchLine<T>(`WATCH ${this.#path}`, line, this.#trim);
    switch (event.type) {
      case 'set':
        store.set(event.object);
        break;
      case 'delete':
        store.delete(event.object);
        break;
      case 'bookmark':
        if (event.resourceVersion !== '') store.advance(event.resourceVersion);
        break;
      case 'unknown':
        return;
    }
    this.#resumeFrom = store.resourceVersion;
  }

  /** Settles the state after a failure; returns how long to wait. */
  #afterFailure(error: unknown, backoff: number): number {
    const { kind, store, log, clock } = this.#options;
    if (kind.optional && isNotFound(error)) {
      this.#resumeFrom = undefined;
      store.replace([], '');
      this.#state = { phase: 'synced' };
      return OPTIONAL_KIND_MS;
    }
    if (!mayResume(error)) this.#resumeFrom = undefined;
    const message = error instanceof Error ? error.message : String(error);
    if (isExpired(error)) {
      log.info('watch expired, listing anew', { kind: kind.kind, path: this.#path });
      return backoff;
    }
    if (this.#state.phase !== 'failing') this.#state = { phase: 'failing', sinceMs: clock.monotonic(), message };
    log.warn('cannot follow the API server', { kind: kind.kind, path: this.#path, retryMs: backoff, error });
    return Math.max(backoff, error instanceof KubeError ? error.retryAfterMs : 0);
  }

  #selector(): Query {
    const { fieldSelector } = this.#options;
    return fieldSelector === undefined ? {} : { fieldSelector };
  }
}

/** After a lost connection or a busy server the watch goes on; any other answer may come from there for ever. */
function mayResume(error: unknown): boolean {
  if (!(error instanceof KubeError) || error.reason === 'BadAnswer') return false;
  return error.status === 0 || error.status === 429 || error.status === 503;
}
