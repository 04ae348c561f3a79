import type { Gateway, GatewayClass } from '../../../api/gateway.ts';
import type { HTTPRoute, Namespace } from '../../../api/kubernetes.ts';
import type { MeshIndex } from '../mesh-index.ts';

/** The controllerName of GatewayClasses that are Weft's, and of what it says of routes at its Gateways. */
export const GATEWAY_CONTROLLER = 'weft.dev/gateway';
/** On pods of a Gateway: its name. */
export const GATEWAY_LABEL = 'weft.dev/gateway';

/** What the translation of one Gateway looks things up in, beside what the mesh has. */
export interface GatewayIndex extends MeshIndex {
  gatewayClass(name: string): GatewayClass | undefined;
  namespace(name: string): Namespace | undefined;
  /** HTTPRoutes, GRPCRoutes and TLSRoutes, each as an HTTPRoute of its kind, that name this Gateway; oldest first. */
  routesOfGateway(gatewayKey: string): readonly HTTPRoute[];
  /** What a Secret is for TLS; undefined when there is none, or it may not be read. */
  certificate(secretKey: string): GatewayCertificate | undefined;
}

export interface GatewayCertificate {
  /** PEM. */
  readonly chainPem: string;
  readonly keyPem: string;
  /** Why it is none; absent when it is one. */
  readonly problem?: string;
}

/** Whether it is Weft's to run. */
export function isOurs(index: Pick<GatewayIndex, 'gatewayClass'>, { spec }: Gateway): boolean {
  return index.gatewayClass(spec.gatewayClassName)?.spec.controllerName === GATEWAY_CONTROLLER;
}
