import { request as send } from 'undici';
import type { Clock } from '../lib/clock.ts';
import type { Connection } from './connection.ts';
import { KubeError, kubeErrorOf, parseStatusBody } from './errors.ts';
import { LineSplitter } from './line-splitter.ts';
import { Transport } from './transport.ts';

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface KubeRequest {
  readonly query?: Query;
  /** Encoded as JSON, which is valid YAML too. */
  readonly body?: unknown;
  /** `application/json` when absent. */
  readonly contentType?: string;
  readonly signal?: AbortSignal;
}

/** The API server as the rest of this room sees it: raw JSON in, raw JSON out. */
export interface KubeApi {
  /**
   * One request. The caller names the answer's type: the API server's own schema is what vouches for it.
   *
   * @throws KubeError for every answer from 300 up and for a connection that failed; the signal's reason when aborted.
   */
  request<T>(method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, options?: KubeRequest): Promise<T>;
  /**
   * Reads a watch, one line of JSON at a time and in order; resolves when the server ends it.
   *
   * @throws what `onLine` throws; KubeError as in `request`, with reason `WatchInactive` when nothing came for 150 s.
   */
  watch(path: string, query: Query, onLine: (line: string) => void, signal: AbortSignal): Promise<void>;
}

/** A watch with bookmarks says something about each minute (kube-apiserver, bookmarkFrequency), two at the latest. */
const WATCH_INACTIVITY_MS = 150_000;

export class KubeClient implements KubeApi {
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #transport: Transport;
  readonly #origin: string;
  readonly #prefix: string;

  constructor(connection: Connection, clock: Clock) {
    const { origin, pathname } = new URL(connection.server);
    this.#connection = connection;
    this.#clock = clock;
    this.#transport = new Transport(connection);
    this.#origin = origin;
    this.#prefix = pathname.replace(/\/$/, '');
  }

  async request<T>(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    { query = {}, body, contentType = 'application/json', signal }: KubeRequest = {},
  ): Promise<T> {
    const action = `${method} ${path}`;
    const answer = await this.#send(action, {
      method,
      path: this.#prefix + path + renderQuery(query),
      ...(body === undefined ? {} : { body: JSON.stringify(body), contentType }),
      ...(signal === undefined ? {} : { signal }),
    });
    const text = await this.#guard(action, signal, () => answer.body.text());
    if (answer.statusCode >= 300) throw refusal(action, answer, text);
    return parseAnswer<T>(action, answer.statusCode, text);
  }

  async watch(path: string, query: Query, onLine: (line: string) => void, signal: AbortSignal): Promise<void> {
    const action = `WATCH ${path}`;
    const silence = new AbortController();
    const quiet = this.#onSilence(() => {
      const message = `${action}: nothing came for ${WATCH_INACTIVITY_MS / 1000} s; the connection is taken for dead`;
      silence.abort(new KubeError(message, { status: 0, reason: 'WatchInactive' }));
    });
    const either = AbortSignal.any([signal, silence.signal]);
    try {
      const target = this.#prefix + path + renderQuery({ ...query, watch: true });
      const answer = await this.#send(action, { method: 'GET', path: target, signal: either, bodyTimeout: 0 });
      if (answer.statusCode >= 300) {
        throw refusal(action, answer, await this.#guard(action, either, () => answer.body.text()));
      }
      const lines = new LineSplitter(onLine);
      const chunks: AsyncIterator<Buffer> = answer.body[Symbol.asyncIterator]();
      try {
        for (;;) {
          const next = await this.#guard(action, either, () => chunks.next());
          if (next.done === true) return;
          quiet.heard();
          lines.push(next.value);
        }
      } finally {
        answer.body.on('error', () => undefined).destroy();
      }
    } finally {
      quiet.stop();
    }
  }

  /** Ends every connection, watches too. */
  async close(): Promise<void> {
    await this.#transport.close();
  }

  async #send(
    action: string,
    options: {
      readonly method: string;
      readonly path: string;
      readonly body?: string;
      readonly contentType?: string;
      readonly signal?: AbortSignal;
      readonly bodyTimeout?: number;
    },
  ) {
    const { method, path, body, contentType, signal, bodyTimeout } = options;
    signal?.throwIfAborted();
    return await this.#guard(action, signal, async () => {
      const credentials = await this.#connection.credentials();
      return await send(this.#origin + path, {
        dispatcher: this.#transport.dispatcherFor(credentials),
        method,
        headers: {
          ...credentials.headers,
          accept: 'application/json, application/jwk-set+json',
          'user-agent': 'weft',
          ...(contentType === undefined ? {} : { 'content-type': contentType }),
        },
        ...(body === undefined ? {} : { body }),
        ...(signal === undefined ? {} : { signal }),
        ...(bodyTimeout === undefined ? {} : { bodyTimeout }),
      });
    });
  }

  /** Names the failures of sockets, TLS and credentials; an abort keeps its own reason. */
  async #guard<T>(action: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason;
      const why = error instanceof Error ? error.message : String(error);
      const message = `${action}: no answer from ${this.#origin}: ${why}`;
      throw new KubeError(message, { status: 0, reason: 'Unreachable', cause: error });
    }
  }

  /** Calls `onSilence` once when `heard` was not called for `WATCH_INACTIVITY_MS`. */
  #onSilence(onSilence: () => void): { heard(): void; stop(): void } {
    let heardMs = this.#clock.monotonic();
    let cancel: () => void = () => undefined;
    const check = () => {
      const leftMs = heardMs + WATCH_INACTIVITY_MS - this.#clock.monotonic();
      if (leftMs <= 0) onSilence();
      else cancel = this.#clock.after(leftMs, check);
    };
    check();
    return {
      heard: () => {
        heardMs = this.#clock.monotonic();
      },
      stop: () => cancel(),
    };
  }
}

interface Answer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

function refusal(action: string, { statusCode, headers }: Answer, text: string): KubeError {
  const retryAfter = headers['retry-after'];
  const status = parseStatusBody(text);
  return kubeErrorOf(action, statusCode, status, typeof retryAfter === 'string' ? retryAfter : undefined);
}

function parseAnswer<T>(action: string, status: number, text: string): T {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new KubeError(`${action}: the answer is no JSON`, { status, reason: 'BadAnswer', cause: error });
  }
}

/** `?a=b&c=d`, or nothing when no parameter is set. */
function renderQuery(query: Query): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}
