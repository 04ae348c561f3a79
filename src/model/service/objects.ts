import type { EndpointSlice, Service } from '../../api/kubernetes.ts';
import { objectKey } from '../../api/meta.ts';

/** A Service with this label is another proxy's. */
const PROXY_NAME = 'service.kubernetes.io/service-proxy-name';
const SERVICE_NAME = 'kubernetes.io/service-name';

/** What nodes are told of a Service: as the API has it, less what routing its packets does not need. */
export interface RoutedService {
  readonly metadata: { readonly namespace?: string; readonly name: string };
  readonly spec: Omit<Service['spec'], 'clusterIP' | 'selector'>;
  readonly status?: Service['status'];
}

export type RoutedEndpoint = NonNullable<EndpointSlice['endpoints']>[number];

export interface RoutedSlice {
  /** `namespace/name` of the Service that it is of. */
  readonly service: string;
  readonly addressType: EndpointSlice['addressType'];
  readonly endpoints: readonly RoutedEndpoint[];
  readonly ports: NonNullable<EndpointSlice['ports']>;
}

/** Of the node whose kernel is told. */
export interface RoutingNode {
  readonly name: string;
  /** Its label topology.kubernetes.io/zone. */
  readonly zone?: string | undefined;
}

/** Undefined for a Service that is none of the nodes' business: headless, an alias, or another proxy's. */
export function routedService({ metadata, spec, status }: Service): RoutedService | undefined {
  const { name, namespace, labels } = metadata;
  const { clusterIP: _, selector: __, ...routed } = spec;
  const isRouted = spec.type !== 'ExternalName' && labels?.[PROXY_NAME] === undefined;
  if (!isRouted || !spec.clusterIPs?.some((address) => address !== 'None')) return undefined;
  return {
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
    spec: routed,
    ...(status?.loadBalancer === undefined ? {} : { status: { loadBalancer: status.loadBalancer } }),
  };
}

/** A node counts its own pods by them, and tells them apart by as much. */
const UID_DIGITS = 8;

/** Undefined for a slice that names no Service, or no addresses. Every node is told of every endpoint: in few words. */
export function routedSlice({ metadata, addressType, endpoints, ports }: EndpointSlice): RoutedSlice | undefined {
  const service = metadata.labels?.[SERVICE_NAME];
  if (service === undefined || addressType === 'FQDN') return undefined;
  return {
    service: objectKey({ metadata: { ...metadata, name: service } }),
    addressType,
    endpoints: (endpoints ?? []).map(({ addresses, conditions, nodeName, targetRef, hints }) => ({
      addresses: addresses.slice(0, 1),
      // Of one that is ready nothing else is asked.
      ...(conditions?.ready === false ? { conditions } : {}),
      ...(nodeName === undefined ? {} : { nodeName }),
      ...(targetRef?.uid === undefined ? {} : { targetRef: { uid: targetRef.uid.slice(0, UID_DIGITS) } }),
      ...(hints === undefined ? {} : { hints }),
    })),
    ports: ports ?? [],
  };
}
