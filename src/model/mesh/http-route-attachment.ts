import type { HTTPRoute, ParentRef, Service } from '../../api/kubernetes.ts';
import { objectKey } from '../../api/meta.ts';
import { REASON } from '../../api/reasons.ts';
import type { Problem } from '../problem.ts';
import { type MeshIndex, meshServiceFor } from './mesh-index.ts';
import { isCarriedBy, isOfConsumer, meansPort } from './http-route.ts';
import { meshPortsOf, protocolOf } from './protocol.ts';
import { routingOf, translateService } from './service.ts';

/** Whether the route decides on any port of this parent, and what is in its way. */
export function attachmentOf(
  route: HTTPRoute,
  ref: ParentRef,
  path: string,
  index: MeshIndex,
): { readonly isRouted: boolean; readonly problems: readonly Problem[] } {
  const namespace = route.metadata.namespace ?? 'default';
  const refuse = (field: string, reason: string, message: string) => ({
    isRouted: false,
    problems: [{ path: `${path}.${field}`, reason, message }],
  });
  const serviceKey = `${ref.namespace ?? namespace}/${ref.name}`;
  const service = index.service(serviceKey);
  if (service === undefined) {
    return refuse('name', REASON.noMatchingParent, `must name a Service that exists; there is no '${serviceKey}'`);
  }
  const ports = meshPortsOf(service).filter((port) => meansPort(ref, port));
  if (ports.length === 0) {
    const { sectionName: _, ...unnamed } = ref;
    if (!meshPortsOf(service).some((port) => meansPort(unnamed, port)))
      return refuse('port', REASON.noMatchingParent, portMessage(service, ref.port));
    const message = `must be the name of a TCP port of Service '${objectKey(service)}'`;
    return refuse('sectionName', REASON.noMatchingParent, message);
  }
  if (translateService(index, serviceKey) === undefined) {
    const message = `must name a Service with a cluster IP; calls to '${serviceKey}' pass by the mesh`;
    return refuse('name', REASON.unsupportedValue, message);
  }
  const mesh = meshServiceFor(index, serviceKey);
  const spoken = ports.map((port) => ({ port, protocol: protocolOf(port, mesh) }));
  const http = spoken.filter(({ protocol }) => isCarriedBy(route, protocol));
  if (http.length === 0) {
    const needed = route.kind === 'GRPCRoute' ? 'HTTP/2' : 'HTTP';
    const message = `must be a port that speaks ${needed}; declare the protocol of Service '${serviceKey}' in a MeshService`;
    return refuse('port', REASON.needsHttp, message);
  }
  if (isOfConsumer(route, serviceKey)) return { isRouted: true, problems: [] };
  const problems = http.flatMap(({ port, protocol }): readonly Problem[] => {
    const { split } = routingOf(index, serviceKey, port, protocol);
    if (split === undefined) return [];
    const message = `must not be routed by another object; TrafficSplit ${objectKey(split)} is older and counts for port ${port.port}`;
    return [{ path: `${path}.port`, reason: REASON.conflict, message }];
  });
  return { isRouted: problems.length < http.length, problems };
}

function portMessage(service: Service, port: number | undefined): string {
  const ports = meshPortsOf(service).map((candidate) => candidate.port);
  const known = ports.length === 0 ? 'it has none' : `it has ${ports.join(', ')}`;
  return `must be a TCP port of Service '${objectKey(service)}'; ${known}${port === undefined ? '' : `, and not ${port}`}`;
}
