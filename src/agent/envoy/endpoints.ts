import { ClusterLoadAssignmentSchema } from '../../xds/generated/wire/envoy/config/endpoint/v3/endpoint_pb.js';
import type { EndpointIr, EndpointsIr } from '../../model/node/ir.ts';
import { type EncodedResource, encodeResource, socketAddress } from './encoded.ts';

/** The field of an endpoint's metadata by which its cluster chooses how to secure the call. */
export const MESH_IDENTITY = 'spiffeId';
/** Its value for endpoints that are called in plain. */
export const NO_IDENTITY = 'none';

/** The endpoints of cluster `key`. */
export function encodeEndpoints(key: string, { endpoints }: EndpointsIr): EncodedResource {
  return encodeResource(ClusterLoadAssignmentSchema, key, {
    clusterName: key,
    endpoints: endpoints.length === 0 ? [] : [{ lbEndpoints: endpoints.map(lbEndpoint) }],
  });
}

function lbEndpoint({ address, port, spiffeId = NO_IDENTITY }: EndpointIr) {
  return {
    hostIdentifier: { case: 'endpoint' as const, value: { address: socketAddress(address, port) } },
    metadata: { filterMetadata: { 'envoy.transport_socket_match': { [MESH_IDENTITY]: spiffeId } } },
  };
}
