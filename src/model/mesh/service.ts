import type { MeshService } from '../../api/generated/meshservice.ts';
import type { HTTPRoute, Service } from '../../api/kubernetes.ts';
import type { TrafficSplit } from '../../api/generated/trafficsplit.ts';
import { objectKey } from '../../api/meta.ts';
import { canonicalIp, compareIps, familyOf } from '../../lib/ip.ts';
import type { AppProtocol, ServiceIr, ServicePortIr } from '../node/ir.ts';
import { clusterKey } from './backends.ts';
import { callPolicy } from './call-policy.ts';
import { compareRouteRules } from './http-route-match.ts';
import { isAttached, isCarriedBy, isOfConsumer, translateHttpRoute } from './http-route.ts';
import { byAge } from './by-age.ts';
import { hostsOf } from './hosts.ts';
import { meshServiceFor, type MeshIndex } from './mesh-index.ts';
import type { PlacedRule } from './placed-rule.ts';
import { meshPortsOf, protocolOf, type ServicePort } from './protocol.ts';
import { translateTraces } from './tracing.ts';
import { translateTrafficSplit } from './traffic-split.ts';

/**
 * How meshed pods call one Service. Undefined when it does not exist, or has no TCP port, or neither an address of its
 * own nor a name in `hosts`: calls then go past the mesh, to wherever they are addressed.
 */
export function translateService(index: MeshIndex, serviceKey: string): ServiceIr | undefined {
  const service = index.service(serviceKey);
  if (service === undefined) return undefined;
  const mesh = meshServiceFor(index, serviceKey);
  const hosts = mesh === undefined ? [] : hostsOf(index, mesh);
  const spare = mesh === undefined || hosts.length === 0 ? [] : index.virtualAddressesOf(objectKey(mesh));
  const clusterIPs = inBothFamilies(clusterIPsOf(service), spare);
  const ports = meshPortsOf(service).map((port) => translatePort(index, serviceKey, port, mesh));
  if (clusterIPs.length === 0 || ports.length === 0) return undefined;
  const { namespace = 'default', name } = service.metadata;
  const names = hosts.length === 0 ? {} : { hosts };
  return { namespace, name, clusterIPs, ...names, ports: ports.sort((a, b) => a.port - b.port) };
}

/** A name must have an answer in each family: callers take a missing one for a name that is not there. */
function inBothFamilies(own: readonly string[], spare: readonly string[]): readonly string[] {
  const missing = spare.filter((address) => !own.some((other) => familyOf(other) === familyOf(address)));
  return [...own, ...missing].sort(compareIps);
}

function translatePort(
  index: MeshIndex,
  serviceKey: string,
  port: ServicePort,
  mesh: MeshService | undefined,
): ServicePortIr {
  const protocol = protocolOf(port, mesh);
  const rules = rulesOfPort(index, serviceKey, port).map(({ rule }) => rule);
  const traces = translateTraces(index.tracing, protocol, serviceKey, mesh);
  return { port: port.port, protocol, rules, ...(traces === undefined ? {} : { traces }) };
}

/** The rules of a port in the order in which they are met. */
export function rulesOfPort(index: MeshIndex, serviceKey: string, port: ServicePort): readonly PlacedRule[] {
  const mesh = meshServiceFor(index, serviceKey);
  const protocol = protocolOf(port, mesh);
  const rules = [...routedRules(index, serviceKey, port, protocol)];
  const isComplete = rules.some(
    ({ rule: { origin, matches } }) => matches.length === 0 || /^(?:HTTP|GRPC)Route /.test(origin),
  );
  // What no rule of a TrafficSplit matches goes to the service; what none of a route matches gets 404, in gRPC
  // UNIMPLEMENTED (GEP-1426).
  if (!isComplete) {
    const rule = {
      origin: `Service ${serviceKey}`,
      matches: [],
      backends: [{ cluster: clusterKey(serviceKey, port.port), weight: 1 }],
      ...callPolicy(protocol, mesh),
    };
    rules.push({ rule });
  }
  return [...consumerRules(index, serviceKey, port, protocol), ...rules];
}

/** Of each namespace that says for its own callers how the Service is called: they meet no other rules. */
function consumerRules(
  index: MeshIndex,
  serviceKey: string,
  port: ServicePort,
  protocol: AppProtocol,
): readonly PlacedRule[] {
  const routes = index
    .httpRoutesOf(serviceKey)
    .filter((route) => isOfConsumer(route, serviceKey) && isRouteOf(route, serviceKey, port, protocol));
  const namespaces = [...new Set(routes.map(({ metadata: { namespace = 'default' } }) => namespace))].sort();
  return namespaces.flatMap((namespace) => {
    const source = { namespace };
    const own = routes.filter((route) => (route.metadata.namespace ?? 'default') === namespace);
    const rules = own
      .flatMap((route) => translateHttpRoute(route, serviceKey, protocol, index).value)
      .sort((a, b) => compareRouteRules(a.rule, b.rule));
    const [first] = rules;
    if (first === undefined) return [];
    const last = { origin: first.rule.origin, matches: [], backends: [], respond: { status: 404 } };
    return [...rules, { rule: last }].map(({ rule, ...place }) => {
      const matches = rule.matches.length === 0 ? [{ headers: [] }] : rule.matches;
      return { ...place, rule: { ...rule, matches: matches.map((match) => ({ ...match, source })) } };
    });
  });
}

function isRouteOf(route: HTTPRoute, serviceKey: string, port: ServicePort, protocol: AppProtocol): boolean {
  return isCarriedBy(route, protocol) && isAttached(route, serviceKey, port);
}

function routedRules(
  index: MeshIndex,
  serviceKey: string,
  port: ServicePort,
  protocol: AppProtocol,
): readonly PlacedRule[] {
  const { split, routes } = routingOf(index, serviceKey, port, protocol);
  if (split !== undefined) return translateTrafficSplit(split, protocol, index).value;
  return routes
    .flatMap((route) => translateHttpRoute(route, serviceKey, protocol, index).value)
    .sort((a, b) => compareRouteRules(a.rule, b.rule));
}

/** Who routes a port; at most one of both kinds. */
interface Routing {
  readonly split?: TrafficSplit;
  /** Oldest first; their rules are met together. */
  readonly routes: readonly HTTPRoute[];
}

/**
 * Of the TrafficSplits and HTTPRoutes for a port the oldest decides: a TrafficSplit stands alone, HTTPRoutes stand
 * together. They say nothing about a TCP port, and GRPCRoutes nothing about one of HTTP/1.1.
 */
export function routingOf(index: MeshIndex, serviceKey: string, port: ServicePort, protocol: AppProtocol): Routing {
  const [split] = index.trafficSplitsOf(serviceKey).filter(({ spec }) => spec.port === port.port);
  const routes = index
    .httpRoutesOf(serviceKey)
    .filter((route) => !isOfConsumer(route, serviceKey) && isRouteOf(route, serviceKey, port, protocol));
  const [oldest] = routes;
  if (split === undefined) return { routes };
  return oldest !== undefined && byAge(oldest, split) < 0 ? { routes } : { split, routes: [] };
}

/** Of both families, sorted. None for headless Services and ExternalNames. */
function clusterIPsOf({ spec }: Service): readonly string[] {
  const all = spec.clusterIPs ?? (spec.clusterIP === undefined ? [] : [spec.clusterIP]);
  return [...new Set(all.flatMap((address) => canonicalIp(address) ?? []))].sort(compareIps);
}
