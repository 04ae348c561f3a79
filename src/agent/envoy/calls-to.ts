import { clusterKey } from '../../model/mesh/backends.ts';
import type { ClusterCalls } from '../../model/mesh/cluster-calls.ts';
import type { CallReport } from './call-totals.ts';

/** What has been sent to some services, by cluster, whoever sent it. */
export function callsTo({ sent }: CallReport, services: ReadonlySet<string>): readonly ClusterCalls[] {
  const counts = new Map<string, number>();
  for (const { service, port, subset, calls } of sent) {
    if (!services.has(service)) continue;
    const answered = Object.values(calls.answers).reduce((sum, count) => sum + count, 0);
    const cluster = clusterKey(service, port, subset);
    counts.set(cluster, (counts.get(cluster) ?? 0) + (answered > 0 ? answered : calls.connections));
  }
  return [...counts].map(([cluster, calls]) => ({ cluster, calls }));
}
