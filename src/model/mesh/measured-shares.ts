import type { TrafficSplit } from '../../api/generated/trafficsplit.ts';
import { clusterKey } from './backends.ts';
import { type MeshIndex, resolveServiceKey } from './mesh-index.ts';

/** A backend that rules of a TrafficSplit name. */
export interface NamedBackend {
  readonly service: string;
  readonly subset?: string;
  readonly port: number;
  /** Key of its `endpoints` resource. */
  readonly cluster: string;
}

/** Each once, in the order in which the rules name them. */
export function backendsOf(index: MeshIndex, split: TrafficSplit): readonly NamedBackend[] {
  const found = split.spec.rules.flatMap(({ backends = [] }) =>
    backends.map(({ service = split.spec.service, subset, port = split.spec.port }): NamedBackend => {
      const cluster = clusterKey(resolveServiceKey(index, split, service), port, subset);
      return { service, ...(subset === undefined ? {} : { subset }), port, cluster };
    }),
  );
  return [...new Map(found.map((backend) => [backend.cluster, backend])).values()];
}

/**
 * How calls to the backends were divided, in whole percent; undefined while there were none.
 *
 * @param callsTo how many calls a cluster has had lately.
 */
export function measuredShares(backends: readonly NamedBackend[], callsTo: (cluster: string) => number) {
  const total = backends.reduce((sum, { cluster }) => sum + callsTo(cluster), 0);
  if (total === 0) return undefined;
  return backends.map(({ cluster, ...backend }) => ({
    ...backend,
    percent: Math.round((100 * callsTo(cluster)) / total),
  }));
}
