import type { Container, Pod, Probe, Service } from '../../api/kubernetes.ts';
import { objectKey } from '../../api/meta.ts';
import { bearsLabels } from '../labels.ts';
import type { AppProtocol, InboundPortIr, PodMeshIr, TlsMode } from '../node/ir.ts';
import type { RateLimitIr } from '../node/sending-ir.ts';
import { GATEWAY_LABEL } from './gateway/gateway-index.ts';
import { isInjected, spiffeIdOf } from './identity.ts';
import { meshServiceFor, type MeshIndex } from './mesh-index.ts';
import { isHttp, meshPortsOf, protocolOf, type ServicePort } from './protocol.ts';
import { translateAccessLog, translateRateLimit, translateRateRules } from './sending.ts';
import { translateTraces } from './tracing.ts';

export interface PodMeshContext {
  readonly index: Pick<MeshIndex, 'meshServicesOf' | 'trustDomain' | 'tracing'>;
  /** Of the pod's namespace; those that do not select it are passed over. */
  readonly services: readonly Service[];
  /** The user that the proxy runs as. */
  readonly proxyUid: number;
}

/**
 * What a pod's own proxy needs to know. Undefined for pods without one.
 *
 * The TLS mode of a port is that of the MeshService's port, or of the MeshService, or Permissive. Where two Services
 * lead to one port of the pod, Strict goes before Permissive, and protocols that differ make it TCP. Ports that no
 * Service leads to are Strict as soon as one of the pod's MeshServices is, as they would be a way around it.
 */
export function translatePodMesh(pod: Pod, { index, services, proxyUid }: PodMeshContext): PodMeshIr | undefined {
  if (!isInjected(pod)) return undefined;
  const gateway = pod.metadata.labels?.[GATEWAY_LABEL];
  if (gateway !== undefined) return ofGateway(pod, gateway, { trustDomain: index.trustDomain, proxyUid });
  const inbound = new Map<number, InboundPortIr>();
  let tlsMode: TlsMode = 'Permissive';
  for (const service of services) {
    if (!selects(service, pod)) continue;
    const mesh = meshServiceFor(index, objectKey(service));
    const serviceMode = mesh?.spec.tls?.mode ?? 'Permissive';
    if (serviceMode === 'Strict') tlsMode = 'Strict';
    for (const servicePort of meshPortsOf(service)) {
      const port = targetPortOf(servicePort, pod);
      if (port === undefined) continue;
      const declared = mesh?.spec.ports.find((candidate) => candidate.port === servicePort.port);
      const mode = declared?.tls?.mode ?? serviceMode;
      const known = inbound.get(port);
      const protocol = protocolOf(servicePort, mesh);
      const common = known === undefined ? protocol : commonProtocol(known.protocol, protocol);
      const accessLog = known?.accessLog ?? translateAccessLog(common, mesh);
      const traces = known?.traces ?? translateTraces(index.tracing, common, objectKey(service), mesh);
      const rateLimit = lowestOf(known?.rateLimit, translateRateLimit(common, mesh));
      const rateRules = [...(known?.rateRules ?? []), ...translateRateRules(common, mesh)];
      inbound.set(port, {
        port,
        protocol: common,
        tlsMode: known?.tlsMode === 'Strict' ? 'Strict' : mode,
        ...(rateLimit === undefined || !isHttp(common) ? {} : { rateLimit }),
        ...(rateRules.length === 0 || !isHttp(common) ? {} : { rateRules }),
        ...(accessLog === undefined || !isHttp(common) ? {} : { accessLog }),
        ...(traces === undefined || !isHttp(common) ? {} : { traces }),
      });
    }
  }
  return {
    spiffeId: spiffeIdOf(pod, index.trustDomain),
    proxyUid,
    tlsMode,
    inbound: [...inbound.values()].sort((a, b) => a.port - b.port),
    probePorts: probePortsOf(pod),
  };
}

function ofGateway(
  pod: Pod,
  name: string,
  { trustDomain, proxyUid }: { trustDomain: string; proxyUid: number },
): PodMeshIr {
  const gateway = `${pod.metadata.namespace ?? 'default'}/${name}`;
  const spiffeId = spiffeIdOf(pod, trustDomain);
  return { spiffeId, proxyUid, tlsMode: 'Permissive', inbound: [], gateway, probePorts: [] };
}

/** A Service without selector has its endpoints from elsewhere and selects no pod. */
function selects(service: Service, pod: Pod): boolean {
  const { selector } = service.spec;
  if (selector === undefined || Object.keys(selector).length === 0) return false;
  return service.metadata.namespace === pod.metadata.namespace && bearsLabels(pod.metadata.labels ?? {}, selector);
}

/** Where two Services with a limit lead to one port. */
function lowestOf(a: RateLimitIr | undefined, b: RateLimitIr | undefined): RateLimitIr | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return {
    requestsPerSecond: Math.min(a.requestsPerSecond, b.requestsPerSecond),
    burst: Math.min(a.burst, b.burst),
  };
}

function commonProtocol(a: AppProtocol, b: AppProtocol): AppProtocol {
  return a === b ? a : 'TCP';
}

/** The port of the pod that a Service's port leads to; a name is looked up among the TCP ports of its containers. */
function targetPortOf({ port, targetPort = port }: ServicePort, { spec }: Pod): number | undefined {
  if (typeof targetPort === 'number') return targetPort;
  const ports = runningContainers(spec).flatMap((container) => container.ports ?? []);
  return ports.find(({ name, protocol = 'TCP' }) => name === targetPort && protocol === 'TCP')?.containerPort;
}

/** Sorted. Probes by command have no port. */
function probePortsOf({ spec }: Pod): readonly number[] {
  const ports = runningContainers(spec).flatMap((container) =>
    [container.livenessProbe, container.readinessProbe, container.startupProbe].flatMap(
      (probe) => probePort(probe, container) ?? [],
    ),
  );
  return [...new Set(ports)].sort((a, b) => a - b);
}

function probePort(probe: Probe | undefined, { ports = [] }: Container): number | undefined {
  const port = probe?.httpGet?.port ?? probe?.tcpSocket?.port ?? probe?.grpc?.port;
  return typeof port === 'string' ? ports.find(({ name }) => name === port)?.containerPort : port;
}

/** Those that run beside each other: init containers only if they are sidecars (KEP-753). */
function runningContainers({ containers, initContainers = [] }: Pod['spec']): readonly Container[] {
  return [...initContainers.filter(({ restartPolicy }) => restartPolicy === 'Always'), ...containers];
}
