import type { MeshService } from '../../api/generated/meshservice.ts';
import type { Service } from '../../api/kubernetes.ts';

/** Ends the name of a service that no Kubernetes Service is behind; those have no dot in their names. */
const SUFFIX = '.mesh';

export function ownServiceName(meshName: string): string {
  return `${meshName}${SUFFIX}`;
}

/** Key of the MeshService whose own service has this key; undefined for the key of a Kubernetes Service. */
export function ownerOfService(serviceKey: string): string | undefined {
  return serviceKey.endsWith(SUFFIX) ? serviceKey.slice(0, -SUFFIX.length) : undefined;
}

/** To the mesh, a service from elsewhere is a Service with these addresses and without pods. */
export function ownService({ metadata, spec }: MeshService, clusterIPs: readonly string[]): Service {
  const { namespace = 'default', name } = metadata;
  return {
    metadata: { ...metadata, namespace, name: ownServiceName(name) },
    spec: { clusterIPs, ports: spec.ports.map(({ port }) => ({ name: String(port), port })) },
  };
}
