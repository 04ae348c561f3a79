import { type Clock, sleep } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { KubeApi } from './client.ts';
import { isConflict, isNotFound } from './errors.ts';
import { collectionPath, KINDS, objectPath } from './kinds.ts';
import { heldBy, mayTake, type Observation, observe, released } from './lease-record.ts';
import type { Lease } from './objects.ts';

export interface LeaderElectionOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  /** In [0, 1): keeps candidates from asking in step. */
  readonly random: () => number;
  readonly log: Logger;
  readonly namespace: string;
  readonly name: string;
  /** Differs for each start of a process: pod name and something random. */
  readonly identity: string;
  /** The three numbers of controller-runtime and client-go. Others wait so long for a silent holder: 15 s. */
  readonly leaseMs?: number;
  /** A holder that could not renew stops after this, well before others may take over: 10 s. */
  readonly renewDeadlineMs?: number;
  /** Between tries: 2 s. */
  readonly retryMs?: number;
}

/**
 * Leader election on one Lease. Every write carries the resourceVersion that was read, so of two candidates one
 * loses; a holder counts its time from before the request of its last renewal, others from after they saw it.
 */
export class LeaderElection {
  readonly #options: Required<LeaderElectionOptions>;
  #seen: Observation | undefined;
  /** As of the last own write or read. */
  #stored: Lease | undefined;
  /** Monotonic; until then the lease is surely this candidate's. */
  #mineUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: LeaderElectionOptions) {
    this.#options = { leaseMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2_000, ...options };
  }

  /** True while it is certain; also right after the event loop stood still, when no timer has run yet. */
  get isLeading(): boolean {
    return this.#options.clock.monotonic() < this.#mineUntilMs;
  }

  /** The holder as last seen; empty when nobody is, or nothing was seen yet. */
  get leader(): string {
    return this.#stored?.spec?.holderIdentity ?? '';
  }

  /**
   * Competes until `signal` aborts; each time the lease is won, runs `lead`, whose signal aborts when the lease is
   * lost or `signal` aborts. No new competition begins, and nothing is released, before `lead` has settled: it must end
   * quickly once told. A lost lease does not end the process, because replicas serve without it too. Never rejects.
   */
  async run(lead: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    const { log, identity, retryMs, clock, random } = this.#options;
    while (!signal.aborted) {
      if (!(await this.#try(signal))) {
        await sleep(clock, retryMs * (0.8 + 0.4 * random()), signal);
        continue;
      }
      log.info('became leader', { identity });
      const lost = new AbortController();
      const term = AbortSignal.any([signal, lost.signal]);
      const work = lead(term).catch((error: unknown) => {
        if (!term.aborted) log.error("the leader's work failed", { error });
      });
      const keeping = this.#keep(term);
      await Promise.race([keeping, work]);
      lost.abort(new Error('the lease was lost'));
      await Promise.all([keeping, work]);
      log.info('no longer leader', { identity, stopping: signal.aborted });
      await this.#release();
      // Work that ended by itself must not be begun anew without a pause, and another candidate may be luckier.
      await sleep(clock, retryMs, signal);
    }
  }

  /** Renews until `term` aborts, the deadline is near or somebody else holds the lease. */
  async #keep(term: AbortSignal): Promise<void> {
    const { clock, retryMs } = this.#options;
    while (!term.aborted && this.isLeading) {
      await sleep(clock, Math.min(retryMs, this.#mineUntilMs - clock.monotonic()), term);
      if (term.aborted || !this.isLeading) return;
      await this.#try(term);
      if (this.leader !== this.#options.identity) return;
    }
  }

  /** One try to take or renew; true when the lease is surely this candidate's. Failures are logged. */
  async #try(signal: AbortSignal): Promise<boolean> {
    const { clock, log, renewDeadlineMs } = this.#options;
    const limit = new AbortController();
    const untilDeadlineMs = this.isLeading ? this.#mineUntilMs - clock.monotonic() : renewDeadlineMs;
    const limitMs = Math.min(untilDeadlineMs, renewDeadlineMs / 2);
    const cancel = clock.after(limitMs, () => limit.abort(new Error(`no answer within ${Math.round(limitMs)} ms`)));
    try {
      return await this.#takeOrRenew(AbortSignal.any([signal, limit.signal]));
    } catch (error) {
      // What is stored may be another by now: read before the next write.
      this.#stored = this.isLeading ? withoutVersion(this.#stored) : undefined;
      if (!signal.aborted && !isConflict(error)) log.warn('cannot renew or take the lease', { error });
      return false;
    } finally {
      cancel();
    }
  }

  async #takeOrRenew(signal: AbortSignal): Promise<boolean> {
    const { api, clock, namespace, name, identity, leaseMs, renewDeadlineMs } = this.#options;
    const own = this.leader === identity && this.#stored?.metadata.resourceVersion !== undefined;
    const lease = own ? this.#stored : await this.#read(signal);
    const seenMs = clock.monotonic();
    if (lease !== undefined) {
      this.#stored = lease;
      this.#seen = observe(lease, this.#seen, seenMs);
      if (!mayTake(lease, identity, this.#seen, seenMs)) {
        this.#mineUntilMs = Number.NEGATIVE_INFINITY;
        return false;
      }
    }
    const blank: Lease = { apiVersion: KINDS.lease.apiVersion, kind: 'Lease', metadata: { namespace, name } };
    const body = heldBy(lease ?? blank, { identity, leaseMs }, clock.now());
    const askedMs = clock.monotonic();
    this.#stored =
      lease === undefined
        ? await api.request<Lease>('POST', collectionPath(KINDS.lease, namespace), { body, signal })
        : await api.request<Lease>('PUT', objectPath(KINDS.lease, { namespace, name }), { body, signal });
    this.#mineUntilMs = askedMs + renewDeadlineMs;
    return this.isLeading;
  }

  async #read(signal: AbortSignal): Promise<Lease | undefined> {
    const { api, namespace, name } = this.#options;
    try {
      return await api.request<Lease>('GET', objectPath(KINDS.lease, { namespace, name }), { signal });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** Gives the lease up when it is still this candidate's; one quick try, for it runs out by itself. */
  async #release(): Promise<void> {
    const { api, clock, log, namespace, name, identity, retryMs } = this.#options;
    const stored = this.#stored;
    this.#mineUntilMs = Number.NEGATIVE_INFINITY;
    this.#stored = undefined;
    if (stored?.spec?.holderIdentity !== identity) return;
    const limit = new AbortController();
    const cancel = clock.after(retryMs, () => limit.abort(new Error(`no answer within ${retryMs} ms`)));
    try {
      const lease = stored.metadata.resourceVersion === undefined ? await this.#read(limit.signal) : stored;
      if (lease?.spec?.holderIdentity !== identity) return;
      const body = released(lease, clock.now());
      await api.request('PUT', objectPath(KINDS.lease, { namespace, name }), { body, signal: limit.signal });
    } catch (error) {
      log.info('the lease was not released, it runs out', { error });
    } finally {
      cancel();
    }
  }
}

/** The same record, which must be read again before it can be written. */
function withoutVersion(lease: Lease | undefined): Lease | undefined {
  if (lease === undefined) return undefined;
  const { resourceVersion: _, ...metadata } = lease.metadata;
  return { ...lease, metadata };
}
