import type { MeshService } from '../../api/generated/meshservice.ts';
import type { AppProtocol, TracesIr } from '../node/ir.ts';
import { clusterKey } from './backends.ts';
import { isHttp } from './protocol.ts';

/** Where proxies tell of calls, in all of the mesh. */
export interface Tracing {
  /** A Service that takes OTLP by HTTP, and its port. */
  readonly serviceKey: string;
  readonly port: number;
  /** Of calls that belong to no trace yet, how many begin one: 0 to 100. */
  readonly percent: number;
}

/** @param text `namespace/name:port`, as the chart's schema demands. */
export function tracingOf(text: string, percent: number): Tracing {
  const [serviceKey = '', port] = text.split(':');
  return { serviceKey, port: Number(port), percent };
}

/**
 * Undefined: nothing is told. So it is of calls to the collector itself: each would be told by another.
 *
 * @param serviceKey that is called; undefined of what comes in at a Gateway.
 */
export function translateTraces(
  tracing: Tracing | undefined,
  protocol: AppProtocol,
  serviceKey: string | undefined,
  mesh: MeshService | undefined,
): TracesIr | undefined {
  if (tracing === undefined || !isHttp(protocol) || serviceKey === tracing.serviceKey) return undefined;
  return {
    collector: clusterKey(tracing.serviceKey, tracing.port),
    percent: mesh?.spec.telemetry?.tracing?.percent ?? tracing.percent,
  };
}
