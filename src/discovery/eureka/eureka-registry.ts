import { backoffMs } from '../../lib/backoff.ts';
import { type Clock, sleep } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import type { Secret } from '../../lib/secret.ts';
import type { FoundInstances, SourceState } from '../../model/mesh/found-instance.ts';
import { type HttpGet, reasonOf } from '../http-get.ts';
import { sortInstances } from '../sort-instances.ts';
import { type Applications, readAll, readDelta, type Registrations } from './applications.ts';

export interface EurekaDeps {
  /** Of servers that know the same, in the order in which they are tried. */
  readonly urls: readonly string[];
  /** See `HttpAsk`. */
  readonly ca: string | undefined;
  /** Of basic authentication. Rejects with what has to be done. */
  readonly credentials: (signal: AbortSignal) => Promise<Credentials | undefined>;
  readonly get: HttpGet;
  /** Called when something may be found that was not, or be lost. */
  readonly changed: () => void;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  readonly everyMs?: number;
  /** How long what has vanished has to come back; absent is 90 s. */
  readonly graceMs?: number;
}

export interface Credentials {
  readonly username: string;
  readonly password: Secret;
}

/** Three times as often as Eureka's own clients: there is one of us, and servers answer from a cache. */
const EVERY_MS = 10_000;
const TIMEOUT_MS = 5_000;
/** What an instance's lease lasts; those that live have registered again by then. */
const GRACE_MS = 90_000;
const VANISHED = 'its server has it no more, and may have been started anew; the instances have time to register again';
const RETRY = { firstMs: 1_000, maxMs: 10_000 };

/**
 * What the servers of one Eureka have registered: everything at first, and changes after that, until the hash code
 * says that something was missed. While no server answers, what was found stays.
 */
export class EurekaRegistry {
  readonly #deps: EurekaDeps;
  readonly #end = new AbortController();
  #applications: Applications | undefined;
  /** Applications that are gone without a word, with all their instances: a server that starts anew knows nobody. */
  readonly #vanished = new Map<string, { readonly instances: Registrations; readonly untilMs: number }>();
  #problem: string | undefined;
  /** The server that answered last. */
  #current: string | undefined;
  #failures = 0;

  constructor(deps: EurekaDeps) {
    this.#deps = deps;
    void this.#run(this.#end.signal);
  }

  /** @param application in capitals. */
  stateOf(application: string): SourceState {
    const vanished = this.#vanished.get(application);
    const problem = this.#problem ?? (vanished === undefined ? undefined : VANISHED);
    const instances = vanished?.instances ?? this.#applications?.get(application);
    return {
      ...(this.#applications === undefined ? {} : { found: foundIn(instances) }),
      ...(problem === undefined ? {} : { problem }),
    };
  }

  close(): void {
    this.#end.abort();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, random, everyMs = EVERY_MS, log, urls } = this.#deps;
    while (!signal.aborted) {
      const problem = await this.#look(signal);
      if (signal.aborted) return;
      if (problem !== undefined && this.#problem === undefined) log.warn('Eureka is away', { urls, reason: problem });
      if (problem === undefined && this.#problem !== undefined) log.info('Eureka is there again', { urls });
      this.#problem = problem;
      this.#deps.changed();
      this.#failures = problem === undefined ? 0 : this.#failures + 1;
      const waitMs =
        problem === undefined ? everyMs * (0.9 + random() / 5) : backoffMs(RETRY, this.#failures - 1, random());
      await sleep(clock, waitMs, signal);
    }
  }

  /** Undefined: it is known what the servers have. */
  async #look(signal: AbortSignal): Promise<string | undefined> {
    try {
      const headers = await this.#headers(signal);
      if (await this.#lookForChanges(headers, signal)) return undefined;
      return await this.#lookForAll(headers, signal);
    } catch (error) {
      return reasonOf(error);
    }
  }

  async #headers(signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
    const credentials = await this.#deps.credentials(signal);
    if (credentials === undefined) return {};
    const { username, password } = credentials;
    return { authorization: `Basic ${Buffer.from(`${username}:${password.reveal()}`).toString('base64')}` };
  }

  /**
   * Whether that was enough. After a failure it never is: servers forget their deltas after three minutes, and the hash
   * code counts instances only. A server may have deltas switched off.
   */
  async #lookForChanges(headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<boolean> {
    if (this.#applications === undefined || this.#current === undefined || this.#problem !== undefined) return false;
    try {
      const { status, body } = await this.#ask(this.#current, '/apps/delta', headers, signal);
      const after = status === 200 ? readDelta(this.#applications, body) : undefined;
      if (after !== undefined) this.#hold(after);
      return after !== undefined;
    } catch {
      return false;
    }
  }

  async #lookForAll(headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<string | undefined> {
    const { urls } = this.#deps;
    const problems: string[] = [];
    for (const url of new Set([this.#current ?? urls[0] ?? '', ...urls])) {
      try {
        const { status, body } = await this.#ask(url, '/apps', headers, signal);
        if (status === 200) {
          const after = readAll(body);
          this.#miss(after);
          this.#hold(after);
          this.#current = url;
          return undefined;
        }
        problems.push(`${url}: ${meaningOf(status)}`);
      } catch (error) {
        problems.push(`${url}: ${reasonOf(error)}`);
      }
    }
    return problems.join('; ');
  }

  #miss(after: Applications): void {
    const untilMs = this.#deps.clock.monotonic() + (this.#deps.graceMs ?? GRACE_MS);
    for (const [name, instances] of this.#applications ?? []) {
      if (!after.has(name)) this.#vanished.set(name, { instances, untilMs });
    }
  }

  #hold(after: Applications): void {
    this.#applications = after;
    const nowMs = this.#deps.clock.monotonic();
    for (const [name, { untilMs }] of this.#vanished) {
      if (after.has(name) || nowMs >= untilMs) this.#vanished.delete(name);
    }
  }

  #ask(url: string, path: string, headers: Readonly<Record<string, string>>, signal: AbortSignal) {
    const { get, ca } = this.#deps;
    const ask = { url: `${url.replace(/\/+$/, '')}${path}`, headers, timeoutMs: TIMEOUT_MS, signal };
    return get(ca === undefined ? ask : { ...ask, ca });
  }
}

/** Down, starting and out of service are known, and not called; so is what has the address of no machine. */
function foundIn(registrations: Registrations = new Map()): FoundInstances {
  const registered = [...registrations.values()];
  const up = registered.flatMap(({ status, found }) => (status === 'UP' && found !== undefined ? [found] : []));
  return { instances: sortInstances(up), known: registered.length };
}

function meaningOf(status: number): string {
  if (status === 401) return 'answers 401: it asks for another user name or password (credentialsSecret)';
  if (status === 403) return 'answers 403: the user may not read, or the server has only just started';
  if (status === 404) return 'answers 404: serviceUrls must end as clients of Eureka have it, mostly with /eureka';
  return `answers ${status}`;
}
