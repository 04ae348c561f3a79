import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  Cluster_DiscoveryType,
  Cluster_LbPolicy,
  ClusterSchema,
} from '../../xds/generated/wire/envoy/config/cluster/v3/cluster_pb.js';
import { RawBufferSchema } from '../../xds/generated/wire/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.js';
import { HttpProtocolOptionsSchema } from '../../xds/generated/wire/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';
import type { EndpointsIr } from '../../model/node/ir.ts';
import { durationOf, type EncodedResource, encodeResource, packAny } from './encoded.ts';
import { statNameOf } from './call-counts.ts';
import { MESH_IDENTITY, NO_IDENTITY } from './endpoints.ts';
import { loadBalancingOf } from './load-balancing.ts';
import { FIXED_CLUSTER } from './names.ts';
import { NO_LIMITS, pooledConnections, resilienceOf } from './resilience.ts';
import { FROM_ADS, type TransportSocket, upstreamMtls } from './tls.ts';

type HttpOptions = MessageInitShape<typeof HttpProtocolOptionsSchema>;

const PLAIN: TransportSocket = {
  name: 'envoy.transport_sockets.raw_buffer',
  configType: { case: 'typedConfig', value: packAny(RawBufferSchema, {}) },
};
/** No certificate has this name. */
const NOBODY = 'spiffe://nobody.invalid/';
const APPLICATION_CONNECT_TIMEOUT_MS = 10_000;

/**
 * Where calls to `key` go. Its endpoints come by a resource of their own. Those with an identity are called by mutual
 * TLS and must prove exactly that identity; the others are called in plain.
 */
export function encodeCluster(key: string, ir: EndpointsIr): EncodedResource {
  const ids = [...new Set(ir.endpoints.flatMap(({ spiffeId = [] }) => spiffeId))].sort();
  return encodeResource(ClusterSchema, key, {
    name: key,
    altStatName: statNameOf(key),
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: { edsConfig: FROM_ADS, serviceName: key },
    connectTimeout: durationOf(ir.connectTimeoutMs),
    ...loadBalancingOf(ir),
    ...resilienceOf(key, ir),
    transportSocketMatches: [...ids.map((id) => securedBy(id, upstreamMtls(id))), securedBy(NO_IDENTITY, PLAIN)],
    // An endpoint may be known before its identity: its calls fail until then, and never go out in plain.
    transportSocket: upstreamMtls(NOBODY),
    ...httpOptions(upstreamHttp(ir)),
  });
}

function securedBy(name: string, transportSocket: TransportSocket) {
  return { name, match: { [MESH_IDENTITY]: name }, transportSocket };
}

/** Clusters that do not depend on the mesh, see `FIXED_CLUSTER`. */
export function encodeFixedClusters(): EncodedResource[] {
  const nothing = encodeResource(ClusterSchema, FIXED_CLUSTER.nothing, {
    name: FIXED_CLUSTER.nothing,
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC },
    connectTimeout: durationOf(APPLICATION_CONNECT_TIMEOUT_MS),
  });
  return [originalDst(FIXED_CLUSTER.application), nothing, originalDst(FIXED_CLUSTER.passthrough)];
}

function originalDst(name: string): EncodedResource {
  return encodeResource(ClusterSchema, name, {
    name,
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.ORIGINAL_DST },
    lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
    connectTimeout: durationOf(APPLICATION_CONNECT_TIMEOUT_MS),
    circuitBreakers: NO_LIMITS,
    // The application is spoken to as the caller speaks.
    ...httpOptions({
      upstreamProtocolOptions: { case: 'useDownstreamProtocolConfig', value: { http2ProtocolOptions: {} } },
    }),
  });
}

function upstreamHttp(ir: EndpointsIr): HttpOptions | undefined {
  const { protocol } = ir;
  if (protocol === 'TCP') return undefined;
  const protocolConfig =
    protocol === 'HTTP'
      ? { case: 'httpProtocolOptions' as const, value: {} }
      : { case: 'http2ProtocolOptions' as const, value: {} };
  return {
    upstreamProtocolOptions: { case: 'explicitHttpConfig', value: { protocolConfig } },
    ...pooledConnections(ir),
  };
}

function httpOptions(options: HttpOptions | undefined) {
  if (options === undefined) return {};
  const name = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
  return { typedExtensionProtocolOptions: { [name]: packAny(HttpProtocolOptionsSchema, options) } };
}
