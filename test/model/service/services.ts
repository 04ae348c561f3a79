import type { RoutedEndpoint, RoutedService, RoutedSlice, RoutingNode } from '../../../src/model/service/objects.ts';

export const HERE: RoutingNode = { name: 'here', zone: 'a' };

/** A dual-stack ClusterIP service `shop/cart`, port 80. */
export function service(spec: Partial<RoutedService['spec']> = {}, ips: readonly string[] = []): RoutedService {
  return {
    metadata: { namespace: 'shop', name: 'cart' },
    spec: {
      type: 'ClusterIP',
      clusterIPs: ['10.96.0.10', 'fd00:96::10'],
      ports: [{ name: 'http', protocol: 'TCP', port: 80 }],
      ...spec,
    },
    status: { loadBalancer: { ingress: ips.map((ip) => ({ ip })) } },
  };
}

export function endpoint(address: string, more: Partial<RoutedEndpoint> = {}): RoutedEndpoint {
  return { addresses: [address], nodeName: 'there', conditions: { ready: true }, ...more };
}

export const TERMINATING = { ready: false, serving: true, terminating: true };

export function slice(...endpoints: RoutedEndpoint[]): RoutedSlice {
  return {
    service: 'shop/cart',
    addressType: endpoints[0]?.addresses[0]?.includes(':') === true ? 'IPv6' : 'IPv4',
    endpoints,
    ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
  };
}
