import { addCalls, type Calls, callsSince, NO_CALLS, type ProxyCalls } from './call-counts.ts';

/** The service, port and subset that a cluster is of. */
export interface Destination {
  /** `namespace/name` of the service; `other` for all that are over the budget. */
  readonly service: string;
  readonly port: number;
  readonly subset?: string;
}

export interface Sent extends Destination {
  /** `namespace/name` of the callers' service account; `other` as above. */
  readonly source: string;
  readonly calls: Calls;
}

export interface Served {
  /** `namespace/name` of the service account of the pods that answered; `other` as above. */
  readonly workload: string;
  readonly port: number;
  readonly calls: Calls;
}

export interface CallReport {
  readonly sent: readonly Sent[];
  readonly served: readonly Served[];
}

/** Of pairs of source and destination, and of served ports: a node's metrics must not grow with its cluster. */
const BUDGET = 500;
const OTHER = 'other';

/** What all proxies of a node have carried since the agent's start: sums that outlive the proxies. */
export class CallTotals {
  readonly #before = new Map<string, ProxyCalls>();
  readonly #sent = new Map<string, Sent>();
  readonly #served = new Map<string, Served>();

  /** @param destinationOf by the name of a statistic; undefined for a cluster that is no service's any more. */
  add(
    proxy: string,
    workload: string,
    now: ProxyCalls,
    destinationOf: (statName: string) => Destination | undefined,
  ): void {
    const before = this.#before.get(proxy);
    this.#before.set(proxy, now);
    for (const [name, calls] of now.sent) {
      const destination = destinationOf(name);
      if (destination === undefined) continue;
      const news = callsSince(before?.sent.get(name), calls);
      const id = `${workload} ${name}`;
      const isOver = !this.#sent.has(id) && this.#sent.size >= BUDGET;
      const known: Sent = (isOver ? undefined : this.#sent.get(id)) ?? {
        ...destination,
        source: workload,
        calls: NO_CALLS,
      };
      const over = this.#sent.get(OTHER) ?? { source: OTHER, service: OTHER, port: 0, calls: NO_CALLS };
      const entry = isOver ? over : known;
      this.#sent.set(isOver ? OTHER : id, { ...entry, calls: addCalls(entry.calls, news) });
    }
    for (const [port, calls] of now.served) {
      const news = callsSince(before?.served.get(port), calls);
      const id = `${workload} ${port}`;
      const isOver = !this.#served.has(id) && this.#served.size >= BUDGET;
      const fresh = isOver ? { workload: OTHER, port: 0, calls: NO_CALLS } : { workload, port, calls: NO_CALLS };
      const entry = this.#served.get(isOver ? OTHER : id) ?? fresh;
      this.#served.set(isOver ? OTHER : id, { ...entry, calls: addCalls(entry.calls, news) });
    }
  }

  /** The proxy is gone; what it has carried stays in the sums. */
  forget(proxy: string): void {
    this.#before.delete(proxy);
  }

  report(): CallReport {
    return { sent: [...this.#sent.values()], served: [...this.#served.values()] };
  }
}
