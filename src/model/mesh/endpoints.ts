import type { MeshService } from '../../api/generated/meshservice.ts';
import type { EndpointSlice, Pod } from '../../api/kubernetes.ts';
import { canonicalIp, compareIps, familyOf } from '../../lib/ip.ts';
import { bearsLabels } from '../labels.ts';
import type { EndpointIr, EndpointsIr } from '../node/ir.ts';
import { clusterKey } from './backends.ts';
import { GATEWAY_LABEL } from './gateway/gateway-index.ts';
import { isInjected, spiffeIdOf } from './identity.ts';
import { meshServiceFor, type MeshIndex } from './mesh-index.ts';
import { meshPortsOf, protocolOf, type ServicePort } from './protocol.ts';
import { endpointsOfSource, targetPortOf } from './source-endpoints.ts';
import { translateSending } from './sending.ts';

/** Envoy's default (Cluster.connect_timeout); within a cluster a connection takes a millisecond or does not come. */
const CONNECT_TIMEOUT_MS = 5000;

/**
 * The `endpoints` resources of one service by key: for each TCP port one of all endpoints, and one for each subset of
 * its MeshService. Empty when there is no such Service.
 */
export function translateEndpoints(index: MeshIndex, serviceKey: string): ReadonlyMap<string, EndpointsIr> {
  const service = index.service(serviceKey);
  if (service === undefined) return new Map();
  const mesh = meshServiceFor(index, serviceKey);
  const entries = meshPortsOf(service).flatMap((port): [string, EndpointsIr][] => {
    const sending = translateSending(protocolOf(port, mesh), mesh);
    const all = findEndpoints(index, serviceKey, port, mesh);
    const found = sending.prefersZone === true ? all : all.map(withoutZone);
    const dns =
      mesh?.spec.source.dns === undefined
        ? {}
        : { dns: { name: mesh.spec.source.dns.name, port: targetPortOf(mesh, port) } };
    const resource = (endpoints: readonly FoundEndpoint[]): EndpointsIr => ({
      protocol: protocolOf(port, mesh),
      loadBalancing: mesh?.spec.loadBalancing?.policy ?? 'LeastRequest',
      connectTimeoutMs: mesh?.spec.timeouts?.connectMilliseconds ?? CONNECT_TIMEOUT_MS,
      ...sending,
      endpoints: endpoints.map(({ ir }) => ir),
      ...dns,
    });
    const subsets = mesh?.spec.subsets ?? [];
    return [
      [clusterKey(serviceKey, port.port), resource(found)],
      ...subsets.map(({ name, labels }): [string, EndpointsIr] => [
        clusterKey(serviceKey, port.port, name),
        resource(found.filter((endpoint) => bearsLabels(endpoint.labels, labels))),
      ]),
    ];
  });
  return new Map(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

export interface FoundEndpoint {
  readonly ir: EndpointIr;
  /** What subsets find it by. */
  readonly labels: Readonly<Record<string, string>>;
}

/** Those of a service's port that can be called, each address and port once, sorted by address and port. */
export function findEndpoints(
  index: MeshIndex,
  serviceKey: string,
  port: ServicePort,
  mesh: MeshService | undefined,
): readonly FoundEndpoint[] {
  const isOwn = mesh !== undefined && mesh.spec.source.service === undefined;
  const found = isOwn ? endpointsOfSource(mesh, port) : readyEndpoints(index, index.slicesOf(serviceKey), port);
  const distinct = new Map(found.map((endpoint) => [`${endpoint.ir.address} ${endpoint.ir.port}`, endpoint]));
  return [...distinct.values()].sort((a, b) => compareIps(a.ir.address, b.ir.address) || a.ir.port - b.ir.port);
}

function withoutZone({ ir: { zone: _, ...ir }, labels }: FoundEndpoint): FoundEndpoint {
  return { ir, labels };
}

/** Ready and not terminating. Of one family: a pod with both would count twice. */
function readyEndpoints(index: MeshIndex, slices: readonly EndpointSlice[], port: ServicePort): FoundEndpoint[] {
  const found: FoundEndpoint[] = [];
  const family = slices.some(({ addressType }) => addressType === 'IPv4') ? 'IPv4' : 'IPv6';
  for (const slice of slices) {
    const target = slice.ports?.find(
      ({ name, protocol = 'TCP' }) => (name ?? '') === (port.name ?? '') && protocol === 'TCP',
    );
    if (slice.addressType !== family || target?.port === undefined) continue;
    for (const { addresses, conditions, targetRef, zone } of slice.endpoints ?? []) {
      // Absent means ready (EndpointConditions.ready); consumers use the first address (Endpoint.addresses).
      const address = canonicalIp(addresses[0] ?? '');
      if (address === undefined || `IPv${familyOf(address)}` !== family) continue;
      if (conditions?.ready === false || conditions?.terminating === true) continue;
      const pod = podBehind(index, slice, targetRef);
      const ir: EndpointIr = {
        address,
        port: target.port,
        ...(pod !== undefined && isServing(pod) ? { spiffeId: spiffeIdOf(pod, index.trustDomain) } : {}),
        ...(zone === undefined ? {} : { zone }),
      };
      found.push({ ir, labels: pod?.metadata.labels ?? {} });
    }
  }
  return found;
}

type TargetRef = NonNullable<NonNullable<EndpointSlice['endpoints']>[number]['targetRef']>;

/** Undefined also when the slice means an earlier pod of the same name. */
function podBehind(index: MeshIndex, slice: EndpointSlice, ref: TargetRef | undefined): Pod | undefined {
  if (ref?.kind !== 'Pod' || ref.name === undefined) return undefined;
  const pod = index.pod(`${ref.namespace ?? slice.metadata.namespace ?? 'default'}/${ref.name}`);
  return ref.uid !== undefined && pod?.metadata.uid !== ref.uid ? undefined : pod;
}

/** Whether the pod's own proxy answers on its ports: it starts before the application and ends after it. */
function isServing(pod: Pod): boolean {
  // A Gateway's proxies are called by anybody.
  return isInjected(pod) && pod.metadata.labels?.[GATEWAY_LABEL] === undefined && pod.status?.phase === 'Running';
}
