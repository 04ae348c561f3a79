import { renderBootstrap } from '../agent/envoy/bootstrap.ts';
import { DRAIN_PATH, PROXY_PORT, READY_PATH } from '../agent/envoy/names.ts';
import type { ProxyConfig } from '../model/mesh/proxy-container.ts';

/** As the chart says it. */
export interface ProxySettings {
  readonly image: string;
  readonly uid: number;
  readonly logLevel: string;
  readonly resources: Readonly<Record<string, never>>;
}

const WORKERS = 2;

/** How the container of a proxy is made, beside an application or in a Gateway's pod. */
export function proxyConfigOf(settings: ProxySettings): ProxyConfig {
  return {
    ...settings,
    workers: WORKERS,
    bootstrap: renderBootstrap('weft'),
    ready: { port: PROXY_PORT.ready, path: READY_PATH },
    drain: { port: PROXY_PORT.drain, path: DRAIN_PATH },
  };
}
