import type { MessageInitShape } from '@bufbuild/protobuf';
import type { FilterChainSchema } from '../../xds/generated/wire/envoy/config/listener/v3/listener_components_pb.js';
import { ListenerSchema } from '../../xds/generated/wire/envoy/config/listener/v3/listener_pb.js';
import type {
  AccessLogIr,
  AppProtocol,
  InboundPortIr,
  PodMeshIr,
  RateRuleIr,
  TlsMode,
  TracesIr,
} from '../../model/node/ir.ts';
import type { RateLimitIr } from '../../model/node/sending-ir.ts';
import { RouteConfigurationSchema } from '../../xds/generated/wire/envoy/config/route/v3/route_pb.js';
import { RBACSchema } from '../../xds/generated/wire/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import { encodeAccessLog } from './access-log.ts';
import { encodeAuthorization, type JudgedPod, RBAC_FILTER } from './authorization.ts';
import { durationOf, type EncodedResource, encodeResource, packAny, socketAddress } from './encoded.ts';
import { closed, httpConnectionManager, ORIGINAL_DST_FILTER, TLS_INSPECTOR_FILTER, tcpProxy } from './filters.ts';
import { TrafficDirection } from '../../xds/generated/wire/envoy/config/core/v3/base_pb.js';
import { FIXED_CLUSTER, MESH_ALPN, PROXY_PORT } from './names.ts';
import { rateLimitFilter, rateLimitOfRoute } from './route-filters.ts';
import { isCertifiedAs, matchOf } from './route-match.ts';
import { downstreamMtls, FROM_ADS } from './tls.ts';

type Chain = MessageInitShape<typeof FilterChainSchema> & object;

interface InboundRule {
  /** Absent: every port that has no rule of its own. */
  readonly port?: number;
  readonly protocol: AppProtocol;
  readonly tlsMode: TlsMode;
  readonly rateLimit?: RateLimitIr;
  readonly rateRules?: readonly RateRuleIr[];
  readonly accessLog?: AccessLogIr;
  readonly traces?: TracesIr;
}

/** Whether a policy judges the requests to a port. */
export type IsJudged = (port: number) => boolean;

/**
 * The listener that all connections to the pod are redirected to. A connection that no chain matches is closed: that
 * is how Strict refuses what is not mutual TLS.
 */
export function encodeInbound(mesh: PodMeshIr, hasIpv6: boolean, isJudged: IsJudged = () => false): EncodedResource {
  const rules: InboundRule[] = [...mesh.inbound, { protocol: 'TCP', tlsMode: mesh.tlsMode }];
  return encodeResource(ListenerSchema, 'inbound', {
    name: 'inbound',
    // What is drained when the pod ends.
    trafficDirection: TrafficDirection.INBOUND,
    address: socketAddress('0.0.0.0', PROXY_PORT.inbound),
    ...(hasIpv6 && { additionalAddresses: [{ address: socketAddress('::', PROXY_PORT.inbound) }] }),
    listenerFilters: [ORIGINAL_DST_FILTER, TLS_INSPECTOR_FILTER],
    // Protocols in which the server speaks first wait this long for the inspector, then are taken as plain.
    listenerFiltersTimeout: durationOf(2_000),
    continueOnListenerFiltersTimeout: true,
    filterChains: [
      closed({ destinationPort: PROXY_PORT.inbound }),
      ...rules.flatMap((rule) => chainsOf(rule, isJudged)),
    ],
  });
}

function chainsOf(rule: InboundRule, isJudged: IsJudged): Chain[] {
  const { port, protocol, tlsMode } = rule;
  const at = port === undefined ? {} : { destinationPort: port };
  const name = port === undefined ? 'other' : String(port);
  const tls = { ...at, transportProtocol: 'tls' };
  const toApplication =
    protocol === 'TCP' || port === undefined ? tcpToApplication(name) : httpToApplication(port, rule);
  // Nobody could read its requests.
  const ownTls = port !== undefined && isJudged(port) ? [] : [tcpToApplication(name)];
  const mtls = { filters: [toApplication], transportSocket: downstreamMtls() };
  if (tlsMode === 'Strict') return [{ ...mtls, name: `${name}-mtls`, filterChainMatch: tls }];
  return [
    { ...mtls, name: `${name}-mtls`, filterChainMatch: { ...tls, applicationProtocols: [MESH_ALPN] } },
    // TLS of the application's own.
    { name: `${name}-tls`, filterChainMatch: tls, filters: ownTls },
    { name: `${name}-plain`, filterChainMatch: at, filters: [toApplication] },
  ];
}

function tcpToApplication(name: string) {
  return tcpProxy(`inbound-${name}`, { case: 'cluster', value: FIXED_CLUSTER.application });
}

/** Routes come by RDS: what policies say of requests changes without an end to open connections. */
function httpToApplication(port: number, { rateLimit, rateRules = [], accessLog, traces }: InboundRule) {
  const routes = { case: 'rds' as const, value: { routeConfigName: inboundRouteName(port), configSource: FROM_ADS } };
  const rbac = { name: RBAC_FILTER, configType: { case: 'typedConfig' as const, value: packAny(RBACSchema, {}) } };
  const isLimited = rateLimit !== undefined || rateRules.length > 0;
  const limit = isLimited ? [rateLimitFilter(rateLimit, inboundRouteName(port))] : [];
  const log = accessLog === undefined ? [] : [encodeAccessLog(accessLog)];
  return httpConnectionManager(`inbound-${port}`, routes, { before: [rbac, ...limit], accessLog: log, traces });
}

function inboundRouteName(port: number): string {
  return `inbound-${port}`;
}

/** Everything to the application, by limits of their own first; of a port whose requests are judged, what policy allows. */
export function encodeInboundRoutes(
  { port, rateRules = [] }: Pick<InboundPortIr, 'port' | 'rateRules'>,
  judged: JudgedPod | undefined,
): EncodedResource {
  const name = inboundRouteName(port);
  const toApplication = {
    action: {
      case: 'route' as const,
      value: {
        clusterSpecifier: { case: 'cluster' as const, value: FIXED_CLUSTER.application },
        timeout: durationOf(0),
      },
    },
  };
  const limited = rateRules.map(({ match, limit }) => ({
    match: match.source === undefined ? matchOf(match) : matchOf(match, isCertifiedAs(match.source)),
    ...toApplication,
    typedPerFilterConfig: rateLimitOfRoute(limit, name),
  }));
  const routes = [...limited, { match: matchOf({ headers: [] }), ...toApplication }];
  const typedPerFilterConfig = judged === undefined ? {} : { [RBAC_FILTER]: encodeAuthorization(judged, port) };
  return encodeResource(RouteConfigurationSchema, name, {
    name,
    virtualHosts: [{ name: 'application', domains: ['*'], routes, typedPerFilterConfig }],
    validateClusters: false,
  });
}
