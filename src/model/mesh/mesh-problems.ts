import type { HTTPRoute, Service } from '../../api/kubernetes.ts';
import type { MeshService } from '../../api/generated/meshservice.ts';
import type { TrafficSplit } from '../../api/generated/trafficsplit.ts';
import { objectKey, type KubeObject } from '../../api/meta.ts';
import { REASON } from '../../api/reasons.ts';
import type { Problem } from '../problem.ts';
import { problemsOfHosts } from './hosts.ts';
import { isAttached, isOfConsumer, translateHttpRoute } from './http-route.ts';
import { isServiceRef, meshServiceFor, resolveServiceKey, sourceServiceKey, type MeshIndex } from './mesh-index.ts';
import { isHttp, meshPortsOf, protocolOf } from './protocol.ts';
import { problemsOfSending } from './sending.ts';
import { routingOf } from './service.ts';
import { translateTrafficSplit } from './traffic-split.ts';

/** What is wrong with a MeshService, in the order of its fields. */
export function problemsOfMeshService(index: MeshIndex, mesh: MeshService): readonly Problem[] {
  const serviceKey = sourceServiceKey(mesh);
  const path = 'spec.source.service.name';
  const service = index.service(serviceKey);
  if (service === undefined) return [serviceNotFound(path, serviceKey)];
  const first = meshServiceFor(index, serviceKey);
  if (first !== undefined && objectKey(first) !== objectKey(mesh)) {
    return [conflict(path, `must not be the Service of another MeshService; ${objectKey(first)} is older and counts`)];
  }
  const protocols = meshPortsOf(service).map((port) => protocolOf(port, mesh));
  return [
    ...mesh.spec.ports.flatMap(({ port }, position) => portNotFound(service, port, `spec.ports[${position}].port`)),
    ...problemsOfSending(mesh.spec, protocols),
    ...problemsOfTracing(index, mesh),
    ...problemsOfHosts(index, mesh),
  ];
}

function problemsOfTracing({ tracing }: MeshIndex, { spec }: MeshService): readonly Problem[] {
  if (tracing !== undefined || spec.telemetry?.tracing === undefined) return [];
  const message = "must be absent, as there is no collector: set the chart's value tracing.collector";
  return [{ path: 'spec.telemetry.tracing', reason: REASON.unsupportedValue, message }];
}

/** What is wrong with a TrafficSplit, in the order of its fields. */
export function problemsOfTrafficSplit(index: MeshIndex, split: TrafficSplit): readonly Problem[] {
  const serviceKey = resolveServiceKey(index, split, split.spec.service);
  const service = index.service(serviceKey);
  if (service === undefined) return [serviceNotFound('spec.service', serviceKey)];
  const missing = portNotFound(service, split.spec.port, 'spec.port');
  const port = meshPortsOf(service).find((candidate) => candidate.port === split.spec.port);
  if (port === undefined) return missing;
  const protocol = protocolOf(port, meshServiceFor(index, serviceKey));
  const routing = routingOf(index, serviceKey, port, protocol);
  const winner = routing.split ?? routing.routes[0];
  const isLost = winner !== undefined && (routing.split === undefined || objectKey(winner) !== objectKey(split));
  const lost = isLost ? [routeConflict('spec.port', routing.split, winner)] : [];
  return [...lost, ...translateTrafficSplit(split, protocol, index).problems];
}

/** What is wrong with an HTTPRoute as far as it is attached to Services, in the order of its fields. */
export function problemsOfHttpRoute(index: MeshIndex, route: HTTPRoute): readonly Problem[] {
  const namespace = route.metadata.namespace ?? 'default';
  const problems = (route.spec.parentRefs ?? []).flatMap((ref, position): readonly Problem[] => {
    if (!isServiceRef(ref)) return [];
    const path = `spec.parentRefs[${position}]`;
    const serviceKey = `${ref.namespace ?? namespace}/${ref.name}`;
    const service = index.service(serviceKey);
    if (service === undefined) return [serviceNotFound(`${path}.name`, serviceKey)];
    if (ref.port !== undefined) {
      const missing = portNotFound(service, ref.port, `${path}.port`);
      if (missing.length > 0) return missing;
    }
    return problemsOfParent(index, route, serviceKey, service, path);
  });
  return distinct(problems);
}

function problemsOfParent(
  index: MeshIndex,
  route: HTTPRoute,
  serviceKey: string,
  service: Service,
  path: string,
): readonly Problem[] {
  const mesh = meshServiceFor(index, serviceKey);
  const ports = meshPortsOf(service).filter((port) => isAttached(route, serviceKey, port));
  const spoken = ports.map((port) => ({ port, protocol: protocolOf(port, mesh) }));
  const http = spoken.filter(({ protocol }) => isHttp(protocol));
  if (http.length === 0) {
    const message = `must be a port that speaks HTTP; declare the protocol of Service '${serviceKey}' in a MeshService`;
    return [{ path: `${path}.port`, reason: REASON.needsHttp, message }];
  }
  return http.flatMap(({ port, protocol }) => {
    const { split } = routingOf(index, serviceKey, port, protocol);
    const lost =
      split === undefined || isOfConsumer(route, serviceKey) ? [] : [routeConflict(`${path}.port`, split, split)];
    return [...lost, ...translateHttpRoute(route, serviceKey, protocol, index).problems];
  });
}

function serviceNotFound(path: string, serviceKey: string): Problem {
  const message = `must name a Service that exists; there is no '${serviceKey}'`;
  return { path, reason: REASON.serviceNotFound, message };
}

function portNotFound(service: Service, port: number, path: string): readonly Problem[] {
  const ports = meshPortsOf(service).map((candidate) => candidate.port);
  if (ports.includes(port)) return [];
  const known = ports.length === 0 ? 'it has none' : `it has ${ports.join(', ')}`;
  const message = `must be a TCP port of Service '${objectKey(service)}'; ${known}, and not ${port}`;
  return [{ path, reason: REASON.portNotFound, message }];
}

function routeConflict(path: string, split: TrafficSplit | undefined, winner: KubeObject): Problem {
  const kind = split === undefined ? 'HTTPRoute' : 'TrafficSplit';
  return conflict(path, `must not be routed by another object; ${kind} ${objectKey(winner)} is older and counts`);
}

function conflict(path: string, message: string): Problem {
  return { path, reason: REASON.conflict, message };
}

function distinct(problems: readonly Problem[]): readonly Problem[] {
  return [...new Map(problems.map((problem) => [`${problem.path} ${problem.message}`, problem])).values()];
}
