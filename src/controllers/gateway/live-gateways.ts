import type { Gateway, GatewayClass } from '../../api/gateway.ts';
import type { HTTPRoute, Namespace } from '../../api/kubernetes.ts';
import type { StoreReader } from '../../kube/store.ts';
import { byAge } from '../../model/mesh/by-age.ts';
import { meansGateway } from '../../model/mesh/gateway/attachment.ts';
import type { GatewayCertificate, GatewayIndex } from '../../model/mesh/gateway/gateway-index.ts';
import type { MeshIndex } from '../../model/mesh/mesh-index.ts';

export interface GatewayStores {
  readonly gateways: StoreReader<Gateway>;
  readonly gatewayClasses: StoreReader<GatewayClass>;
  readonly namespaces: StoreReader<Namespace>;
  readonly httpRoutes: StoreReader<HTTPRoute>;
  /** As HTTPRoutes. */
  readonly grpcRoutes: StoreReader<HTTPRoute>;
  /** As HTTPRoutes. */
  readonly tlsRoutes: StoreReader<HTTPRoute>;
}

/** What the translation of Gateways asks, out of the stores. */
export function liveGateways(
  mesh: MeshIndex,
  stores: GatewayStores,
  certificate: (secretKey: string) => GatewayCertificate | undefined,
): GatewayIndex {
  const { gatewayClasses, namespaces, httpRoutes, grpcRoutes, tlsRoutes } = stores;
  const names = (route: HTTPRoute, gatewayKey: string) =>
    (route.spec.parentRefs ?? []).some((ref) => meansGateway(route, ref, gatewayKey));
  return {
    trustDomain: mesh.trustDomain,
    tracing: mesh.tracing,
    service: (key) => mesh.service(key),
    pod: (key) => mesh.pod(key),
    meshService: (key) => mesh.meshService(key),
    slicesOf: (key) => mesh.slicesOf(key),
    meshServicesOf: (key) => mesh.meshServicesOf(key),
    trafficSplitsOf: (key) => mesh.trafficSplitsOf(key),
    httpRoutesOf: (key) => mesh.httpRoutesOf(key),
    grantsOf: (namespace) => mesh.grantsOf(namespace),
    meshServicesNamed: (namespace, host) => mesh.meshServicesNamed(namespace, host),
    virtualAddressesOf: (key) => mesh.virtualAddressesOf(key),
    certificate,
    gatewayClass: (name) => gatewayClasses.get(name),
    namespace: (name) => namespaces.get(name),
    routesOfGateway: (gatewayKey) =>
      [httpRoutes, grpcRoutes, tlsRoutes]
        .flatMap((store) => store.list().filter((route) => names(route, gatewayKey)))
        .sort(byAge),
  };
}

/** Keys of the Secrets that listeners of Gateways name. */
export function certificatesNamedBy(gateways: readonly Gateway[]): ReadonlySet<string> {
  return new Set(
    gateways.flatMap(({ metadata, spec }) =>
      spec.listeners.flatMap(({ tls }) =>
        (tls?.certificateRefs ?? []).map(
          ({ name, namespace }) => `${namespace ?? metadata.namespace ?? 'default'}/${name}`,
        ),
      ),
    ),
  );
}
