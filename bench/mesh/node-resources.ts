import type { EndpointsIr, PodIr, ServiceIr } from '../../src/model/node/ir.ts';

const ENDPOINTS = 10;
const PORT = 80;
const NAMESPACES = 100;
const TRUST_DOMAIN = 'cluster.local';

/** What a node is told of one service of the mesh. */
export interface ServiceResources {
  readonly key: string;
  readonly service: ServiceIr;
  readonly cluster: string;
  readonly endpoints: EndpointsIr;
}

/** Services of HTTP whose endpoints all have proxies, as the operator tells nodes of them. */
export function serviceResources(count: number): ServiceResources[] {
  return Array.from({ length: count }, (_, index) => {
    const [namespace, name] = [`team-${index % NAMESPACES}`, `app-${Math.floor(index / NAMESPACES)}`];
    const key = `${namespace}/${name}`;
    const cluster = `${key}:${PORT}`;
    const rule = { origin: `Service ${key}`, matches: [], backends: [{ cluster, weight: 1 }] };
    return {
      ...{ key, cluster },
      service: {
        ...{ namespace, name, clusterIPs: [`10.96.${Math.floor(index / 250)}.${(index % 250) + 1}`] },
        ports: [{ port: PORT, protocol: 'HTTP', rules: [rule] }],
      },
      endpoints: {
        ...{ protocol: 'HTTP', loadBalancing: 'LeastRequest', connectTimeoutMs: 5000 },
        endpoints: Array.from({ length: ENDPOINTS }, (__, place) => ({
          address: `10.${64 + place}.${Math.floor(index / 250)}.${(index % 250) + 1}`,
          port: 8080,
          spiffeId: `spiffe://${TRUST_DOMAIN}/ns/${namespace}/sa/${name}`,
        })),
      },
    };
  });
}

/** A pod with a proxy, of a service account of its own. */
export function podResource(index: number, proxyUid: number): PodIr {
  const serviceAccount = `account-${index}`;
  return {
    ...{ uid: `pod-${index}`, namespace: 'team-0', name: `pod-${index}`, serviceAccount, addresses: [] },
    addressing: { pools: ['pods'], families: [4], fixed: [] },
    mesh: {
      spiffeId: `spiffe://${TRUST_DOMAIN}/ns/team-0/sa/${serviceAccount}`,
      ...{ proxyUid, tlsMode: 'Permissive', probePorts: [] },
      inbound: [{ port: 8080, protocol: 'HTTP', tlsMode: 'Permissive' }],
    },
  };
}
