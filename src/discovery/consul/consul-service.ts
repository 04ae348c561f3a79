import type { MeshServiceConsulSource } from '../../api/generated/meshservice.ts';
import { backoffMs } from '../../lib/backoff.ts';
import { type Clock, sleep } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import type { Secret } from '../../lib/secret.ts';
import type { FoundInstances, SourceState } from '../../model/mesh/found-instance.ts';
import { type HttpAnswer, type HttpGet, reasonOf } from '../http-get.ts';
import { readHealth } from './instance.ts';

export interface ConsulDeps {
  readonly source: MeshServiceConsulSource;
  /** Rejects with what has to be done. */
  readonly token: (signal: AbortSignal) => Promise<Secret | undefined>;
  readonly get: HttpGet;
  /** Called when something may be found that was not, or be lost. */
  readonly changed: () => void;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
}

/** How long Consul waits for a change before it answers that there is none; it adds a sixteenth at most. */
const LONGEST_WAIT_S = 60;
const SHORTEST_WAIT_S = 45;
const TIMEOUT_MS = (LONGEST_WAIT_S * 17 * 1000) / 16 + 10_000;
/** The first question is answered at once. */
const FIRST_TIMEOUT_MS = 10_000;
/** Between two questions, however often there is a change. */
const AT_LEAST_MS = 1_000;
const RETRY = { firstMs: 1_000, maxMs: 10_000 };

/**
 * What Consul has of one service, by blocking queries: each is answered when there is a change since the index that the
 * last one had. While nobody answers, what was found stays.
 */
export class ConsulService {
  readonly #deps: ConsulDeps;
  readonly #end = new AbortController();
  #found: FoundInstances | undefined;
  #problem: string | undefined;
  /** 0: to be asked for what there is, and not for changes. */
  #index = 0;
  #failures = 0;

  constructor(deps: ConsulDeps) {
    this.#deps = deps;
    void this.#run(this.#end.signal);
  }

  state(): SourceState {
    return {
      ...(this.#found === undefined ? {} : { found: this.#found }),
      ...(this.#problem === undefined ? {} : { problem: this.#problem }),
    };
  }

  close(): void {
    this.#end.abort();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, random, log, source } = this.#deps;
    while (!signal.aborted) {
      const startedMs = clock.monotonic();
      const problem = await this.#look(signal);
      if (signal.aborted) return;
      const { service, address } = source;
      if (problem !== undefined && this.#problem === undefined) {
        log.warn('Consul is away', { service, address, reason: problem });
      }
      if (problem === undefined && this.#problem !== undefined) log.info('Consul is there again', { service, address });
      this.#problem = problem;
      this.#deps.changed();
      this.#failures = problem === undefined ? 0 : this.#failures + 1;
      const waitMs =
        problem === undefined
          ? startedMs + AT_LEAST_MS - clock.monotonic()
          : backoffMs(RETRY, this.#failures - 1, random());
      await sleep(clock, Math.max(0, waitMs), signal);
    }
  }

  /** Undefined: it is known what Consul has. */
  async #look(signal: AbortSignal): Promise<string | undefined> {
    try {
      const token = await this.#deps.token(signal);
      const { caBundle } = this.#deps.source;
      const answer = await this.#deps.get({
        url: this.#url(),
        headers: token === undefined ? {} : { 'x-consul-token': token.reveal().trim() },
        ...(caBundle === undefined ? {} : { ca: caBundle }),
        timeoutMs: this.#index === 0 ? FIRST_TIMEOUT_MS : TIMEOUT_MS,
        signal,
      });
      const problem = problemOf(answer);
      if (problem === undefined) {
        this.#found = readHealth(answer.body);
        this.#index = nextIndex(this.#index, answer.headers['x-consul-index']);
      } else this.#index = 0;
      return problem;
    } catch (error) {
      this.#index = 0;
      return reasonOf(error);
    }
  }

  #url(): string {
    const { address, service, datacenter, tags = [] } = this.#deps.source;
    const wait = Math.round(SHORTEST_WAIT_S + this.#deps.random() * (LONGEST_WAIT_S - SHORTEST_WAIT_S));
    const query = new URLSearchParams([
      ...(datacenter === undefined ? [] : [['dc', datacenter]]),
      ...tags.map((tag) => ['tag', tag]),
      ...(this.#index === 0
        ? []
        : [
            ['index', String(this.#index)],
            ['wait', `${wait}s`],
          ]),
    ] as [string, string][]);
    return `${address.replace(/\/+$/, '')}/v1/health/service/${encodeURIComponent(service)}?${query}`;
  }
}

/**
 * Where the next question begins. An index that went backwards (servers were restored, or replaced) or is none says
 * that changes may be missed: what there is has to be asked for.
 */
export function nextIndex(before: number, header: string | readonly string[] | undefined): number {
  const index = Number(header);
  return Number.isSafeInteger(index) && index > 0 && index >= before ? index : 0;
}

function problemOf({ status, headers }: HttpAnswer): string | undefined {
  if (status === 403) return 'answers 403: the token (tokenSecret) is unknown, or lacks service:read and node:read';
  if (status === 500) return 'answers 500: it has no leader, or knows no way to the datacenter';
  if (status !== 200) return `answers ${status}`;
  // Consul leaves out what the token may not read, and says so.
  const isFiltered = headers['x-consul-results-filtered-by-acls'] === 'true';
  return isFiltered
    ? 'leaves instances out: the token (tokenSecret) lacks service:read or node:read of some'
    : undefined;
}
