import type { EndpointsIr } from '../../node/ir.ts';
import { milliseconds } from './describe-rule.ts';

/** How the endpoints of one backend are chosen and given up, as short sentences. */
export function describeCluster(cluster: EndpointsIr): readonly string[] {
  const { slowStartMs, panicThresholdPercent, prefersZone, retryBudgetPercent, outliers, healthCheck, dns } = cluster;
  const { max, maxPendingRequests, maxRequests, maxRequestsPerConnection } = cluster.connections ?? {};
  const most = (count: number | undefined, what: string) =>
    count === undefined ? [] : [`at most ${count} ${what} of one caller`];
  return [
    cluster.loadBalancing,
    ...(prefersZone === true ? ["those of the caller's zone first"] : []),
    `${milliseconds(cluster.connectTimeoutMs)} for a connection`,
    ...most(max, 'connections'),
    ...most(maxPendingRequests, 'waiting requests'),
    ...most(maxRequests, 'open requests'),
    ...(maxRequestsPerConnection === undefined ? [] : [`${maxRequestsPerConnection} requests a connection`]),
    ...(retryBudgetPercent === undefined ? [] : [`retries at most ${retryBudgetPercent} % of open calls`]),
    ...(outliers === undefined
      ? []
      : [`left out for ${milliseconds(outliers.ejectionMs)} after ${outliers.consecutiveErrors} errors in a row`]),
    ...(healthCheck === undefined ? [] : [`health asked every ${milliseconds(healthCheck.intervalMs)}`]),
    ...(panicThresholdPercent === undefined
      ? []
      : [`all are asked when fewer than ${panicThresholdPercent} % are well`]),
    ...(slowStartMs === undefined ? [] : [`new ones warm up for ${milliseconds(slowStartMs)}`]),
    ...(dns === undefined ? [] : [`addresses are found by each node under the name ${dns.name}, port ${dns.port}`]),
  ];
}
