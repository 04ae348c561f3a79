import type { MessageInitShape } from '@bufbuild/protobuf';
import { TrafficDirection } from '../../xds/generated/wire/envoy/config/core/v3/base_pb.js';
import type { FilterChainSchema } from '../../xds/generated/wire/envoy/config/listener/v3/listener_components_pb.js';
import { ListenerSchema } from '../../xds/generated/wire/envoy/config/listener/v3/listener_pb.js';
import { RouteConfigurationSchema } from '../../xds/generated/wire/envoy/config/route/v3/route_pb.js';
import type { GatewayCertificateIr, GatewayChainIr, GatewayIr, TracesIr } from '../../model/node/ir.ts';
import { type EncodedResource, encodeResource, socketAddress } from './encoded.ts';
import { httpConnectionManager, TLS_INSPECTOR_FILTER, tcpProxy } from './filters.ts';
import { tcpTarget } from './outbound.ts';
import { filtersFor } from './route-filters.ts';
import { type RouteContext, routesOf } from './routes.ts';
import { encodeCertificate } from './secrets.ts';
import { downstreamTls, FROM_ADS } from './tls.ts';

type Chain = MessageInitShape<typeof FilterChainSchema> & object;

/** The listeners of a Gateway's proxies, and the route tables of those that speak HTTP. */
export function encodeGateway(
  { ports, traces }: GatewayIr,
  hasIpv6: boolean,
  context: RouteContext,
): EncodedResource[] {
  return ports.flatMap(({ port, chains }) => [
    encodeResource(ListenerSchema, listenerName(port), {
      name: listenerName(port),
      trafficDirection: TrafficDirection.INBOUND,
      address: socketAddress('0.0.0.0', port),
      ...(hasIpv6 && { additionalAddresses: [{ address: socketAddress('::', port) }] }),
      listenerFilters: chains.some(({ protocol }) => protocol !== 'HTTP') ? [TLS_INSPECTOR_FILTER] : [],
      filterChains: chains.map((chain) => chainOf(port, chain, traces)),
    }),
    ...chains.filter(({ protocol }) => protocol !== 'TLS').map((chain) => routesFor(port, chain, context)),
  ]);
}

/** What the proxies of a Gateway prove to callers who they are with. */
export function encodeGatewayCertificate(key: string, certificate: GatewayCertificateIr): EncodedResource {
  return encodeCertificate(certificateName(key), certificate.chainPem, certificate.keyPem);
}

function chainOf(port: number, chain: GatewayChainIr, traces: TracesIr | undefined): Chain {
  const { name, protocol, serverNames, certificates } = chain;
  if (protocol === 'HTTP') return { name, filters: [filterOf(port, chain, traces)] };
  const filterChainMatch = { transportProtocol: 'tls', serverNames: [...serverNames] };
  const filters = [filterOf(port, chain, traces)];
  if (protocol === 'TLS') return { name, filterChainMatch, filters };
  return { name, filterChainMatch, filters, transportSocket: downstreamTls(certificates.map(certificateName)) };
}

function filterOf(port: number, { name, protocol, hosts, backends }: GatewayChainIr, traces: TracesIr | undefined) {
  // As ports of pods are called, so that they are counted, and waited for when the pod ends, as those.
  const statPrefix = `inbound-${port}`;
  if (protocol === 'TLS') return tcpProxy(statPrefix, tcpTarget(backends));
  const routes = { case: 'rds' as const, value: { configSource: FROM_ADS, routeConfigName: routesName(port, name) } };
  const before = filtersFor(hosts.flatMap(({ rules }) => rules));
  return httpConnectionManager(statPrefix, routes, { before, traces, isEdge: true });
}

function routesFor(port: number, { name, hosts }: GatewayChainIr, context: RouteContext): EncodedResource {
  const routes = routesName(port, name);
  return encodeResource(RouteConfigurationSchema, routes, {
    name: routes,
    virtualHosts: hosts.map(({ host, rules }) => ({
      ...{ name: host, domains: [host] },
      routes: rules.flatMap((rule) => routesOf(rule, context)),
    })),
    ignorePortInHostMatching: true,
    validateClusters: false,
  });
}

function listenerName(port: number): string {
  return `gateway-${port}`;
}

function routesName(port: number, chain: string): string {
  return `gateway-${port}/${chain}`;
}

function certificateName(key: string): string {
  return `gateway-certificate/${key}`;
}
