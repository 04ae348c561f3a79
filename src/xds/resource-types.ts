const PREFIX = 'type.googleapis.com/envoy';

/** The types that a proxy asks for, by the names of their services (xDS REST and gRPC protocol, "resource types"). */
export const TYPE_URL = {
  cds: `${PREFIX}.config.cluster.v3.Cluster`,
  eds: `${PREFIX}.config.endpoint.v3.ClusterLoadAssignment`,
  sds: `${PREFIX}.extensions.transport_sockets.tls.v3.Secret`,
  lds: `${PREFIX}.config.listener.v3.Listener`,
  rds: `${PREFIX}.config.route.v3.RouteConfiguration`,
} as const;

/** In this order news is sent when several types have some. */
export const TYPE_ORDER: readonly string[] = [TYPE_URL.cds, TYPE_URL.eds, TYPE_URL.sds, TYPE_URL.lds, TYPE_URL.rds];

/**
 * A type's news waits until the proxy has accepted all news of these ("make before break"): listeners and routes need
 * something to lead to. Endpoints wait for nothing: Envoy accepts a cluster only after it has its endpoints. What is
 * gone is withdrawn the other way round: a cluster after the routes that led to it.
 */
export const NEEDS: Readonly<Record<string, readonly string[]>> = {
  [TYPE_URL.lds]: [TYPE_URL.cds, TYPE_URL.eds, TYPE_URL.sds],
  [TYPE_URL.rds]: [TYPE_URL.cds, TYPE_URL.eds, TYPE_URL.sds],
};

/** Types that wait for `typeUrl`. */
export function neededBy(typeUrl: string): readonly string[] {
  return TYPE_ORDER.filter((other) => NEEDS[other]?.includes(typeUrl) === true);
}
