import { describe, expect, test } from '@jest/globals';
import { serviceOfSlice } from '../../../src/controllers/mesh/live-index.ts';
import type { EndpointSlice, Service } from '../../../src/api/kubernetes.ts';
import { translateEndpoints } from '../../../src/model/mesh/endpoints.ts';
import { indexMesh, SERVICE_NAME_LABEL } from '../../../src/model/mesh/mesh-index.ts';

const WEB: Service = {
  metadata: { name: 'web', namespace: 'shop' },
  spec: { clusterIP: '10.96.0.20', ports: [{ name: 'http', port: 80 }] },
};
/** Names of slices are made up by whoever makes them; kube-proxy and Weft go by the label. */
const FULL: EndpointSlice = {
  metadata: { name: 'anything-x7k2p', namespace: 'shop', labels: { [SERVICE_NAME_LABEL]: 'web' } },
  addressType: 'IPv4',
  endpoints: [{ addresses: ['10.244.0.5'] }],
  ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
};

function endpointsOf(...endpointSlices: readonly EndpointSlice[]) {
  const nothing = {
    pods: [],
    meshServices: [],
    trafficSplits: [],
    httpRoutes: [],
    referenceGrants: [],
    trustDomain: 'cluster.local',
  };
  const index = indexMesh({ ...nothing, services: [WEB], endpointSlices });
  return translateEndpoints(index, 'shop/web').get('shop/web:80')?.endpoints;
}

describe('an EndpointSlice', () => {
  test('without endpoints, as the API server writes it, gives none and takes none from other slices', () => {
    const empty: EndpointSlice = {
      ...FULL,
      metadata: { ...FULL.metadata, name: 'empty' },
      endpoints: null,
      ports: null,
    };
    expect(endpointsOf(empty)).toEqual([]);
    expect(endpointsOf(empty, FULL)).toEqual([{ address: '10.244.0.5', port: 8080 }]);
  });

  test('with ports and null endpoints, or the other way round, gives none', () => {
    expect(endpointsOf({ ...FULL, endpoints: null })).toEqual([]);
    expect(endpointsOf({ ...FULL, ports: null })).toEqual([]);
  });

  test('belongs to the Service that its label names, whatever its own name is', () => {
    const { labels: _, ...unlabelled } = FULL.metadata;
    expect(endpointsOf(FULL)).toEqual([{ address: '10.244.0.5', port: 8080 }]);
    expect(endpointsOf({ ...FULL, metadata: { ...unlabelled, name: 'web' } })).toEqual([]);
    expect(endpointsOf({ ...FULL, metadata: { ...FULL.metadata, namespace: 'other' } })).toEqual([]);
  });

  test('has the key of its Service in its own namespace, and none without the label', () => {
    const { labels: _, ...unlabelled } = FULL.metadata;
    expect(serviceOfSlice(FULL)).toEqual(['shop/web']);
    expect(serviceOfSlice({ ...FULL, metadata: { ...unlabelled, name: 'web' } })).toEqual([]);
    expect(serviceOfSlice(undefined)).toEqual([]);
  });
});
