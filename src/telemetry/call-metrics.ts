import { Counter, Histogram, type Registry } from 'prom-client';

/** Calls of one kind since the agent's start. */
export interface CallCounts {
  /** By class of the answer's status: `2xx`. */
  readonly answers: Readonly<Record<string, number>>;
  /** Requests that took no longer than each of the bounds. */
  readonly within: readonly number[];
  readonly timed: number;
  readonly milliseconds: number;
  readonly retries: number;
  readonly connections: number;
  readonly failedConnections: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

export interface CallReport {
  readonly sent: readonly {
    readonly source: string;
    readonly service: string;
    readonly port: number;
    readonly subset?: string;
    readonly calls: CallCounts;
  }[];
  readonly served: readonly { readonly workload: string; readonly port: number; readonly calls: CallCounts }[];
}

export interface CallFacts {
  /** Asked once for each scrape. */
  readonly read: () => Promise<CallReport>;
  /** Upper bounds of `within`, in ms. */
  readonly boundsMs: readonly number[];
}

type Labels = Readonly<Record<string, string | number>>;
type Row = readonly [labels: Labels, calls: CallCounts];

const SENT = ['source', 'destination', 'port', 'subset'] as const;
const SERVED = ['workload', 'port'] as const;

/** Rates, errors and durations of what the node's proxies send and serve. */
export function observeCalls(registry: Registry, { read, boundsMs }: CallFacts): void {
  const once = sharing(read);
  const sent = async (): Promise<readonly Row[]> =>
    (await once()).sent.map(({ source, service, port, subset = '', calls }) => [
      { source, destination: service, port, subset },
      calls,
    ]);
  const served = async (): Promise<readonly Row[]> =>
    (await once()).served.map(({ workload, port, calls }) => [{ workload, port }, calls]);
  const counter = (
    name: string,
    help: string,
    {
      labelNames,
      rows,
      values,
    }: {
      readonly labelNames: readonly string[];
      readonly rows: () => Promise<readonly Row[]>;
      readonly values: (calls: CallCounts) => readonly (readonly [Labels, number])[];
    },
  ) =>
    new Counter({
      ...{ name, help, labelNames, registers: [registry] },
      async collect() {
        const all = await rows();
        this.reset();
        for (const [labels, calls] of all) {
          for (const [more, value] of values(calls)) this.inc({ ...labels, ...more }, value);
        }
      },
    });
  const byCode = ({ answers }: CallCounts) =>
    Object.entries(answers).map(([code, count]): readonly [Labels, number] => [{ code }, count]);
  const ofSent = (values: (calls: CallCounts) => readonly (readonly [Labels, number])[], ...more: string[]) => ({
    ...{ labelNames: [...SENT, ...more], rows: sent, values },
  });
  counter('weft_requests_total', "Requests that pods sent to the mesh's services, by answer.", ofSent(byCode, 'code'));
  counter(
    'weft_request_retries_total',
    'Tries after the first.',
    ofSent(({ retries }) => [[{}, retries]]),
  );
  counter(
    'weft_connections_total',
    "Connections that pods' proxies opened to the mesh's services.",
    ofSent(({ connections }) => [[{}, connections]]),
  );
  counter(
    'weft_connection_failures_total',
    'Of these, those that did not come about.',
    ofSent(({ failedConnections }) => [[{}, failedConnections]]),
  );
  counter(
    'weft_connection_bytes_total',
    "What they carried, as the caller's proxy counts it.",
    ofSent(
      ({ sentBytes, receivedBytes }) => [
        [{ direction: 'sent' }, sentBytes],
        [{ direction: 'received' }, receivedBytes],
      ],
      'direction',
    ),
  );
  counter('weft_served_requests_total', 'Requests that pods with a proxy answered, whoever asked.', {
    ...{ labelNames: [...SERVED, 'code'], rows: served, values: byCode },
  });
  const bounds = boundsMs.map((bound) => bound / 1000);
  const histogram = (name: string, help: string, rows: () => Promise<readonly Row[]>) =>
    registry.registerMetric(new GivenHistogram({ name, help }, bounds, rows));
  histogram('weft_request_duration_seconds', 'Time to the end of an answer, at the caller.', sent);
  histogram('weft_served_request_duration_seconds', 'The same, at the pod that answered.', served);
}

/** A histogram of what others have counted: prom-client asks each metric for its lines by this method. */
class GivenHistogram extends Histogram<string> {
  readonly #own: { readonly name: string; readonly help: string };
  readonly #bounds: readonly number[];
  readonly #rows: () => Promise<readonly Row[]>;

  /** @param bounds upper, in seconds. */
  constructor(
    own: { readonly name: string; readonly help: string },
    bounds: readonly number[],
    rows: () => Promise<readonly Row[]>,
  ) {
    super({ ...own, registers: [] });
    this.#own = own;
    this.#bounds = bounds;
    this.#rows = rows;
  }

  async getForPromString() {
    const { name } = this.#own;
    const values = (await this.#rows()).flatMap(([labels, { within, timed, milliseconds }]) => [
      ...this.#bounds.map((le, index) => {
        return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: within[index] ?? 0 };
      }),
      { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: timed },
      { metricName: `${name}_sum`, labels, value: milliseconds / 1000 },
      { metricName: `${name}_count`, labels, value: timed },
    ]);
    return { ...this.#own, type: 'histogram', values, aggregator: 'sum' };
  }
}

/** Whoever asks while an answer is on its way gets that one. */
function sharing<T>(ask: () => Promise<T>): () => Promise<T> {
  let asking: Promise<T> | undefined;
  return () => {
    asking ??= ask().finally(() => {
      asking = undefined;
    });
    return asking;
  };
}
