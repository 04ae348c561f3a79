import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ClusterSchema } from '../../xds/generated/wire/envoy/config/cluster/v3/cluster_pb.js';
import type { HealthCheckSchema } from '../../xds/generated/wire/envoy/config/core/v3/health_check_pb.js';
import { CodecClientType } from '../../xds/generated/wire/envoy/type/v3/http_pb.js';
import type { AppProtocol, EndpointsIr } from '../../model/node/ir.ts';
import type { HealthCheckIr, OutliersIr } from '../../model/node/sending-ir.ts';
import { durationOf } from './encoded.ts';

type Cluster = MessageInitShape<typeof ClusterSchema> & object;

/** Envoy's own limits of 1024 would be met long before those of the application: there are none unless asked for. */
const NO_LIMIT = 4_294_967_295;
const MIN_RETRIES = 3;

export const NO_LIMITS = {
  thresholds: [{ maxConnections: NO_LIMIT, maxPendingRequests: NO_LIMIT, maxRequests: NO_LIMIT, maxRetries: NO_LIMIT }],
};

/** What a cluster does about endpoints that are slow, broken, or too many calls for them. */
export function resilienceOf(
  key: string,
  ir: EndpointsIr,
): Pick<Cluster, 'circuitBreakers' | 'outlierDetection' | 'healthChecks' | 'ignoreHealthOnHostRemoval'> {
  const { outliers, healthCheck, protocol } = ir;
  return {
    circuitBreakers: limitsOf(ir),
    ...(outliers === undefined ? {} : { outlierDetection: outlierDetectionOf(outliers) }),
    // An endpoint that is told to be gone is gone, however well it looks.
    ...(healthCheck === undefined
      ? {}
      : { healthChecks: [healthCheckOf(hostOf(key), protocol, healthCheck)], ignoreHealthOnHostRemoval: true }),
  };
}

/** Of the protocol options: what pooled connections are given. */
export function pooledConnections({ connections: { maxRequestsPerConnection, idleMs } = {} }: EndpointsIr) {
  if (maxRequestsPerConnection === undefined && idleMs === undefined) return {};
  return {
    commonHttpProtocolOptions: {
      ...(maxRequestsPerConnection === undefined ? {} : { maxRequestsPerConnection }),
      ...(idleMs === undefined ? {} : { idleTimeout: durationOf(idleMs) }),
    },
  };
}

function limitsOf({ connections, retryBudgetPercent }: EndpointsIr): Cluster['circuitBreakers'] {
  if (connections === undefined && retryBudgetPercent === undefined) return NO_LIMITS;
  const { max = NO_LIMIT, maxPendingRequests = NO_LIMIT, maxRequests = NO_LIMIT } = connections ?? {};
  const retries =
    retryBudgetPercent === undefined
      ? { maxRetries: NO_LIMIT }
      : { retryBudget: { budgetPercent: { value: retryBudgetPercent }, minRetryConcurrency: MIN_RETRIES } };
  return { thresholds: [{ maxConnections: max, maxPendingRequests, maxRequests, ...retries }] };
}

function outlierDetectionOf({
  consecutiveErrors,
  consecutiveGatewayErrors,
  intervalMs,
  ejectionMs,
  maxEjectedPercent,
}: OutliersIr): Cluster['outlierDetection'] {
  return {
    consecutive5xx: consecutiveErrors,
    enforcingConsecutive5xx: consecutiveErrors === 0 ? 0 : 100,
    ...(consecutiveGatewayErrors === undefined
      ? {}
      : { consecutiveGatewayFailure: consecutiveGatewayErrors, enforcingConsecutiveGatewayFailure: 100 }),
    // Not asked for, and on by Envoy's default: endpoints that are merely worse than the others.
    enforcingSuccessRate: 0,
    interval: durationOf(intervalMs),
    baseEjectionTime: durationOf(ejectionMs),
    maxEjectionTime: durationOf(Math.max(300_000, 10 * ejectionMs)),
    maxEjectionPercent: maxEjectedPercent,
  };
}

/** `shop/web:80` is `web.shop`. Envoy's own choice would be the key, which is no host. */
function hostOf(key: string): string {
  const [namespace = '', name = ''] = key.split(/[/:]/);
  return `${name}.${namespace}`;
}

function healthCheckOf(
  host: string,
  protocol: AppProtocol,
  { path, intervalMs, timeoutMs, healthyThreshold, unhealthyThreshold }: HealthCheckIr,
): MessageInitShape<typeof HealthCheckSchema> {
  const codecClientType = protocol === 'HTTP' ? CodecClientType.HTTP1 : CodecClientType.HTTP2;
  return {
    timeout: durationOf(timeoutMs),
    interval: durationOf(intervalMs),
    // Before its first call Envoy looks once a minute: an endpoint might be called that has long been ill.
    noTrafficInterval: durationOf(intervalMs),
    healthyThreshold,
    unhealthyThreshold,
    healthChecker:
      path === undefined
        ? { case: 'grpcHealthCheck', value: { authority: host } }
        : { case: 'httpHealthCheck', value: { host, path, codecClientType } },
  };
}
