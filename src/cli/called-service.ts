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
  /** Who knows that name. */
  readonly knownTo: 'everybody' | 'proxies';
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
  const called = explicit === undefined ? byHost(index, callerNamespace, target) : found(named(explicit));
  if (called !== undefined) return called;
  const whose = explicit === undefined ? ` for pods of namespace '${callerNamespace}'` : '';
  throw new Error(`there is no service '${explicit ?? target}'${whose}`);
}

function found(service: Service | undefined, host?: string): Called | undefined {
  if (service === undefined) return undefined;
  return { service, ...(host === undefined ? {} : { host }), knownTo: 'everybody' };
}

/** Names of `hosts` are known to pods of their namespace; `web`, `web.shop` and so on are Kubernetes'. */
function byHost(index: MeshIndex, namespace: string, host: string): Called | undefined {
  const mesh = index.meshServicesNamed(namespace, host).find((of) => hostsOf(index, of).includes(host));
  const service = mesh === undefined ? undefined : index.service(sourceServiceKey(mesh));
  if (service !== undefined) return { service, host, knownTo: 'proxies' };
  const [, name, of = namespace] = /^([^.]+)(?:\.([^.]+)(?:\.svc(?:\..+)?)?)?$/.exec(host) ?? [];
  return found(index.service(`${of}/${name}`), host);
}
