/**
 * Simulated Envoys: delta xDS clients that ask as Envoy does, for clusters, then their endpoints, then listeners, then
 * their routes, and accept everything. The parent sends the abstract sockets to connect to.
 */
import { connect as connectHttp2, type ClientHttp2Stream } from 'node:http2';
import { connect } from 'node:net';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
} from '../../src/xds/generated/wire/envoy/service/discovery/v3/discovery_pb.js';
import { TYPE_URL } from '../../src/xds/resource-types.ts';

const PATH = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
/** Before each message of gRPC: whether it is compressed, and how long it is. */
const PREFIX_BYTES = 5;

class SimulatedEnvoy {
  readonly #stream: ClientHttp2Stream;
  #rest: Buffer = Buffer.alloc(0);
  /** Of clusters, until their endpoints are there. */
  #owed = '';
  #hasListeners = false;

  constructor(socket: string) {
    const session = connectHttp2('http://agent', { createConnection: () => connect({ path: `\0${socket}` }) });
    this.#stream = session.request({
      ':method': 'POST',
      ':path': PATH,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    this.#stream.on('data', (chunk: Buffer) => this.#read(chunk));
    this.#ask(TYPE_URL.cds, '', ['*']);
  }

  #read(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= PREFIX_BYTES) {
      const end = PREFIX_BYTES + this.#rest.readUInt32BE(1);
      if (this.#rest.length < end) return;
      this.#take(fromBinary(DeltaDiscoveryResponseSchema, this.#rest.subarray(PREFIX_BYTES, end)));
      this.#rest = this.#rest.subarray(end);
    }
  }

  #take({ typeUrl, nonce, resources }: DeltaDiscoveryResponse): void {
    const names = resources.map(({ name }) => name);
    // Those of services have endpoints of their own.
    const clusters = names.filter((name) => name.includes('/'));
    if (typeUrl === TYPE_URL.cds && clusters.length > 0) {
      // A cluster is accepted when its endpoints are there.
      this.#owed = nonce;
      this.#ask(TYPE_URL.eds, '', clusters);
      return;
    }
    this.#ask(typeUrl, nonce, []);
    if (typeUrl === TYPE_URL.eds && this.#owed !== '') {
      this.#ask(TYPE_URL.cds, this.#owed, []);
      this.#owed = '';
      if (this.#hasListeners) return;
      this.#hasListeners = true;
      this.#ask(TYPE_URL.sds, '', ['workload', 'roots']);
      this.#ask(TYPE_URL.lds, '', ['*']);
    }
    const routes = names.flatMap((name) => (name.includes('@') ? [name.slice(0, name.indexOf('@'))] : []));
    if (typeUrl === TYPE_URL.lds && routes.length > 0) this.#ask(TYPE_URL.rds, '', routes);
  }

  #ask(typeUrl: string, responseNonce: string, resourceNamesSubscribe: string[]): void {
    const request = create(DeltaDiscoveryRequestSchema, { typeUrl, responseNonce, resourceNamesSubscribe });
    const bytes = toBinary(DeltaDiscoveryRequestSchema, request);
    const prefix = Buffer.alloc(PREFIX_BYTES);
    prefix.writeUInt32BE(bytes.length, 1);
    this.#stream.write(Buffer.concat([prefix, bytes]));
  }
}

const envoys: SimulatedEnvoy[] = [];
process.on('message', (sockets: readonly string[]) => {
  for (const socket of sockets) envoys.push(new SimulatedEnvoy(socket));
});
process.on('disconnect', () => process.exit());
