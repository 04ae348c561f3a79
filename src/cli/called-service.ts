import type { Service } from '../api/kubernetes.ts';
import { objectKey } from '../api/meta.ts';
import { canonicalIp } from '../lib/ip.ts';
import { hostsOf } from '../model/mesh/hosts.ts';
import { indexMesh, type MeshIndex, resolveServiceKey, sourceServiceKey } from '../model/mesh/mesh-index.ts';
import { translateService } from '../model/mesh/service.ts';
import type { PolicyWorld } from './explain.ts';
import { NO_MESH } from './http-ports-in.ts';

export interface Called {
  readonly service: Service;
  /** The name by which the caller calls it. */
  readonly host?: string;
}

/**
 * The service that a target means: `NAMESPACE/NAME`, also of a MeshService, where no pod has that name;
 * `service/NAMESPACE/NAME`; its address; or its name as applications write it, one of `hosts` or of the cluster's DNS.
 *
 * @returns undefined for what may be a pod, or an address of nobody's.
 * @throws Error when only a service can be meant, and there is none.
 */
export function findCalled(world: PolicyWorld, callerNamespace: string, target: string): Called | undefined {
  const services = world.objects.services?.upserts ?? [];
  const index = indexMesh({ ...NO_MESH, services, meshServices: world.meshServices });
  const named = (key: string) => {
    const [namespace = '', name = ''] = key.split('/');
    return index.service(resolveServiceKey(index, { metadata: { namespace, name } }, name));
  };
  const address = canonicalIp(target);
  if (address !== undefined) {
    const keys = [...services.map(objectKey), ...world.meshServices.map(sourceServiceKey)];
    const key = keys.find((of) => translateService(index, of)?.clusterIPs.includes(address));
    return found(key === undefined ? undefined : index.service(key));
  }
  const [, explicit] = /^(?:service|svc)\/([^/]+\/[^/]+)$/.exec(target) ?? [];
  if (explicit === undefined && target.includes('/')) {
    return world.objects.pods.upserts.some((pod) => objectKey(pod) === target) ? undefined : found(named(target));
  }
  const service = explicit === undefined ? byHost(index, callerNamespace, target) : named(explicit);
  if (service === undefined)
    throw new Error(
      `there is no service '${explicit ?? target}'${explicit === undefined ? ` for pods of namespace '${callerNamespace}'` : ''}`,
    );
  return { service, ...(explicit === undefined ? { host: target } : {}) };
}

function found(service: Service | undefined): Called | undefined {
  return service === undefined ? undefined : { service };
}

/** Names of `hosts` are known to pods of their namespace; `web`, `web.shop` and so on are Kubernetes'. */
function byHost(index: MeshIndex, namespace: string, host: string): Service | undefined {
  const mesh = index.meshServicesNamed(namespace, host).find((of) => hostsOf(index, of).includes(host));
  if (mesh !== undefined) return index.service(sourceServiceKey(mesh));
  const [, name, of = namespace] = /^([^.]+)(?:\.([^.]+)(?:\.svc(?:\..+)?)?)?$/.exec(host) ?? [];
  return index.service(`${of}/${name}`);
}
