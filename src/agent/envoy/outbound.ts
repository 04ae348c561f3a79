import { TrafficDirection } from '../../xds/generated/wire/envoy/config/core/v3/base_pb.js';
import { ListenerSchema } from '../../xds/generated/wire/envoy/config/listener/v3/listener_pb.js';
import type { BackendIr, ServiceIr, ServicePortIr } from '../../model/node/ir.ts';
import { durationOf, type EncodedResource, encodeResource, socketAddress } from './encoded.ts';
import {
  closed,
  httpConnectionManager,
  ORIGINAL_DST_FILTER,
  type TcpCalls,
  type TcpTarget,
  tcpProxy,
} from './filters.ts';
import { FIXED_CLUSTER, PROXY_PORT } from './names.ts';
import { filtersFor } from './route-filters.ts';
import { routeName } from './routes.ts';
import { FROM_ADS } from './tls.ts';

const LOOPBACK = [
  { addressPrefix: '127.0.0.0', prefixLen: 8 },
  { addressPrefix: '::1', prefixLen: 128 },
];

/** The listener that all connections of the application are redirected to: hands over to those of services. */
export function encodeOutbound(hasIpv6: boolean): EncodedResource {
  return encodeResource(ListenerSchema, 'outbound', {
    name: 'outbound',
    address: socketAddress('127.0.0.1', PROXY_PORT.outbound),
    ...(hasIpv6 && { additionalAddresses: [{ address: socketAddress('::1', PROXY_PORT.outbound) }] }),
    listenerFilters: [ORIGINAL_DST_FILTER],
    useOriginalDst: true,
    filterChains: [closed({ destinationPort: PROXY_PORT.outbound, prefixRanges: LOOPBACK })],
    // Not a chain without a match: a port that some chain names is looked for among those that name it only.
    defaultFilterChain: { filters: [tcpProxy('passthrough', { case: 'cluster', value: FIXED_CLUSTER.passthrough })] },
  });
}

/** A listener for each address and port at which the service is dialled; none opens a socket. */
export function encodeServiceListeners(service: ServiceIr): EncodedResource[] {
  return service.clusterIPs.flatMap((address) =>
    service.ports.map((port) => {
      const name = `${routeName(service, port)}@${address}`;
      return encodeResource(ListenerSchema, name, {
        name,
        trafficDirection: TrafficDirection.OUTBOUND,
        address: socketAddress(address, port.port),
        bindToPort: false,
        filterChains: [{ filters: [filterOf(service, port)] }],
      });
    }),
  );
}

function filterOf(service: ServiceIr, port: ServicePortIr) {
  const name = routeName(service, port);
  if (port.protocol === 'TCP') return tcpProxy(name, tcpTarget(port.rules[0]?.backends ?? []), tcpCalls(port));
  const routes = { case: 'rds' as const, value: { configSource: FROM_ADS, routeConfigName: name } };
  return httpConnectionManager(name, routes, { before: filtersFor(port.rules), traces: port.traces });
}

function tcpCalls({ rules: [rule] }: ServicePortIr): TcpCalls {
  return {
    ...(rule?.idleTimeoutMs !== undefined && { idleTimeout: durationOf(rule.idleTimeoutMs) }),
    ...(rule?.hash !== undefined && { hashPolicy: [{ policySpecifier: { case: 'sourceIp', value: {} } }] }),
  };
}

/** Connections by weight; a share that names nothing is closed. */
export function tcpTarget(backends: readonly BackendIr[]): TcpTarget {
  const drawn = backends.filter(({ weight }) => weight > 0);
  const clusters = drawn.map(({ cluster = FIXED_CLUSTER.nothing, weight }) => ({ name: cluster, weight }));
  const [first, ...others] = clusters;
  if (first === undefined) return { case: 'cluster', value: FIXED_CLUSTER.nothing };
  if (others.length === 0) return { case: 'cluster', value: first.name };
  return { case: 'weightedClusters', value: { clusters } };
}
