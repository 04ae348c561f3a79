import { ClusterLoadAssignmentSchema } from '../../xds/generated/wire/envoy/config/endpoint/v3/endpoint_pb.js';
import type { EndpointIr, EndpointsIr } from '../../model/node/ir.ts';
import { type EncodedResource, encodeResource, socketAddress } from './encoded.ts';

/** The field of an endpoint's metadata by which its cluster chooses how to secure the call. */
export const MESH_IDENTITY = 'spiffeId';
/** Its value for endpoints that are called in plain. */
export const NO_IDENTITY = 'none';

/**
 * The endpoints of cluster `key`. Where zones count, those of other zones than `zone` are a priority behind: Envoy goes
 * there as far as those before are not healthy.
 */
export function encodeEndpoints(key: string, ir: EndpointsIr, zone?: string): EncodedResource {
  return encodeResource(ClusterLoadAssignmentSchema, key, {
    clusterName: key,
    endpoints: tiersOf(ir, zone).map((endpoints, priority) => ({ priority, lbEndpoints: endpoints.map(lbEndpoint) })),
  });
}

/** None is empty. */
function tiersOf({ endpoints, prefersZone }: EndpointsIr, zone: string | undefined): (readonly EndpointIr[])[] {
  const isNear = (endpoint: EndpointIr) => zone !== undefined && endpoint.zone === zone;
  const tiers = prefersZone
    ? [endpoints.filter(isNear), endpoints.filter((endpoint) => !isNear(endpoint))]
    : [endpoints];
  return tiers.filter((tier) => tier.length > 0);
}

function lbEndpoint({ address, port, spiffeId = NO_IDENTITY, weight }: EndpointIr) {
  return {
    hostIdentifier: { case: 'endpoint' as const, value: { address: socketAddress(address, port) } },
    metadata: { filterMetadata: { 'envoy.transport_socket_match': { [MESH_IDENTITY]: spiffeId } } },
    ...(weight === undefined ? {} : { loadBalancingWeight: weight }),
  };
}
