import type { KubeObject } from '../api/meta.ts';
import type { Clock } from '../lib/clock.ts';
import { shortHash } from '../lib/hash.ts';
import type { Logger } from '../lib/logger.ts';
import type { KubeApi } from './client.ts';
import { isNotFound } from './errors.ts';
import { collectionPath, type Kind, KINDS, objectPath } from './kinds.ts';
import { type Event, microTime } from './objects.ts';

/** client-go's finishTime: a repeat within it extends the series, a later one begins anew. */
const SERIES_MS = 6 * 60_000;
/** A running series is written no more often than this. */
const SERIES_WRITE_MS = 60_000;
const MAX_SERIES = 500;
/** events.k8s.io/v1, Event.note: "maximal length of the note is 1kB"; the API server counts bytes of UTF-8. */
const MAX_NOTE_BYTES = 1024;

export interface EventFacts {
  readonly type: 'Normal' | 'Warning';
  /** CamelCase, why: `PoolOverlaps`. */
  readonly reason: string;
  /** CamelCase, what was being done: `Reserve`. */
  readonly action: string;
  readonly message: string;
}

export interface EventRecorderOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly log: Logger;
  /** `weft.dev/operator`. */
  readonly controller: string;
  /** The pod's name. */
  readonly instance: string;
}

interface Series {
  readonly name: string;
  readonly namespace: string;
  count: number;
  seenMs: number;
  writtenMs: number;
  /** Writes of one series happen one after the other. */
  tail: Promise<void>;
}

/**
 * Tells people about an object by `kubectl describe`. Repeats of the same fact become one Event with a count.
 * Recording never fails and never waits: what cannot be written is logged and lost, because conditions tell the truth.
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #series = new Map<string, Series>();

  constructor(options: EventRecorderOptions) {
    this.#options = options;
  }

  record<T extends KubeObject>(kind: Kind<T>, object: T, facts: EventFacts): void {
    const { clock } = this.#options;
    const nowMs = clock.monotonic();
    const key = [kind.kind, object.metadata.uid, facts.type, facts.reason, facts.action, facts.message].join('\n');
    const running = this.#series.get(key);
    if (running !== undefined && nowMs - running.seenMs < SERIES_MS) {
      running.count += 1;
      running.seenMs = nowMs;
      if (nowMs - running.writtenMs < SERIES_WRITE_MS) return;
      running.writtenMs = nowMs;
      this.#enqueue(running, () => this.#extend(running, kind, object, facts));
      return;
    }
    const { name, namespace = 'default' } = object.metadata;
    const started: Series = {
      name: `${name.slice(0, 200)}.${shortHash(`${this.#options.instance}\n${key}\n${clock.now()}`)}`,
      namespace,
      count: 1,
      seenMs: nowMs,
      writtenMs: nowMs,
      tail: Promise.resolve(),
    };
    this.#series.delete(key);
    this.#series.set(key, started);
    this.#dropOldest();
    this.#enqueue(started, () => this.#create(started, kind, object, facts));
  }

  /** Resolves when everything recorded so far is written or lost; for an orderly end. */
  async drained(): Promise<void> {
    await Promise.all([...this.#series.values()].map((series) => series.tail));
  }

  #enqueue(series: Series, write: () => Promise<void>): void {
    series.tail = series.tail.then(write).catch((error: unknown) => {
      this.#options.log.debug('event lost', { event: series.name, error });
    });
  }

  async #create<T extends KubeObject>(series: Series, kind: Kind<T>, object: T, facts: EventFacts): Promise<void> {
    const { api, clock, controller, instance } = this.#options;
    const { name, namespace, uid } = object.metadata;
    const body: Event = {
      apiVersion: KINDS.event.apiVersion,
      kind: KINDS.event.kind,
      metadata: { name: series.name, namespace: series.namespace },
      eventTime: microTime(clock.now()),
      reportingController: controller,
      reportingInstance: instance,
      action: facts.action,
      reason: facts.reason,
      regarding: {
        apiVersion: kind.apiVersion,
        kind: kind.kind,
        name,
        ...(namespace === undefined ? {} : { namespace }),
        ...(uid === undefined ? {} : { uid }),
      },
      note: cutToNote(facts.message),
      type: facts.type,
    };
    await api.request('POST', collectionPath(KINDS.event, series.namespace), { body });
  }

  /** Events live for an hour (kube-apiserver --event-ttl): one that is gone is made again. */
  async #extend<T extends KubeObject>(series: Series, kind: Kind<T>, object: T, facts: EventFacts): Promise<void> {
    const { api, clock } = this.#options;
    const body = { series: { count: Math.max(2, series.count), lastObservedTime: microTime(clock.now()) } };
    try {
      const contentType = 'application/merge-patch+json';
      await api.request('PATCH', objectPath(KINDS.event, series), { body, contentType });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      await this.#create(series, kind, object, facts);
    }
  }

  #dropOldest(): void {
    if (this.#series.size <= MAX_SERIES) return;
    const [oldest] = this.#series.keys();
    if (oldest !== undefined) this.#series.delete(oldest);
  }
}

/** Cut between two characters, never within one. */
function cutToNote(message: string): string {
  const { read } = new TextEncoder().encodeInto(message, new Uint8Array(MAX_NOTE_BYTES));
  return message.slice(0, read);
}
