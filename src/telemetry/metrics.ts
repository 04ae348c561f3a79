import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

export interface MetricsText {
  /** MIME type of `text`. */
  readonly contentType: string;
  readonly text: string;
}

/** What the controllers of `kube/` tell; they declare the same shape for themselves. */
export interface ReconcileObserver {
  reconciled(controller: string, outcome: 'done' | 'requeued' | 'failed', durationMs: number): void;
  queued(controller: string, depth: number): void;
}

export interface Metrics {
  /** For the rooms that make their own counters in `cmd`. */
  readonly registry: Registry;
  readonly reconciles: ReconcileObserver;
  /** The Prometheus text format, version 0.0.4. */
  scrape(): Promise<MetricsText>;
}

/** A registry of its own (nothing is global), with Node's default metrics and those of the reconcilers. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return {
    registry,
    reconciles: observeReconciles(registry),
    scrape: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}

function observeReconciles(registry: Registry): ReconcileObserver {
  const registers = [registry];
  const total = new Counter({
    name: 'weft_kube_reconciles_total',
    help: 'Reconciles by controller and outcome.',
    labelNames: ['controller', 'outcome'] as const,
    registers,
  });
  const duration = new Histogram({
    name: 'weft_kube_reconcile_duration_seconds',
    help: 'Time of one reconcile.',
    labelNames: ['controller'] as const,
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60],
    registers,
  });
  const depth = new Gauge({
    name: 'weft_kube_queue_depth',
    help: 'Keys that wait for a worker.',
    labelNames: ['controller'] as const,
    registers,
  });
  return {
    reconciled(controller, outcome, durationMs) {
      total.inc({ controller, outcome });
      duration.observe({ controller }, durationMs / 1000);
    },
    queued(controller, keys) {
      depth.set({ controller }, keys);
    },
  };
}
