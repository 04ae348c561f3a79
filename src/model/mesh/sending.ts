import type { MeshService, MeshServiceSpec } from '../../api/generated/meshservice.ts';
import { REASON } from '../../api/reasons.ts';
import type { AccessLogIr, AppProtocol, RateRuleIr } from '../node/ir.ts';
import type { ConnectionsIr, HealthCheckIr, OutliersIr, RateLimitIr, SendingIr } from '../node/sending-ir.ts';
import type { Problem } from '../problem.ts';
import { isHttp } from './protocol.ts';
import { translateSplitMatch } from './split-rule.ts';

/** What a MeshService says of calls to a port of its Service; nothing where there is none. */
export function translateSending(protocol: AppProtocol, mesh: MeshService | undefined): SendingIr {
  if (mesh === undefined) return {};
  const { loadBalancing = {}, connections, outlierDetection, healthCheck, retry } = mesh.spec;
  const { slowStartSeconds, panicThresholdPercent, zones } = loadBalancing;
  return {
    ...(slowStartSeconds === undefined ? {} : { slowStartMs: slowStartSeconds * 1000 }),
    ...(panicThresholdPercent === undefined ? {} : { panicThresholdPercent }),
    ...(zones === 'Prefer' ? { prefersZone: true } : {}),
    ...(connections === undefined ? {} : { connections: translateConnections(connections) }),
    ...(retry?.budgetPercent === undefined ? {} : { retryBudgetPercent: retry.budgetPercent }),
    ...(outlierDetection === undefined ? {} : { outliers: translateOutliers(outlierDetection) }),
    ...(healthCheck === undefined || !isHttp(protocol) ? {} : { healthCheck: translateCheck(protocol, healthCheck) }),
  };
}

/** Undefined: as many as come. */
export function translateRateLimit(protocol: AppProtocol, mesh: MeshService | undefined): RateLimitIr | undefined {
  const { requestsPerSecond, burst } = mesh?.spec.rateLimit ?? {};
  if (requestsPerSecond === undefined || !isHttp(protocol)) return undefined;
  return limitOf(requestsPerSecond, burst);
}

export function translateRateRules(protocol: AppProtocol, mesh: MeshService | undefined): readonly RateRuleIr[] {
  if (!isHttp(protocol)) return [];
  return (mesh?.spec.rateLimit?.rules ?? []).map(({ requestsPerSecond, burst, ...match }) => ({
    match: translateSplitMatch(match),
    limit: limitOf(requestsPerSecond, burst),
  }));
}

function limitOf(requestsPerSecond: number, burst = requestsPerSecond): RateLimitIr {
  return { requestsPerSecond, burst };
}

/** Undefined: nothing is written down. */
export function translateAccessLog(protocol: AppProtocol, mesh: MeshService | undefined): AccessLogIr | undefined {
  const log = mesh?.spec.telemetry?.accessLog;
  if (log === undefined || !isHttp(protocol)) return undefined;
  const { minStatus, slowerThanMilliseconds, percent = 100 } = log;
  return {
    ...(minStatus === undefined ? {} : { minStatus }),
    ...(slowerThanMilliseconds === undefined ? {} : { slowerThanMs: slowerThanMilliseconds }),
    percent,
  };
}

/** Fields that say nothing, as none of the ports speaks HTTP. */
export function problemsOfSending(
  { loadBalancing: { hash, sessionCookie } = {}, connections = {}, healthCheck, rateLimit, telemetry }: MeshServiceSpec,
  protocols: readonly AppProtocol[],
): readonly Problem[] {
  if (protocols.some(isHttp)) return [];
  const { maxRequests, maxRequestsPerConnection, idleMilliseconds } = connections;
  const needing: Readonly<Record<string, boolean>> = {
    'loadBalancing.hash.by': hash !== undefined && hash.by !== 'SourceAddress',
    'loadBalancing.sessionCookie': sessionCookie !== undefined,
    'connections.maxRequests': maxRequests !== undefined,
    'connections.maxRequestsPerConnection': maxRequestsPerConnection !== undefined,
    'connections.idleMilliseconds': idleMilliseconds !== undefined,
    healthCheck: healthCheck !== undefined,
    rateLimit: rateLimit !== undefined,
    telemetry: telemetry !== undefined,
  };
  return Object.entries(needing).flatMap(([field, isThere]) =>
    isThere ? [{ path: `spec.${field}`, reason: REASON.needsHttp, message: messageFor(field) }] : [],
  );
}

function messageFor(field: string): string {
  const must = field === 'loadBalancing.hash.by' ? 'must be SourceAddress' : 'must be absent';
  return `${must}, as every port of the Service speaks TCP; say in spec.ports which of them speaks HTTP`;
}

function translateConnections(connections: NonNullable<MeshServiceSpec['connections']>): ConnectionsIr {
  const { idleMilliseconds, ...limits } = connections;
  return { ...limits, ...(idleMilliseconds === undefined ? {} : { idleMs: idleMilliseconds }) };
}

/** Numbers as the API server fills them in. */
function translateOutliers({
  consecutiveErrors = 5,
  consecutiveGatewayErrors,
  intervalMilliseconds = 10_000,
  ejectionMilliseconds = 30_000,
  maxEjectedPercent = 50,
}: NonNullable<MeshServiceSpec['outlierDetection']>): OutliersIr {
  return {
    consecutiveErrors,
    ...(consecutiveGatewayErrors === undefined ? {} : { consecutiveGatewayErrors }),
    intervalMs: intervalMilliseconds,
    ejectionMs: ejectionMilliseconds,
    maxEjectedPercent,
  };
}

function translateCheck(
  protocol: AppProtocol,
  {
    path = '/',
    intervalMilliseconds = 10_000,
    timeoutMilliseconds = 1000,
    healthyThreshold = 2,
    unhealthyThreshold = 3,
  }: NonNullable<MeshServiceSpec['healthCheck']>,
): HealthCheckIr {
  return {
    ...(protocol === 'GRPC' ? {} : { path }),
    intervalMs: intervalMilliseconds,
    timeoutMs: timeoutMilliseconds,
    healthyThreshold,
    unhealthyThreshold,
  };
}
