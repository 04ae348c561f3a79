import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  FilterChainMatchSchema,
  FilterChainSchema,
  FilterSchema,
  ListenerFilterSchema,
} from '../../xds/generated/wire/envoy/config/listener/v3/listener_components_pb.js';
import { RouterSchema } from '../../xds/generated/wire/envoy/extensions/filters/http/router/v3/router_pb.js';
import { OriginalDstSchema } from '../../xds/generated/wire/envoy/extensions/filters/listener/original_dst/v3/original_dst_pb.js';
import { TlsInspectorSchema } from '../../xds/generated/wire/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js';
import {
  HttpConnectionManager_ForwardClientCertDetails as ClientCertDetails,
  HttpConnectionManagerSchema,
  HttpConnectionManager_ServerHeaderTransformation as ServerHeader,
} from '../../xds/generated/wire/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { TcpProxySchema } from '../../xds/generated/wire/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import type { TracesIr } from '../../model/node/ir.ts';
import { durationOf, packAny } from './encoded.ts';
import { encodeTraces } from './traces.ts';

type Filter = MessageInitShape<typeof FilterSchema>;
type ListenerFilter = MessageInitShape<typeof ListenerFilterSchema>;
type ConnectionManager = MessageInitShape<typeof HttpConnectionManagerSchema> & object;
export type HttpFilter = NonNullable<ConnectionManager['httpFilters']>[number];
export type HttpRoutes = NonNullable<ConnectionManager['routeSpecifier']>;
type AccessLog = NonNullable<ConnectionManager['accessLog']>[number];
interface ManagerOptions {
  /** Filters in front of the router. */
  readonly before?: readonly HttpFilter[];
  readonly accessLog?: readonly AccessLog[];
  readonly traces?: TracesIr | undefined;
  /** Callers are nobody that is known. */
  readonly isEdge?: boolean;
}
type TcpProxy = MessageInitShape<typeof TcpProxySchema> & object;
export type TcpTarget = NonNullable<TcpProxy['clusterSpecifier']>;
export type TcpCalls = Pick<TcpProxy, 'idleTimeout' | 'hashPolicy'>;

/** Finds out where a redirected connection was going (SO_ORIGINAL_DST). */
export const ORIGINAL_DST_FILTER: ListenerFilter = {
  name: 'envoy.filters.listener.original_dst',
  configType: { case: 'typedConfig', value: packAny(OriginalDstSchema, {}) },
};

/** Looks whether a connection starts as TLS, and with which ALPN. */
export const TLS_INSPECTOR_FILTER: ListenerFilter = {
  name: 'envoy.filters.listener.tls_inspector',
  configType: { case: 'typedConfig', value: packAny(TlsInspectorSchema, {}) },
};

/**
 * Closes connections to the proxy's own capturing port: sent on to where they were going, one would come back as the
 * next, until the proxy is out of descriptors, and that ends it.
 */
export function closed(
  filterChainMatch: MessageInitShape<typeof FilterChainMatchSchema>,
): MessageInitShape<typeof FilterChainSchema> & object {
  return { name: 'itself', filterChainMatch, filters: [] };
}

export function tcpProxy(statPrefix: string, clusterSpecifier: TcpTarget, calls: TcpCalls = {}): Filter {
  return {
    name: 'envoy.filters.network.tcp_proxy',
    configType: { case: 'typedConfig', value: packAny(TcpProxySchema, { statPrefix, clusterSpecifier, ...calls }) },
  };
}

/**
 * HTTP of either version, changed as little as possible: no limits on time but those of the routes, upgrades to
 * WebSocket allowed. Who calls is told by `x-forwarded-client-cert` from the caller's certificate only, never from
 * what the caller says.
 *
 * At the edge the caller's address is what it is, and not what he says: `x-forwarded-for` is appended to, and his
 * `x-envoy-…` headers count nothing.
 */
export function httpConnectionManager(
  statPrefix: string,
  routeSpecifier: HttpRoutes,
  { before = [], accessLog = [], traces, isEdge = false }: ManagerOptions = {},
): Filter {
  const value = packAny(HttpConnectionManagerSchema, {
    statPrefix,
    routeSpecifier,
    accessLog: [...accessLog],
    ...(traces === undefined ? {} : { tracing: encodeTraces(traces) }),
    httpFilters: [
      ...before,
      {
        name: 'envoy.filters.http.router',
        configType: { case: 'typedConfig', value: packAny(RouterSchema, { suppressEnvoyHeaders: true }) },
      },
    ],
    forwardClientCertDetails: ClientCertDetails.SANITIZE_SET,
    setCurrentClientCertDetails: { uri: true },
    serverHeaderTransformation: ServerHeader.PASS_THROUGH,
    streamIdleTimeout: durationOf(0),
    normalizePath: true,
    ...(isEdge ? { useRemoteAddress: true } : { skipXffAppend: true }),
    upgradeConfigs: [{ upgradeType: 'websocket' }],
  });
  return { name: 'envoy.filters.network.http_connection_manager', configType: { case: 'typedConfig', value } };
}
