/** What was sent to one destination, or served on one port, since a proxy's start; or the sum of several. */
export interface Calls {
  /** By class of the answer's status: `2xx`. */
  readonly answers: Readonly<Record<string, number>>;
  /** Requests that took no longer, by `REQUEST_BUCKETS_MS`. */
  readonly within: readonly number[];
  /** All whose time was taken. */
  readonly timed: number;
  /** That they took together; Envoy's estimate. */
  readonly milliseconds: number;
  readonly retries: number;
  /** Those that carry requests, and TCP's. */
  readonly connections: number;
  readonly failedConnections: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/** Upper bounds of the classes that requests' times are counted in. */
export const REQUEST_BUCKETS_MS = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000] as const;

export const NO_CALLS: Calls = {
  ...{ answers: {}, within: REQUEST_BUCKETS_MS.map(() => 0), timed: 0, milliseconds: 0, retries: 0 },
  ...{ connections: 0, failedConnections: 0, sentBytes: 0, receivedBytes: 0 },
};

export interface ProxyCalls {
  /** By the name that statistics have for a cluster: see `statNameOf`. */
  readonly sent: ReadonlyMap<string, Calls>;
  /** By port of the pod; HTTP only. */
  readonly served: ReadonlyMap<number, Calls>;
}

/** A cluster's name in Envoy's statistics, which would end it at a dot. */
export function statNameOf(cluster: string): string {
  return cluster.replaceAll('.', '+').replaceAll(':', '_');
}

const OF_CLUSTERS = 'upstream_(rq_[1-5]xx|rq_time|rq_retry|cx_total|cx_connect_fail|cx_[rt]x_bytes_total)';
const OF_PORTS = 'downstream_rq_([1-5]xx|time)';

/** What a proxy is asked for: of clusters of services, which have a slash in their names, and of ports that it serves. */
export const CALLS_PATH = `/stats/prometheus?usedonly&filter=${encodeURIComponent(
  `^(cluster\\.[^.]*/.*\\.${OF_CLUSTERS}|http\\.inbound-[0-9]+\\.${OF_PORTS})$`,
)}`;

const LINE = /^envoy_(?:cluster_upstream|http_downstream)_(\w+)\{(.*)\} (\S+)$/;
const LABEL = /(\w+)="([^"]*)"/g;

/** @param text the answer to `CALLS_PATH`. Lines of anything else are passed over. */
export function parseCalls(text: string): ProxyCalls {
  const sent = new Map<string, Calls>();
  const served = new Map<number, Calls>();
  for (const line of text.split('\n')) {
    const [, what = '', labelled = '', value = ''] = LINE.exec(line) ?? [];
    const labels = Object.fromEntries([...labelled.matchAll(LABEL)].map(([, name, is]) => [name, is]));
    const cluster = labels['envoy_cluster_name'];
    const port = Number(labels['envoy_http_conn_manager_prefix']?.slice('inbound-'.length));
    if (cluster !== undefined) sent.set(cluster, withStat(sent.get(cluster) ?? NO_CALLS, what, labels, Number(value)));
    else if (port > 0) served.set(port, withStat(served.get(port) ?? NO_CALLS, what, labels, Number(value)));
  }
  return { sent, served };
}

function withStat(calls: Calls, what: string, labels: Readonly<Record<string, string>>, value: number): Calls {
  switch (what) {
    case 'rq_xx':
      return { ...calls, answers: { ...calls.answers, [`${labels['envoy_response_code_class']}xx`]: value } };
    case 'rq_time_bucket':
      return {
        ...calls,
        within: calls.within.map((count, i) => (REQUEST_BUCKETS_MS[i] === Number(labels['le']) ? value : count)),
      };
    case 'rq_time_count':
      return { ...calls, timed: value };
    case 'rq_time_sum':
      return { ...calls, milliseconds: value };
    case 'rq_retry':
      return { ...calls, retries: value };
    case 'cx_total':
      return { ...calls, connections: value };
    case 'cx_connect_fail':
      return { ...calls, failedConnections: value };
    case 'cx_tx_bytes_total':
      return { ...calls, sentBytes: value };
    case 'cx_rx_bytes_total':
      return { ...calls, receivedBytes: value };
    default:
      return calls;
  }
}

/** Counts of one proxy, `before` and now; a proxy that was started again counts from nothing. */
export function callsSince(before: Calls | undefined, now: Calls): Calls {
  if (before === undefined || total(now) < total(before)) return now;
  return combine(now, before, (a, b) => a - b);
}

export function addCalls(a: Calls, b: Calls): Calls {
  return combine(a, b, (x, y) => x + y);
}

function total({ answers, connections }: Calls): number {
  return Object.values(answers).reduce((sum, count) => sum + count, connections);
}

function combine(a: Calls, b: Calls, of: (a: number, b: number) => number): Calls {
  const classes = [...new Set([...Object.keys(a.answers), ...Object.keys(b.answers)])];
  return {
    answers: Object.fromEntries(classes.map((key) => [key, of(a.answers[key] ?? 0, b.answers[key] ?? 0)])),
    within: a.within.map((count, index) => of(count, b.within[index] ?? 0)),
    timed: of(a.timed, b.timed),
    milliseconds: of(a.milliseconds, b.milliseconds),
    retries: of(a.retries, b.retries),
    connections: of(a.connections, b.connections),
    failedConnections: of(a.failedConnections, b.failedConnections),
    sentBytes: of(a.sentBytes, b.sentBytes),
    receivedBytes: of(a.receivedBytes, b.receivedBytes),
  };
}
