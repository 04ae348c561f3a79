import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** Asked at each scrape. */
export interface OperatorFacts {
  readonly nodes: () => number;
  readonly connectedNodes: () => number;
  /** Pool → addresses that pods hold. */
  readonly leases: () => Iterable<readonly [pool: string, count: number]>;
  readonly isLeader: () => boolean;
  /** Pods that should have a proxy and have none. */
  readonly withoutProxy: () => number;
}

/** Told as it happens. */
export interface OperatorObserver {
  compiled(durationMs: number): void;
  /** Resources that a node could not put into force. */
  refused(count: number): void;
}

export function observeOperator(registry: Registry, facts: OperatorFacts): OperatorObserver {
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      ...{ name, help, registers },
      collect() {
        this.set(read());
      },
    });
  gauge('weft_operator_nodes', 'Nodes of the cluster.', facts.nodes);
  gauge('weft_operator_connected_nodes', 'Nodes whose agent this replica is connected to.', facts.connectedNodes);
  gauge('weft_operator_is_leader', '1 while this replica writes statuses.', () => (facts.isLeader() ? 1 : 0));
  gauge('weft_operator_pods_without_proxy', 'Pods that should have a proxy and have none.', facts.withoutProxy);
  new Gauge({
    ...{ name: 'weft_pool_leases', help: 'Addresses that pods hold.', labelNames: ['pool'] as const, registers },
    collect() {
      this.reset();
      for (const [pool, count] of facts.leases()) this.set({ pool }, count);
    },
  });
  const compile = new Histogram({
    name: 'weft_operator_compile_duration_seconds',
    help: 'Time to work changes of the cluster into what nodes should hold.',
    buckets: [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3],
    registers,
  });
  const refused = new Counter({
    name: 'weft_operator_refused_total',
    help: 'Resources that nodes could not put into force.',
    registers,
  });
  return {
    compiled: (durationMs) => compile.observe(durationMs / 1000),
    refused: (count) => refused.inc(count),
  };
}
