import { canonicalIp, compareIps, type Family, familyOf, formatCidr, parseLooseCidr } from '../../lib/ip.ts';
import { candidatesOf, clusterBackends, localBackends } from './endpoints.ts';
import type { RoutedService, RoutedSlice, RoutingNode } from './objects.ts';
import {
  ANY_NODE_ADDRESS,
  type FrontendIr,
  type ServiceHealthIr,
  type ServiceProtocol,
  type ServiceVipIr,
} from './vip.ts';

const DEFAULT_AFFINITY_SECONDS = 10_800;
const FAMILIES: readonly Family[] = [4, 6];

type ServicePort = NonNullable<RoutedService['spec']['ports']>[number];

/**
 * What the kernel of `node` does with packets to `service`. Pure; depends on this service and its own slices only.
 */
export function translateServiceRules(
  service: RoutedService,
  slices: readonly RoutedSlice[],
  node: RoutingNode,
): ServiceVipIr[] {
  const families = FAMILIES.filter((family) => service.spec.clusterIPs?.some((of) => familyOf(of) === family));
  return families.flatMap((family) =>
    [...(service.spec.ports ?? [])]
      .sort((a, b) => (a.protocol ?? 'TCP').localeCompare(b.protocol ?? 'TCP') || a.port - b.port)
      .flatMap((port) => vipsOfPort(service, port, slices, node, family)),
  );
}

/** Undefined when no load balancer asks nodes for this service. */
export function translateServiceHealth(
  service: RoutedService,
  slices: readonly RoutedSlice[],
  node: RoutingNode,
): ServiceHealthIr | undefined {
  const { type, externalTrafficPolicy, healthCheckNodePort } = service.spec;
  if (type !== 'LoadBalancer' || externalTrafficPolicy !== 'Local') return undefined;
  if (healthCheckNodePort === undefined || healthCheckNodePort === 0) return undefined;
  // Not those that are terminating: a load balancer is told to look elsewhere in time.
  const ready = slices.flatMap(({ endpoints }) =>
    endpoints.filter(({ nodeName, conditions }) => nodeName === node.name && (conditions?.ready ?? true)),
  );
  const pods = new Set(ready.map(({ targetRef, addresses }) => targetRef?.uid ?? addresses[0]));
  const { namespace = 'default', name } = service.metadata;
  return { namespace, name, port: healthCheckNodePort, localEndpoints: pods.size };
}

function vipsOfPort(
  service: RoutedService,
  port: ServicePort,
  slices: readonly RoutedSlice[],
  node: RoutingNode,
  family: Family,
): ServiceVipIr[] {
  const { spec } = service;
  const protocol: ServiceProtocol = port.protocol ?? 'TCP';
  const candidates = candidatesOf(slices, { name: port.name ?? '', protocol }, family, node);
  const [cluster, local] = [clusterBackends(candidates, node), localBackends(candidates)];
  const base = { port: port.name ?? '', family, protocol };
  const affinity =
    spec.sessionAffinity === 'ClientIP'
      ? { affinitySeconds: spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? DEFAULT_AFFINITY_SECONDS }
      : {};
  const whenEmpty = cluster.length > 0 ? 'drop' : 'reject';
  const internal: ServiceVipIr = {
    ...base,
    scope: 'internal',
    frontends: frontends(spec.clusterIPs, port.port, family),
    ...(spec.internalTrafficPolicy === 'Local'
      ? { backends: local, pool: 'local', whenEmpty }
      : { backends: cluster, pool: 'cluster', whenEmpty: 'reject' }),
    masquerade: 'hairpin',
    ...affinity,
  };
  const external = (of: readonly FrontendIr[], ranges?: readonly string[]): ServiceVipIr => ({
    ...base,
    scope: 'external',
    frontends: of,
    ...(spec.externalTrafficPolicy === 'Local'
      ? { backends: local, pool: 'local', ownCallers: cluster, whenEmpty, masquerade: 'hairpin' }
      : { backends: cluster, pool: 'cluster', whenEmpty: 'reject', masquerade: 'always' }),
    ...affinity,
    ...(ranges === undefined ? {} : { sourceRanges: ranges }),
  });
  const balancers = frontends(balancerAddresses(service), port.port, family);
  const ranges = sourceRanges(spec.loadBalancerSourceRanges, family);
  const open = [
    ...frontends(spec.externalIPs, port.port, family),
    ...(port.nodePort === undefined || port.nodePort === 0 ? [] : [{ address: ANY_NODE_ADDRESS, port: port.nodePort }]),
    ...(ranges === undefined ? balancers : []),
  ];
  return [internal, external(unique(open)), ...(ranges === undefined ? [] : [external(balancers, ranges)])].filter(
    (vip) => vip.frontends.length > 0,
  );
}

/** Of mode VIP: what a load balancer of mode Proxy sends comes with another destination. */
function balancerAddresses({ spec, status }: RoutedService): string[] {
  if (spec.type !== 'LoadBalancer') return [];
  const ingress = status?.loadBalancer?.ingress ?? [];
  return ingress.flatMap(({ ip, ipMode }) => (ip === undefined || ipMode === 'Proxy' ? [] : [ip]));
}

/** Of one family; empty when only callers of the other one are let in. Undefined: everybody. */
function sourceRanges(ranges: readonly string[] | undefined, family: Family): string[] | undefined {
  const parsed = (ranges ?? []).flatMap((range) => parseLooseCidr(range.trim()) ?? []);
  if (ranges === undefined || ranges.length === 0) return undefined;
  return [...new Set(parsed.filter((cidr) => cidr.family === family).map(formatCidr))].sort();
}

function frontends(addresses: readonly string[] | undefined, port: number, family: Family): FrontendIr[] {
  const own = (addresses ?? []).flatMap((address) => canonicalIp(address) ?? []);
  return unique(own.filter((address) => familyOf(address) === family).map((address) => ({ address, port })));
}

function unique(all: readonly FrontendIr[]): FrontendIr[] {
  const byText = new Map(all.map((frontend) => [`${frontend.address} ${frontend.port}`, frontend]));
  return [...byText.values()].sort((a, b) => compareIps(a.address, b.address) || a.port - b.port);
}
