import type { EndpointSlice, Service } from '../../api/kubernetes.ts';

type Endpoint = NonNullable<EndpointSlice['endpoints']>[number];
type Port = NonNullable<Service['spec']['ports']>[number];

/** A Service with what routing its packets needs; the API server has filled in defaults. */
export interface RoutedService extends Service {
  readonly spec: Service['spec'] & {
    readonly ports?: readonly (Port & { readonly nodePort?: number })[];
    readonly ipFamilies?: readonly ('IPv4' | 'IPv6')[];
    readonly externalIPs?: readonly string[];
    readonly loadBalancerSourceRanges?: readonly string[];
    readonly sessionAffinity?: 'None' | 'ClientIP';
    readonly sessionAffinityConfig?: { readonly clientIP?: { readonly timeoutSeconds?: number } };
    readonly internalTrafficPolicy?: 'Cluster' | 'Local';
    readonly externalTrafficPolicy?: 'Cluster' | 'Local';
    readonly healthCheckNodePort?: number;
  };
  readonly status?: {
    readonly loadBalancer?: {
      readonly ingress?: readonly { readonly ip?: string; readonly ipMode?: 'VIP' | 'Proxy' }[] | null;
    };
  };
}

export interface RoutedSlice extends EndpointSlice {
  readonly endpoints?: readonly RoutedEndpoint[] | null;
}

export interface RoutedEndpoint extends Endpoint {
  readonly hints?: {
    readonly forZones?: readonly { readonly name: string }[];
    readonly forNodes?: readonly { readonly name: string }[];
  };
}

/** Of the node whose kernel is told. */
export interface RoutingNode {
  readonly name: string;
  /** Its label topology.kubernetes.io/zone. */
  readonly zone?: string | undefined;
}
