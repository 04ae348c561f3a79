/** The parts of Kubernetes' own kinds that Weft reads, and no more. */
import type { Condition, KubeObject } from './meta.ts';

export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly LabelSelectorRequirement[];
}

export interface LabelSelectorRequirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values?: readonly string[];
}

export interface ContainerPort {
  readonly name?: string;
  readonly containerPort: number;
  readonly hostPort?: number;
  readonly hostIP?: string;
  readonly protocol?: 'TCP' | 'UDP' | 'SCTP';
}

export interface Probe {
  readonly httpGet?: { readonly port: number | string; readonly path?: string; readonly scheme?: string };
  readonly tcpSocket?: { readonly port: number | string };
  readonly grpc?: { readonly port: number };
}

export interface Container {
  readonly name: string;
  readonly image?: string;
  readonly ports?: readonly ContainerPort[];
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly startupProbe?: Probe;
  readonly restartPolicy?: string;
  readonly securityContext?: { readonly runAsUser?: number };
  readonly lifecycle?: { readonly preStop?: object };
}

export interface Pod extends KubeObject {
  readonly spec: {
    readonly nodeName?: string;
    readonly hostNetwork?: boolean;
    readonly terminationGracePeriodSeconds?: number;
    readonly serviceAccountName?: string;
    readonly securityContext?: { readonly runAsUser?: number };
    readonly containers: readonly Container[];
    readonly initContainers?: readonly Container[];
  };
  readonly status?: {
    readonly phase?: 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown';
    readonly podIP?: string;
    readonly podIPs?: readonly { readonly ip: string }[];
    readonly hostIP?: string;
  };
}

export interface Namespace extends KubeObject {}

export interface Node extends KubeObject {
  readonly spec?: {
    readonly taints?: readonly { readonly key: string; readonly effect: string; readonly value?: string }[];
  };
  readonly status?: {
    readonly addresses?: readonly { readonly type: string; readonly address: string }[];
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly nodeInfo?: { readonly bootID?: string };
  };
}

/** networking.k8s.io/v1: where Services get their addresses from. */
export interface ServiceCIDR extends KubeObject {
  readonly spec: { readonly cidrs?: readonly string[] };
}

export interface Service extends KubeObject {
  readonly spec: {
    readonly type?: string;
    readonly clusterIP?: string;
    readonly clusterIPs?: readonly string[];
    readonly selector?: Readonly<Record<string, string>>;
    readonly ports?: readonly {
      readonly name?: string;
      readonly protocol?: 'TCP' | 'UDP' | 'SCTP';
      readonly port: number;
      readonly targetPort?: number | string;
      readonly nodePort?: number;
      readonly appProtocol?: string;
    }[];
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
      readonly ingress?:
        | readonly { readonly ip?: string; readonly hostname?: string; readonly ipMode?: 'VIP' | 'Proxy' }[]
        | null;
    };
  };
}

export interface EndpointSlice extends KubeObject {
  readonly addressType: 'IPv4' | 'IPv6' | 'FQDN';
  /** Null, not empty, for a Service without pods. */
  readonly endpoints?:
    | readonly {
        readonly addresses: readonly string[];
        readonly conditions?: { readonly ready?: boolean; readonly serving?: boolean; readonly terminating?: boolean };
        readonly nodeName?: string;
        readonly zone?: string;
        readonly targetRef?: {
          readonly kind?: string;
          readonly namespace?: string;
          readonly name?: string;
          readonly uid?: string;
        };
        readonly hints?: {
          readonly forZones?: readonly { readonly name: string }[];
          readonly forNodes?: readonly { readonly name: string }[];
        };
      }[]
    | null;
  readonly ports?: readonly { readonly name?: string; readonly protocol?: string; readonly port?: number }[] | null;
}

/** networking.k8s.io/v1 NetworkPolicy; Weft's own kind of that name is in `generated/networkpolicy.ts`. */
export interface KubernetesNetworkPolicy extends KubeObject {
  readonly spec: {
    readonly podSelector?: LabelSelector;
    readonly policyTypes?: readonly ('Ingress' | 'Egress')[];
    readonly ingress?: readonly {
      readonly from?: readonly KubernetesPolicyPeer[];
      readonly ports?: readonly KubernetesPolicyPort[];
    }[];
    readonly egress?: readonly {
      readonly to?: readonly KubernetesPolicyPeer[];
      readonly ports?: readonly KubernetesPolicyPort[];
    }[];
  };
}

export interface KubernetesPolicyPeer {
  readonly podSelector?: LabelSelector;
  readonly namespaceSelector?: LabelSelector;
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
}

export interface KubernetesPolicyPort {
  readonly protocol?: 'TCP' | 'UDP' | 'SCTP';
  readonly port?: number | string;
  readonly endPort?: number;
}

/** Of a Gateway API route: what it is attached to. The API server fills in group and kind of a Gateway. */
export interface ParentRef {
  readonly group?: string;
  readonly kind?: string;
  readonly namespace?: string;
  readonly name: string;
  readonly sectionName?: string;
  readonly port?: number;
}

/** What one controller says of a route and one of its parents. */
export interface RouteParentStatus {
  readonly parentRef: ParentRef;
  /** Whose words these are, such as `weft.dev/mesh`. */
  readonly controllerName: string;
  readonly conditions: readonly Condition[];
}

/** Type: Exact when absent, or RegularExpression. */
export interface HttpRouteValueMatch {
  readonly type?: string;
  readonly name: string;
  readonly value: string;
}

export interface RouteBackendRef {
  readonly group?: string;
  readonly kind?: string;
  readonly namespace?: string;
  readonly name: string;
  readonly port?: number;
}

export interface HttpRouteHeaderFilter {
  readonly set?: readonly { readonly name: string; readonly value: string }[];
  readonly add?: readonly { readonly name: string; readonly value: string }[];
  readonly remove?: readonly string[];
}

export interface HttpRoutePathModifier {
  readonly type: string;
  readonly replaceFullPath?: string;
  readonly replacePrefixMatch?: string;
}

export interface HttpRouteFilter {
  readonly type: string;
  readonly requestHeaderModifier?: HttpRouteHeaderFilter;
  readonly responseHeaderModifier?: HttpRouteHeaderFilter;
  readonly requestMirror?: {
    readonly backendRef: RouteBackendRef;
    readonly percent?: number;
    readonly fraction?: { readonly numerator: number; readonly denominator?: number };
  };
  readonly requestRedirect?: {
    readonly scheme?: 'http' | 'https';
    readonly hostname?: string;
    readonly port?: number;
    readonly path?: HttpRoutePathModifier;
    readonly statusCode?: number;
  };
  readonly urlRewrite?: { readonly hostname?: string; readonly path?: HttpRoutePathModifier };
}

/** gateway.networking.k8s.io/v1beta1 ReferenceGrant: what objects of other namespaces may refer to in its own. */
export interface ReferenceGrant extends KubeObject {
  readonly spec: {
    readonly from: readonly { readonly group: string; readonly kind: string; readonly namespace: string }[];
    readonly to: readonly { readonly group: string; readonly kind: string; readonly name?: string }[];
  };
}

/** gateway.networking.k8s.io/v1 GRPCRoute, the part that a mesh route uses. */
export interface GRPCRoute extends KubeObject {
  readonly spec: {
    readonly parentRefs?: readonly ParentRef[];
    readonly rules?: readonly {
      readonly matches?: readonly {
        readonly method?: { readonly type?: string; readonly service?: string; readonly method?: string };
        readonly headers?: readonly HttpRouteValueMatch[];
      }[];
      readonly filters?: readonly HttpRouteFilter[];
      readonly backendRefs?: readonly (RouteBackendRef & {
        readonly weight?: number;
        readonly filters?: readonly HttpRouteFilter[];
      })[];
    }[];
  };
  readonly status?: { readonly parents?: readonly RouteParentStatus[] };
}

/** gateway.networking.k8s.io/v1 HTTPRoute, the part that a mesh route uses. */
export interface HTTPRoute extends KubeObject {
  readonly spec: {
    readonly parentRefs?: readonly ParentRef[];
    /** Of Gateways only: Services are called by their own names. */
    readonly hostnames?: readonly string[];
    readonly rules?: readonly {
      readonly matches?: readonly {
        readonly path?: { readonly type?: string; readonly value?: string };
        readonly method?: string;
        readonly headers?: readonly HttpRouteValueMatch[];
        readonly queryParams?: readonly HttpRouteValueMatch[];
      }[];
      readonly filters?: readonly HttpRouteFilter[];
      readonly backendRefs?: readonly (RouteBackendRef & {
        readonly weight?: number;
        readonly filters?: readonly HttpRouteFilter[];
      })[];
      readonly timeouts?: { readonly request?: string; readonly backendRequest?: string };
    }[];
  };
  /** One atomic list that all controllers of its parents share. */
  readonly status?: { readonly parents?: readonly RouteParentStatus[] };
}
