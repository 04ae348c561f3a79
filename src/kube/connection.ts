import type { RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import type { Clock } from '../lib/clock.ts';

/** What TLS and authentication need, read anew every few seconds because tokens and certificates rotate. */
export interface Credentials {
  readonly tls: Pick<RequestOptions, 'ca' | 'cert' | 'key' | 'rejectUnauthorized' | 'servername'>;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Where an API server is and how it is spoken to. */
export interface Connection {
  /** `https://host:port`, possibly with a path prefix. */
  readonly server: string;
  /** `http://` forward proxy; absent for a direct way. */
  readonly proxy?: string;
  /** Of the kubeconfig's context or of the own pod. */
  readonly namespace?: string;
  credentials(): Promise<Credentials>;
}

export type ConnectionSource =
  /** The service account mounted into this pod. */
  | { readonly from: 'cluster' }
  | { readonly from: 'file'; readonly path: string; readonly context?: string }
  /** As kubectl looks: KUBECONFIG, then ~/.kube/config, then the pod's service account. */
  | { readonly from: 'default'; readonly context?: string };

export interface ServerAddress {
  /** Name or IP that the API server's certificate lists. */
  readonly host: string;
  readonly port: number;
}

/** Rotated certificates are seen after this long; client-node itself keeps a token file for 60 s, as client-go does. */
const CREDENTIALS_MS = 5_000;

/**
 * Loads a kubeconfig by client-node, which here is trusted with configuration and authentication only.
 *
 * @param server replaces the configured address: on a node's own network no Service address may work before Weft does.
 * @throws Error that names what is missing in the configuration.
 */
export function loadConnection(source: ConnectionSource, clock: Clock, server?: ServerAddress): Connection {
  const config = new KubeConfig();
  if (source.from === 'cluster') config.loadFromCluster();
  else if (source.from === 'file') config.loadFromFile(source.path);
  else config.loadFromDefault();
  if (source.from !== 'cluster' && source.context !== undefined) config.setCurrentContext(source.context);

  const cluster = config.getCurrentCluster();
  if (cluster === null || !cluster.server) {
    throw new Error(`kubeconfig: context '${config.getCurrentContext()}' names no cluster; choose one that exists`);
  }
  const proxy = cluster.proxyUrl;
  if (proxy?.startsWith('socks') === true) {
    throw new Error(`kubeconfig: cluster '${cluster.name}': proxy-url must be http:// or https://, not SOCKS`);
  }
  const namespace = config.getContextObject(config.getCurrentContext())?.namespace;
  return {
    server: server === undefined ? cluster.server : `https://${bracketed(server.host)}:${server.port}`,
    ...(proxy === undefined || proxy === null ? {} : { proxy }),
    ...(namespace === undefined || namespace === null ? {} : { namespace }),
    credentials: cachedFor(CREDENTIALS_MS, clock, () => readCredentials(config)),
  };
}

async function readCredentials(config: KubeConfig): Promise<Credentials> {
  const filled: Record<string, string> = {};
  const options: RequestOptions = { headers: filled };
  await config.applyToHTTPSOptions(options); // writes into `filled`
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(filled)) headers[name.toLowerCase()] = value.trim();
  if (typeof options.auth === 'string') {
    headers['authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
  }
  const { ca, cert, key, rejectUnauthorized, servername } = options;
  return {
    tls: {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
      ...(servername === undefined ? {} : { servername }),
    },
    headers,
  };
}

/** Shares one answer for `ms`; a failed one is not kept. */
function cachedFor<T>(ms: number, clock: Clock, read: () => Promise<T>): () => Promise<T> {
  let held: { readonly value: Promise<T>; readonly sinceMs: number } | undefined;
  return () => {
    if (held !== undefined && clock.monotonic() - held.sinceMs < ms) return held.value;
    const value = read();
    held = { value, sinceMs: clock.monotonic() };
    value.catch(() => {
      if (held?.value === value) held = undefined;
    });
    return value;
  };
}

function bracketed(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}
