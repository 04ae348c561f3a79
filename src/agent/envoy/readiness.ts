import { ListenerSchema } from '../../xds/generated/wire/envoy/config/listener/v3/listener_pb.js';
import { type EncodedResource, encodeResource, socketAddress } from './encoded.ts';
import { httpConnectionManager } from './filters.ts';
import { PROXY_PORT, READY_PATH } from './names.ts';

/**
 * Answers the kubelet's startup probe. A starting proxy opens no listener before all that it was given are complete,
 * certificates included: that this one answers says that the others work.
 */
export function encodeReadiness(hasIpv6: boolean): EncodedResource {
  const route = {
    match: { pathSpecifier: { case: 'path' as const, value: READY_PATH } },
    action: { case: 'directResponse' as const, value: { status: 200 } },
  };
  const filter = httpConnectionManager('readiness', {
    case: 'routeConfig',
    value: { name: 'readiness', virtualHosts: [{ name: 'readiness', domains: ['*'], routes: [route] }] },
  });
  return encodeResource(ListenerSchema, 'readiness', {
    name: 'readiness',
    address: socketAddress('0.0.0.0', PROXY_PORT.ready),
    ...(hasIpv6 && { additionalAddresses: [{ address: socketAddress('::', PROXY_PORT.ready) }] }),
    filterChains: [{ filters: [filter] }],
  });
}
