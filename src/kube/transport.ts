import { Agent, type Dispatcher, ProxyAgent } from 'undici';
import { shortHash } from '../lib/hash.ts';
import type { Connection, Credentials } from './connection.ts';

/** Beyond the API server's own limit of 60 s for a request (kube-apiserver --request-timeout). */
const ANSWER_TIMEOUT_MS = 65_000;
/** Below the 90 s after which a Go server closes an idle connection, so that none dies under a request. */
const KEEP_ALIVE_MS = 30_000;

/**
 * Keeps one pool of connections for one set of certificates: client-node makes a new one for each request. When the
 * certificates rotate, the old pool ends with its last request.
 */
export class Transport {
  readonly #connection: Connection;
  #current: { readonly key: string; readonly dispatcher: Dispatcher } | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  dispatcherFor({ tls }: Credentials): Dispatcher {
    const parts = [tls.ca, tls.cert, tls.key, tls.rejectUnauthorized, tls.servername];
    const key = shortHash(parts.map((part) => String(part)).join('\n'), 64);
    if (this.#current?.key === key) return this.#current.dispatcher;
    this.#current?.dispatcher.close().catch(() => undefined);
    const dispatcher = openDispatcher(this.#connection.proxy, tls);
    this.#current = { key, dispatcher };
    return dispatcher;
  }

  /** Ends every connection at once; running requests fail. */
  async close(): Promise<void> {
    const current = this.#current;
    this.#current = undefined;
    await current?.dispatcher.destroy();
  }
}

function openDispatcher(proxy: string | undefined, tls: Credentials['tls']): Dispatcher {
  const common = {
    // One watch is one connection: simple to time out, and no HTTP/2 session that takes all watches down with it.
    allowH2: false,
    headersTimeout: ANSWER_TIMEOUT_MS,
    bodyTimeout: ANSWER_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
  };
  const connect = { ...tls, keepAlive: true, keepAliveInitialDelay: 30_000, timeout: 10_000 };
  if (proxy === undefined) return new Agent({ ...common, connect });
  return new ProxyAgent({ ...common, uri: proxy, requestTls: connect });
}
