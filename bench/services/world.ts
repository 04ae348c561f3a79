import type { EndpointSlice, Service } from '../../src/api/kubernetes.ts';
import type { KubeApi } from '../../src/kube/client.ts';
import { collectionPath, type Kind, KINDS } from '../../src/kube/kinds.ts';
import { routedService, routedSlice } from '../../src/model/service/objects.ts';
import { translateServiceRules } from '../../src/model/service/translate-service.ts';
import type { ServiceVipIr } from '../../src/model/service/vip.ts';
import type { KubeObject } from '../../src/api/meta.ts';

export const SERVICES = 10_000;
export const PORT = 80;
export const TARGET_PORT = 8080;
export const CLIENT = '10.42.0.2';
export const SERVERS: readonly string[] = ['10.42.0.3', '10.42.0.4'];

const NAMESPACE = 'default';
const AT_ONCE = 32;

export function serviceName(index: number): string {
  return `s-${index}`;
}

/** Creates all Services and their slices, each with both servers, through the API server. */
export async function createServices(api: KubeApi): Promise<readonly Service[]> {
  const services: Service[] = [];
  const indexes = Array.from({ length: SERVICES }, (_, index) => index);
  const work = async () => {
    for (let index = indexes.pop(); index !== undefined; index = indexes.pop()) {
      services[index] = await create(api, KINDS.service, serviceOf(serviceName(index)));
      await create(api, KINDS.endpointSlice, sliceOf(serviceName(index), SERVERS));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return services;
}

export function sliceOf(service: string, addresses: readonly string[]): EndpointSlice {
  return {
    metadata: { name: service, namespace: NAMESPACE, labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
    ports: [{ name: 'http', protocol: 'TCP', port: TARGET_PORT }],
  };
}

/** What the service table is told of these. */
export function rulesOf(services: readonly Service[]): ReadonlyMap<string, readonly ServiceVipIr[]> {
  return new Map(
    services.map((service) => {
      const { name } = service.metadata;
      const [routed, slice] = [routedService(service), routedSlice(sliceOf(name, SERVERS))];
      if (routed === undefined || slice === undefined) throw new Error(`service ${name} has no address`);
      return [`${NAMESPACE}/${name}`, translateServiceRules(routed, [slice], { name: 'here' })];
    }),
  );
}

function serviceOf(name: string): Service {
  return {
    metadata: { name, namespace: NAMESPACE },
    spec: { ports: [{ name: 'http', port: PORT, targetPort: TARGET_PORT }] },
  };
}

async function create<T extends KubeObject>(api: KubeApi, kind: Kind<T>, object: T): Promise<T> {
  const body = { apiVersion: kind.apiVersion, kind: kind.kind, ...object };
  return api.request<T>('POST', collectionPath(kind, NAMESPACE), { body });
}
