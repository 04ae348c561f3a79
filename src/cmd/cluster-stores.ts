import type { KubeObject } from '../api/meta.ts';
import type { KubeApi } from '../kube/client.ts';
import { type Kind, KINDS } from '../kube/kinds.ts';
import { Reflector } from '../kube/reflector.ts';
import { Store } from '../kube/store.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';

/** Every kind that the operator watches, each with its store; one watch of the cluster for the whole process. */
export function createStores() {
  return {
    nodes: new Store<KindOf<'node'>>(),
    pods: new Store<KindOf<'pod'>>(),
    namespaces: new Store<KindOf<'namespace'>>(),
    services: new Store<KindOf<'service'>>(),
    serviceCidrs: new Store<KindOf<'serviceCidr'>>(),
    endpointSlices: new Store<KindOf<'endpointSlice'>>(),
    pools: new Store<KindOf<'ipPool'>>(),
    blocks: new Store<KindOf<'ipBlock'>>(),
    nodeNetworks: new Store<KindOf<'nodeNetwork'>>(),
    bgpConfigurations: new Store<KindOf<'bgpConfiguration'>>(),
    bgpPeers: new Store<KindOf<'bgpPeer'>>(),
    kubernetesPolicies: new Store<KindOf<'kubernetesNetworkPolicy'>>(),
    policies: new Store<KindOf<'networkPolicy'>>(),
    clusterPolicies: new Store<KindOf<'clusterNetworkPolicy'>>(),
    meshServices: new Store<KindOf<'meshService'>>(),
    trafficSplits: new Store<KindOf<'trafficSplit'>>(),
    httpRoutes: new Store<KindOf<'httpRoute'>>(),
    grpcRoutes: new Store<KindOf<'grpcRoute'>>(),
    referenceGrants: new Store<KindOf<'referenceGrant'>>(),
    gatewayClasses: new Store<KindOf<'gatewayClass'>>(),
    gateways: new Store<KindOf<'gateway'>>(),
    tlsRoutes: new Store<KindOf<'tlsRoute'>>(),
    smiSplits: new Store<KindOf<'smiTrafficSplit'>>(),
    routeGroups: new Store<KindOf<'httpRouteGroup'>>(),
  };
}

export type ClusterStores = ReturnType<typeof createStores>;

type KindOf<K extends keyof typeof KINDS> = (typeof KINDS)[K] extends Kind<infer T> ? T : never;

const KIND_OF: Readonly<Record<keyof ClusterStores, keyof typeof KINDS>> = {
  nodes: 'node',
  pods: 'pod',
  namespaces: 'namespace',
  services: 'service',
  serviceCidrs: 'serviceCidr',
  endpointSlices: 'endpointSlice',
  pools: 'ipPool',
  blocks: 'ipBlock',
  nodeNetworks: 'nodeNetwork',
  bgpConfigurations: 'bgpConfiguration',
  bgpPeers: 'bgpPeer',
  kubernetesPolicies: 'kubernetesNetworkPolicy',
  policies: 'networkPolicy',
  clusterPolicies: 'clusterNetworkPolicy',
  meshServices: 'meshService',
  trafficSplits: 'trafficSplit',
  httpRoutes: 'httpRoute',
  grpcRoutes: 'grpcRoute',
  referenceGrants: 'referenceGrant',
  gatewayClasses: 'gatewayClass',
  gateways: 'gateway',
  tlsRoutes: 'tlsRoute',
  smiSplits: 'smiTrafficSplit',
  routeGroups: 'httpRouteGroup',
};

export interface Reflecting {
  /** What is not in step, for readiness. */
  trouble(): readonly string[];
  readonly synced: Promise<unknown>;
}

/** Begins to fill the stores; they stay filled with what was last known when the API server is away. */
export function reflectCluster(
  stores: ClusterStores,
  deps: { readonly api: KubeApi; readonly clock: Clock; readonly log: Logger },
  signal: AbortSignal,
): Reflecting {
  const reflectors = (Object.keys(stores) as (keyof ClusterStores)[]).map((name) => {
    const store = stores[name] as unknown as Store<KubeObject>;
    const kind = KINDS[KIND_OF[name]] as Kind<KubeObject>;
    const reflector = new Reflector({ ...deps, kind, store, random: Math.random });
    void reflector.run(signal);
    return reflector;
  });
  return {
    trouble: () => reflectors.flatMap(({ trouble }) => trouble ?? []),
    synced: Promise.all(Object.values(stores).map(({ synced }) => synced)),
  };
}
