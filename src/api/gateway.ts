import type { LabelSelector, ParentRef, RouteBackendRef, RouteParentStatus } from './kubernetes.ts';
import type { Condition, KubeObject } from './meta.ts';

/** gateway.networking.k8s.io/v1, as far as Weft reads it. */
export interface GatewayClass extends KubeObject {
  readonly spec: { readonly controllerName: string };
  readonly status?: { readonly conditions?: readonly Condition[] };
}

export interface Gateway extends KubeObject {
  readonly spec: GatewaySpec;
  readonly status?: {
    readonly conditions?: readonly Condition[];
    readonly addresses?: readonly { readonly type?: string; readonly value: string }[];
    readonly listeners?: readonly GatewayListenerStatus[];
  };
}

interface GatewaySpec {
  readonly gatewayClassName: string;
  readonly listeners: readonly GatewayListener[];
  readonly infrastructure?: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly parametersRef?: object;
  };
  readonly addresses?: readonly object[];
  readonly allowedListeners?: { readonly namespaces?: { readonly from?: string } };
  readonly tls?: object;
}

export interface GatewayListener {
  readonly name: string;
  /** Absent: every one; with `*.` at its beginning: all that end so. */
  readonly hostname?: string;
  readonly port: number;
  /** `HTTP`, `HTTPS`, `TLS` or another. */
  readonly protocol: string;
  readonly tls?: {
    /** Absent is Terminate. */
    readonly mode?: 'Terminate' | 'Passthrough';
    readonly certificateRefs?: readonly CertificateRef[];
  };
  readonly allowedRoutes?: {
    readonly namespaces?: { readonly from?: 'Same' | 'All' | 'Selector' | 'None'; readonly selector?: LabelSelector };
    readonly kinds?: readonly { readonly group?: string; readonly kind: string }[];
  };
}

export interface CertificateRef {
  readonly group?: string;
  readonly kind?: string;
  readonly name: string;
  readonly namespace?: string;
}

export interface GatewayListenerStatus {
  readonly name: string;
  readonly supportedKinds: readonly { readonly group: string; readonly kind: string }[];
  readonly attachedRoutes: number;
  readonly conditions: readonly Condition[];
}

export interface TLSRoute extends KubeObject {
  readonly spec: {
    readonly parentRefs?: readonly ParentRef[];
    readonly hostnames?: readonly string[];
    readonly rules: readonly {
      readonly backendRefs?: readonly (RouteBackendRef & { readonly weight?: number })[];
    }[];
  };
  readonly status?: { readonly parents?: readonly RouteParentStatus[] };
}
