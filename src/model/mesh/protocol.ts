import type { Service } from '../../api/kubernetes.ts';
import type { MeshService } from '../../api/generated/meshservice.ts';
import { objectKey } from '../../api/meta.ts';
import type { AppProtocol } from '../node/ir.ts';

export type ServicePort = NonNullable<Service['spec']['ports']>[number];

/**
 * Kubernetes' standard application protocols (KEP-3726) and the common names (IANA service names). A name that is
 * listed nowhere is somebody's own protocol: it is carried as bytes.
 */
const BY_APP_PROTOCOL = new Map<string, AppProtocol>([
  ['http', 'HTTP'],
  ['kubernetes.io/ws', 'HTTP'],
  ['http2', 'HTTP2'],
  ['h2c', 'HTTP2'],
  ['kubernetes.io/h2c', 'HTTP2'],
  ['grpc', 'GRPC'],
]);

/** By the first word of the port's name: `http`, `http-web`. */
const BY_NAME = new Map<string, AppProtocol>([
  ['http', 'HTTP'],
  ['http2', 'HTTP2'],
  ['grpc', 'GRPC'],
]);

/**
 * What a port of a Service speaks: as its MeshService says; else its `appProtocol`; else the prefix of its name
 * (`http-`, `http2-`, `grpc-`); else TCP, which `tcp-` says too. Never guessed from the bytes.
 */
export function protocolOf(port: ServicePort, meshService: MeshService | undefined): AppProtocol {
  const declared = meshService?.spec.ports.find((candidate) => candidate.port === port.port);
  if (declared !== undefined) return declared.protocol;
  if (port.appProtocol !== undefined) return BY_APP_PROTOCOL.get(port.appProtocol.toLowerCase()) ?? 'TCP';
  return BY_NAME.get(wordOf(port)) ?? 'TCP';
}

/** Who says what `protocolOf` answers. */
export function protocolSourceOf(port: ServicePort, meshService: MeshService | undefined): string {
  if (meshService?.spec.ports.some((candidate) => candidate.port === port.port) === true)
    return `MeshService ${objectKey(meshService)}`;
  if (port.appProtocol !== undefined) return `its appProtocol '${port.appProtocol}'`;
  return BY_NAME.has(wordOf(port)) ? `its name '${port.name}'` : 'nobody, so it is bytes';
}

function wordOf({ name = '' }: ServicePort): string {
  return name.split('-')[0] ?? '';
}

/** HTTP of any version: there are requests that rules can look at. */
export function isHttp(protocol: AppProtocol): boolean {
  return protocol !== 'TCP';
}

/** The ports that the mesh carries, in the Service's order: TCP ones. UDP and SCTP pass by the proxy. */
export function meshPortsOf(service: Service): readonly ServicePort[] {
  return (service.spec.ports ?? []).filter(({ protocol = 'TCP' }) => protocol === 'TCP');
}
