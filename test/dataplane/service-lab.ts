import type { ServiceChange, ServiceTable } from '../../src/agent/dataplane/nft/services/service-table.ts';
import type { RoutedEndpoint, RoutedService, RoutedSlice } from '../../src/model/service/objects.ts';
import { translateServiceRules } from '../../src/model/service/translate-service.ts';
import type { LabPod } from './nft-lab.ts';

export const CLUSTER_IP = '10.96.0.10';
export const CLUSTER_IP6 = 'fd00:96::10';
export const PORT = 80;
export const TARGET_PORT = 8080;
export const NODE_PORT = 30_080;
/** There each pod answers its own name, once `nameServers` has run. */
export const NAME_PORT = 8081;

/** A service `shop/NAME` of both families whose port 80 is the endpoints' 8080, by TCP and UDP. */
export interface LabService {
  readonly name?: string;
  readonly spec?: Partial<RoutedService['spec']>;
  readonly status?: RoutedService['status'];
  /** Of the endpoints. */
  readonly target?: number;
  readonly endpoints: readonly (LabPod | RoutedEndpoint)[];
}

export function changeOf({
  name = 'cart',
  spec = {},
  status = {},
  target = TARGET_PORT,
  endpoints,
}: LabService): ServiceChange {
  const service: RoutedService = {
    metadata: { namespace: 'shop', name },
    spec: {
      type: 'ClusterIP',
      clusterIPs: [CLUSTER_IP, CLUSTER_IP6],
      ports: (['TCP', 'UDP', 'SCTP'] as const).map((protocol) => ({
        name: protocol.toLowerCase(),
        protocol,
        port: PORT,
        ...(spec.type === undefined ? {} : { nodePort: NODE_PORT }),
      })),
      ...spec,
    },
    status,
  };
  const slice = (addressType: 'IPv4' | 'IPv6'): RoutedSlice => ({
    service: `shop/${name}`,
    addressType,
    ports: (service.spec.ports ?? []).map((port) => ({
      name: port.name ?? '',
      protocol: port.protocol ?? 'TCP',
      port: target,
    })),
    endpoints: endpoints.flatMap((of) => {
      if (!('netnsPath' in of)) return of.addresses[0]?.includes(':') === (addressType === 'IPv6') ? [of] : [];
      return [{ addresses: [addressType === 'IPv4' ? of.address : of.address6], nodeName: 'here' }];
    }),
  });
  const vips = translateServiceRules(service, [slice('IPv4'), slice('IPv6')], { name: 'here' });
  return { upsert: new Map([[`shop/${name}`, vips]]), remove: [] };
}

/** An endpoint on this node, or with another's name not; of the pod's IPv4 address. */
export function endpointOf(pod: LabPod, more: Partial<RoutedEndpoint> = {}): RoutedEndpoint {
  return { addresses: [pod.address], nodeName: 'here', ...more };
}

/** A table that holds the one service. */
export async function serve(table: ServiceTable, service: LabService): Promise<void> {
  await table.reset(changeOf(service).upsert);
}

export async function nameServers(pods: readonly LabPod[]): Promise<void> {
  for (const [index, pod] of pods.entries()) await pod.traffic.listenTcp(NAME_PORT, 'abc'[index]);
}
