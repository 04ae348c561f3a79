import type { Duplex } from 'node:stream';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { type ConnectionInjector, Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import type { Logger } from '../lib/logger.ts';
import { StringPool } from '../lib/string-pool.ts';
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
} from './generated/wire/envoy/service/discovery/v3/discovery_pb.js';
import { encodeResponse } from './encode-response.ts';
import { ProxyStream } from './proxy-stream.ts';
import { Rejections, type Snapshot, type SnapshotChanges } from './snapshot.ts';
import type { Difference, Outcome } from './subscription.ts';

export interface AdsServerOptions {
  /** The proxy has these versions now, by name; after a reconnect it says so for all it kept. */
  readonly onAck: (ack: {
    readonly proxyKey: string;
    readonly typeUrl: string;
    readonly versions: ReadonlyMap<string, string>;
  }) => void;
  /** The proxy refuses exactly this resource; it goes on with what it had of that name. */
  readonly onNack: (nack: {
    readonly proxyKey: string;
    readonly typeUrl: string;
    readonly name: string;
    readonly version: string;
    readonly message: string;
  }) => void;
  readonly logger: Logger;
}

type Call = ServerDuplexStream<DeltaDiscoveryRequest, Buffer>;

const METHOD = {
  path: '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
  requestStream: true,
  responseStream: true,
  requestDeserialize: (bytes: Buffer) => fromBinary(DeltaDiscoveryRequestSchema, bytes),
  requestSerialize: (request: DeltaDiscoveryRequest) => Buffer.from(toBinary(DeltaDiscoveryRequestSchema, request)),
  responseSerialize: (bytes: Buffer) => bytes,
  responseDeserialize: (bytes: Buffer) => bytes,
} as const;

const CHANNEL_OPTIONS = {
  'grpc.max_receive_message_length': 16 * 1024 * 1024,
  'grpc.max_send_message_length': -1,
} as const;

/** That are kept once for all proxies. */
const MOST_NAMES = 20_000;

interface Proxy {
  readonly server: Server;
  readonly injector: ConnectionInjector;
  readonly rejections: Rejections;
  readonly streams: Set<ProxyStream>;
  /** Undefined until the first `setSnapshot`: not nothing, but nothing to say. */
  snapshot: Snapshot | undefined;
}

/** Aggregated discovery (delta) for proxies whose connections somebody else accepts and names. */
export class AdsServer {
  readonly #options: AdsServerOptions;
  readonly #proxies = new Map<string, Proxy>();
  /** All proxies ask for the same. */
  readonly #names = new StringPool(MOST_NAMES);

  constructor(options: AdsServerOptions) {
    this.#options = options;
  }

  /**
   * What the proxy may have from now on; only differences are sent. Before the first call it is told nothing.
   *
   * @param changes from what it might have before; what is given costs what it names. Absent: `snapshot` is another
   *   object than before, and all of it is compared.
   */
  setSnapshot(proxyKey: string, snapshot: Snapshot, changes?: SnapshotChanges): void {
    const proxy = this.#proxy(proxyKey);
    proxy.snapshot = snapshot;
    proxy.rejections.prune(snapshot);
    for (const stream of proxy.streams) stream.setSnapshot(snapshot, changes);
  }

  /**
   * Where the proxy holds something else than it has said.
   *
   * @param held by type: name → version, if it is known.
   */
  differences(
    proxyKey: string,
    held: ReadonlyMap<string, ReadonlyMap<string, string | undefined>>,
  ): readonly Difference[] {
    const stream = this.#newest(proxyKey);
    return [...held].flatMap(([typeUrl, versions]) => stream?.differences(typeUrl, versions) ?? []);
  }

  /** Tells the proxy what it lacks, and what it has too much. */
  correct(proxyKey: string, differences: readonly Difference[]): void {
    this.#newest(proxyKey)?.correct(differences);
  }

  /** A connection that is known to be this proxy's. */
  serve(proxyKey: string, connection: Duplex): void {
    this.#proxy(proxyKey).injector.injectConnection(connection);
  }

  /** Connections that are open now. */
  streamsOf(proxyKey: string): number {
    return this.#proxies.get(proxyKey)?.streams.size ?? 0;
  }

  /** Forgets the proxy and ends its connections. */
  remove(proxyKey: string): void {
    const proxy = this.#proxies.get(proxyKey);
    if (proxy === undefined) return;
    this.#proxies.delete(proxyKey);
    proxy.injector.destroy();
    proxy.server.forceShutdown();
  }

  close(): void {
    for (const proxyKey of [...this.#proxies.keys()]) this.remove(proxyKey);
  }

  #newest(proxyKey: string): ProxyStream | undefined {
    return [...(this.#proxies.get(proxyKey)?.streams ?? [])].at(-1);
  }

  #proxy(proxyKey: string): Proxy {
    const known = this.#proxies.get(proxyKey);
    if (known !== undefined) return known;
    const server = new Server(CHANNEL_OPTIONS);
    const proxy: Proxy = {
      server,
      injector: server.createConnectionInjector(ServerCredentials.createInsecure()),
      rejections: new Rejections(),
      streams: new Set(),
      snapshot: undefined,
    };
    server.addService({ delta: METHOD }, { delta: (call: Call) => this.#accept(proxyKey, proxy, call) });
    this.#proxies.set(proxyKey, proxy);
    return proxy;
  }

  #accept(proxyKey: string, proxy: Proxy, call: Call): void {
    const { logger } = this.#options;
    const stream = new ProxyStream(proxy.snapshot, {
      rejections: proxy.rejections,
      send: (typeUrl, nonce, batch) => call.write(encodeResponse(typeUrl, nonce, batch)),
      outcome: (typeUrl, outcome) => this.#tell(proxyKey, typeUrl, outcome),
    });
    proxy.streams.add(stream);
    logger.info('proxy connected', { proxy: proxyKey });
    const gone = () => {
      if (proxy.streams.delete(stream)) logger.info('proxy disconnected', { proxy: proxyKey });
    };
    call.on('data', (request: DeltaDiscoveryRequest) => {
      const { resourceNamesUnsubscribe, initialResourceVersions, responseNonce } = request;
      stream.receive(request.typeUrl, {
        resourceNamesSubscribe: request.resourceNamesSubscribe.map((name) => this.#names.of(name)),
        resourceNamesUnsubscribe,
        initialResourceVersions,
        responseNonce,
        errorMessage: request.errorDetail?.message,
      });
    });
    call.on('error', gone);
    call.on('cancelled', gone);
    call.on('end', () => {
      gone();
      call.end();
    });
  }

  #tell(proxyKey: string, typeUrl: string, outcome: Outcome): void {
    const { onAck, onNack, logger } = this.#options;
    if ('accepted' in outcome) {
      onAck({ proxyKey, typeUrl, versions: outcome.accepted });
      return;
    }
    const { name, version, message } = outcome.rejected;
    logger.warn('proxy rejects a resource', { proxy: proxyKey, typeUrl, name, version, message });
    onNack({ proxyKey, typeUrl, name, version, message });
  }
}
