import type { MeshService } from '../../api/generated/meshservice.ts';
import type { HTTPRoute, Service } from '../../api/kubernetes.ts';
import type { TrafficSplit } from '../../api/generated/trafficsplit.ts';
import { canonicalIp, compareIps } from '../../lib/ip.ts';
import type { AppProtocol, RouteRuleIr, ServiceIr, ServicePortIr } from '../node/ir.ts';
import { clusterKey } from './backends.ts';
import { callPolicy } from './call-policy.ts';
import { compareRouteRules } from './http-route-match.ts';
import { isAttached, translateHttpRoute } from './http-route.ts';
import { byAge, meshServiceFor, type MeshIndex } from './mesh-index.ts';
import { isHttp, meshPortsOf, protocolOf, type ServicePort } from './protocol.ts';
import { translateTrafficSplit } from './traffic-split.ts';

/**
 * How meshed pods call one Service. Undefined when it does not exist, or has no IPv4 address or no TCP port of its
 * own: calls then go past the mesh, to wherever they are addressed.
 */
export function translateService(index: MeshIndex, serviceKey: string): ServiceIr | undefined {
  const service = index.service(serviceKey);
  if (service === undefined) return undefined;
  const clusterIPs = clusterIPsOf(service);
  const mesh = meshServiceFor(index, serviceKey);
  const ports = meshPortsOf(service).map((port) => translatePort(index, serviceKey, port, mesh));
  if (clusterIPs.length === 0 || ports.length === 0) return undefined;
  const { namespace = 'default', name } = service.metadata;
  return { namespace, name, clusterIPs, ports: ports.sort((a, b) => a.port - b.port) };
}

function translatePort(
  index: MeshIndex,
  serviceKey: string,
  port: ServicePort,
  mesh: MeshService | undefined,
): ServicePortIr {
  const protocol = protocolOf(port, mesh);
  const rules = [...routedRules(index, serviceKey, port.port, protocol)];
  const isComplete = rules.some(({ origin, matches }) => matches.length === 0 || origin.startsWith('HTTPRoute '));
  // What no rule of a TrafficSplit matches goes to the service; what no rule of an HTTPRoute matches gets 404 (GEP-1426).
  if (!isComplete) {
    rules.push({
      origin: `Service ${serviceKey}`,
      matches: [],
      backends: [{ cluster: clusterKey(serviceKey, port.port), weight: 1 }],
      ...callPolicy(protocol, mesh),
    });
  }
  return { port: port.port, protocol, rules };
}

function routedRules(
  index: MeshIndex,
  serviceKey: string,
  port: number,
  protocol: AppProtocol,
): readonly RouteRuleIr[] {
  const { split, routes } = routingOf(index, serviceKey, port, protocol);
  if (split !== undefined) return translateTrafficSplit(split, protocol, index).value;
  return routes
    .flatMap((route) => translateHttpRoute(route, serviceKey, protocol, index).value)
    .sort(compareRouteRules);
}

/** Who routes a port; at most one of both kinds. */
interface Routing {
  readonly split?: TrafficSplit;
  /** Oldest first; their rules are met together. */
  readonly routes: readonly HTTPRoute[];
}

/**
 * Of the TrafficSplits and HTTPRoutes for a port the oldest decides: a TrafficSplit stands alone, HTTPRoutes stand
 * together. HTTPRoutes say nothing about a TCP port.
 */
export function routingOf(index: MeshIndex, serviceKey: string, port: number, protocol: AppProtocol): Routing {
  const [split] = index.trafficSplitsOf(serviceKey).filter(({ spec }) => spec.port === port);
  const routes = isHttp(protocol)
    ? index.httpRoutesOf(serviceKey).filter((route) => isAttached(route, serviceKey, port))
    : [];
  const [oldest] = routes;
  if (split === undefined) return { routes };
  return oldest !== undefined && byAge(oldest, split) < 0 ? { routes } : { split, routes: [] };
}

/** Of both families, sorted. None for headless Services and ExternalNames. */
function clusterIPsOf({ spec }: Service): readonly string[] {
  const all = spec.clusterIPs ?? (spec.clusterIP === undefined ? [] : [spec.clusterIP]);
  return [...new Set(all.flatMap((address) => canonicalIp(address) ?? []))].sort(compareIps);
}
