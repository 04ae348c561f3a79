import type { BGPConfiguration } from '../api/generated/bgpconfiguration.ts';
import type { BGPPeer } from '../api/generated/bgppeer.ts';
import type { IPBlock } from '../api/generated/ipblock.ts';
import type { IPPool } from '../api/generated/ippool.ts';
import type { MeshService } from '../api/generated/meshservice.ts';
import type { NetworkPolicy } from '../api/generated/networkpolicy.ts';
import type { NodeNetwork } from '../api/generated/nodenetwork.ts';
import type { TrafficSplit } from '../api/generated/trafficsplit.ts';
import type { ClusterNetworkPolicy } from '../api/cluster-network-policy.ts';
import type {
  EndpointSlice,
  GRPCRoute,
  HTTPRoute,
  KubernetesNetworkPolicy,
  Namespace,
  Node,
  Pod,
  Service,
  ServiceCIDR,
  ReferenceGrant,
} from '../api/kubernetes.ts';
import type { Gateway, GatewayClass, TLSRoute } from '../api/gateway.ts';
import type { KubeObject } from '../api/meta.ts';
import type { HTTPRouteGroup, SmiTrafficSplit } from '../api/smi.ts';
import { trimNode, trimPod } from './trim.ts';
import type { ConfigMap, Event, Lease, Secret } from './objects.ts';

/** A kind of object and where the API server keeps it. */
export interface Kind<T extends KubeObject> {
  /** `v1`, or `group/version`. */
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  /** The CRD may be absent: then there are no objects, which is no failure. */
  readonly optional: boolean;
  /** What of an object is kept; absent: all but the bookkeeping. A method, so that kinds of all types go into one list. */
  trim?(object: T): T;
  /** Never present: carries the type of the objects. */
  readonly object?: T;
}

interface KindOptions<T extends KubeObject> {
  readonly namespaced: boolean;
  readonly optional?: boolean;
  readonly trim?: (object: T) => T;
}

function kind<T extends KubeObject>(
  apiVersion: string,
  name: string,
  plural: string,
  { namespaced, optional = false, trim }: KindOptions<T>,
): Kind<T> {
  return { apiVersion, kind: name, plural, namespaced, optional, ...(trim === undefined ? {} : { trim }) };
}

const NAMESPACED = { namespaced: true };
const CLUSTER = { namespaced: false };
const WEFT = 'weft.dev/v1alpha1';

export const KINDS = {
  pod: kind<Pod>('v1', 'Pod', 'pods', { namespaced: true, trim: trimPod }),
  namespace: kind<Namespace>('v1', 'Namespace', 'namespaces', CLUSTER),
  node: kind<Node>('v1', 'Node', 'nodes', { namespaced: false, trim: trimNode }),
  service: kind<Service>('v1', 'Service', 'services', NAMESPACED),
  /** Of Kubernetes 1.33 and newer. */
  serviceCidr: kind<ServiceCIDR>('networking.k8s.io/v1', 'ServiceCIDR', 'servicecidrs', {
    namespaced: false,
    optional: true,
  }),
  serviceAccount: kind<KubeObject>('v1', 'ServiceAccount', 'serviceaccounts', NAMESPACED),
  deployment: kind<KubeObject>('apps/v1', 'Deployment', 'deployments', NAMESPACED),
  configMap: kind<ConfigMap>('v1', 'ConfigMap', 'configmaps', NAMESPACED),
  secret: kind<Secret>('v1', 'Secret', 'secrets', NAMESPACED),
  endpointSlice: kind<EndpointSlice>('discovery.k8s.io/v1', 'EndpointSlice', 'endpointslices', NAMESPACED),
  kubernetesNetworkPolicy: kind<KubernetesNetworkPolicy>(
    'networking.k8s.io/v1',
    'NetworkPolicy',
    'networkpolicies',
    NAMESPACED,
  ),
  clusterNetworkPolicy: kind<ClusterNetworkPolicy>(
    'policy.networking.k8s.io/v1alpha2',
    'ClusterNetworkPolicy',
    'clusternetworkpolicies',
    { namespaced: false, optional: true },
  ),
  lease: kind<Lease>('coordination.k8s.io/v1', 'Lease', 'leases', NAMESPACED),
  event: kind<Event>('events.k8s.io/v1', 'Event', 'events', NAMESPACED),
  httpRoute: kind<HTTPRoute>('gateway.networking.k8s.io/v1', 'HTTPRoute', 'httproutes', {
    namespaced: true,
    optional: true,
  }),
  grpcRoute: kind<GRPCRoute>('gateway.networking.k8s.io/v1', 'GRPCRoute', 'grpcroutes', {
    namespaced: true,
    optional: true,
  }),
  gatewayClass: kind<GatewayClass>('gateway.networking.k8s.io/v1', 'GatewayClass', 'gatewayclasses', {
    namespaced: false,
    optional: true,
  }),
  gateway: kind<Gateway>('gateway.networking.k8s.io/v1', 'Gateway', 'gateways', { namespaced: true, optional: true }),
  tlsRoute: kind<TLSRoute>('gateway.networking.k8s.io/v1', 'TLSRoute', 'tlsroutes', {
    namespaced: true,
    optional: true,
  }),
  referenceGrant: kind<ReferenceGrant>('gateway.networking.k8s.io/v1beta1', 'ReferenceGrant', 'referencegrants', {
    namespaced: true,
    optional: true,
  }),
  /** Of the Service Mesh Interface. */
  smiTrafficSplit: kind<SmiTrafficSplit>('split.smi-spec.io/v1alpha4', 'TrafficSplit', 'trafficsplits', {
    namespaced: true,
    optional: true,
  }),
  httpRouteGroup: kind<HTTPRouteGroup>('specs.smi-spec.io/v1alpha4', 'HTTPRouteGroup', 'httproutegroups', {
    namespaced: true,
    optional: true,
  }),
  ipPool: kind<IPPool>(WEFT, 'IPPool', 'ippools', CLUSTER),
  ipBlock: kind<IPBlock>(WEFT, 'IPBlock', 'ipblocks', CLUSTER),
  nodeNetwork: kind<NodeNetwork>(WEFT, 'NodeNetwork', 'nodenetworks', CLUSTER),
  bgpConfiguration: kind<BGPConfiguration>(WEFT, 'BGPConfiguration', 'bgpconfigurations', CLUSTER),
  bgpPeer: kind<BGPPeer>(WEFT, 'BGPPeer', 'bgppeers', CLUSTER),
  networkPolicy: kind<NetworkPolicy>(WEFT, 'NetworkPolicy', 'networkpolicies', NAMESPACED),
  meshService: kind<MeshService>(WEFT, 'MeshService', 'meshservices', NAMESPACED),
  trafficSplit: kind<TrafficSplit>(WEFT, 'TrafficSplit', 'trafficsplits', NAMESPACED),
};

/** Of all objects of the kind, or of those in `namespace`. */
export function collectionPath<T extends KubeObject>(kind: Kind<T>, namespace?: string): string {
  const base = kind.apiVersion.includes('/') ? `/apis/${kind.apiVersion}` : `/api/${kind.apiVersion}`;
  const within = kind.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${base}${within}/${kind.plural}`;
}

/** Of one object; `namespace` is left out of the path of a cluster-scoped kind. */
export function objectPath<T extends KubeObject>(
  kind: Kind<T>,
  { name, namespace }: { readonly name: string; readonly namespace?: string },
  subresource?: 'status',
): string {
  const path = `${collectionPath(kind, namespace)}/${encodeURIComponent(name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}
