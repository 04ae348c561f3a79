import type { MessageInitShape } from '@bufbuild/protobuf';
import type { FilterChainSchema } from '../../xds/generated/wire/envoy/config/listener/v3/listener_components_pb.js';
import { ListenerSchema } from '../../xds/generated/wire/envoy/config/listener/v3/listener_pb.js';
import type { AppProtocol, PodMeshIr, TlsMode } from '../../model/node/ir.ts';
import { durationOf, type EncodedResource, encodeResource, socketAddress } from './encoded.ts';
import { closed, httpConnectionManager, ORIGINAL_DST_FILTER, TLS_INSPECTOR_FILTER, tcpProxy } from './filters.ts';
import { FIXED_CLUSTER, MESH_ALPN, PROXY_PORT } from './names.ts';
import { downstreamMtls } from './tls.ts';

type Chain = MessageInitShape<typeof FilterChainSchema> & object;

interface InboundRule {
  /** Absent: every port that has no rule of its own. */
  readonly port?: number;
  readonly protocol: AppProtocol;
  readonly tlsMode: TlsMode;
}

/**
 * The listener that all connections to the pod are redirected to. A connection that no chain matches is closed: that
 * is how Strict refuses what is not mutual TLS.
 */
export function encodeInbound(mesh: PodMeshIr, hasIpv6: boolean): EncodedResource {
  const rules: InboundRule[] = [...mesh.inbound, { protocol: 'TCP', tlsMode: mesh.tlsMode }];
  return encodeResource(ListenerSchema, 'inbound', {
    name: 'inbound',
    address: socketAddress('0.0.0.0', PROXY_PORT.inbound),
    ...(hasIpv6 && { additionalAddresses: [{ address: socketAddress('::', PROXY_PORT.inbound) }] }),
    listenerFilters: [ORIGINAL_DST_FILTER, TLS_INSPECTOR_FILTER],
    // Protocols in which the server speaks first wait this long for the inspector, then are taken as plain.
    listenerFiltersTimeout: durationOf(2_000),
    continueOnListenerFiltersTimeout: true,
    filterChains: [closed({ destinationPort: PROXY_PORT.inbound }), ...rules.flatMap(chainsOf)],
  });
}

function chainsOf({ port, protocol, tlsMode }: InboundRule): Chain[] {
  const at = port === undefined ? {} : { destinationPort: port };
  const name = port === undefined ? 'other' : String(port);
  const tls = { ...at, transportProtocol: 'tls' };
  const toApplication = protocol === 'TCP' ? tcpToApplication(name) : httpToApplication(name);
  const mtls = { filters: [toApplication], transportSocket: downstreamMtls() };
  if (tlsMode === 'Strict') return [{ ...mtls, name: `${name}-mtls`, filterChainMatch: tls }];
  return [
    { ...mtls, name: `${name}-mtls`, filterChainMatch: { ...tls, applicationProtocols: [MESH_ALPN] } },
    // TLS of the application's own.
    { name: `${name}-tls`, filterChainMatch: tls, filters: [tcpToApplication(name)] },
    { name: `${name}-plain`, filterChainMatch: at, filters: [toApplication] },
  ];
}

function tcpToApplication(name: string) {
  return tcpProxy(`inbound-${name}`, { case: 'cluster', value: FIXED_CLUSTER.application });
}

function httpToApplication(name: string) {
  const route = {
    match: { pathSpecifier: { case: 'prefix' as const, value: '/' } },
    action: {
      case: 'route' as const,
      value: {
        clusterSpecifier: { case: 'cluster' as const, value: FIXED_CLUSTER.application },
        timeout: durationOf(0),
      },
    },
  };
  return httpConnectionManager(`inbound-${name}`, {
    case: 'routeConfig',
    value: { name: `inbound-${name}`, virtualHosts: [{ name: 'application', domains: ['*'], routes: [route] }] },
  });
}
