import { describe, expect, test } from '@jest/globals';
import type { EndpointSlice, Service } from '../../../src/api/kubernetes.ts';
import { routedService, routedSlice } from '../../../src/model/service/objects.ts';

const SERVICE: Service = {
  metadata: { namespace: 'shop', name: 'cart', labels: { app: 'cart' } },
  spec: {
    type: 'ClusterIP',
    clusterIP: '10.96.0.10',
    clusterIPs: ['10.96.0.10'],
    selector: { app: 'cart' },
    ports: [{ port: 80 }],
  },
};
const SLICE: EndpointSlice = {
  metadata: { namespace: 'shop', name: 'cart-1', labels: { 'kubernetes.io/service-name': 'cart' } },
  addressType: 'IPv4',
  endpoints: [{ addresses: ['10.42.0.2', '10.42.0.3'], targetRef: { kind: 'Pod', name: 'cart-x', uid: 'u1' } }],
  ports: [{ port: 8080 }],
};

describe('what nodes are told of a Service', () => {
  test('is what routing needs: labels and selectors may change without a word', () => {
    const { metadata, spec } = SERVICE;
    const changed = { metadata: { ...metadata, labels: {} }, spec: { ...spec, selector: { app: 'other' } } };
    expect(routedService(changed)).toEqual(routedService(SERVICE));
    expect(routedService(SERVICE)?.spec).toEqual({
      type: 'ClusterIP',
      clusterIPs: ['10.96.0.10'],
      ports: [{ port: 80 }],
    });
  });

  test.each([
    ['headless', { spec: { clusterIP: 'None', clusterIPs: ['None'] } }],
    ['an ExternalName', { spec: { type: 'ExternalName' } }],
    ['without an address yet', { spec: { type: 'ClusterIP' } }],
    ["another proxy's", { metadata: { name: 'x', labels: { 'service.kubernetes.io/service-proxy-name': 'other' } } }],
  ])('is nothing when it is %s', (_, different) => {
    expect(routedService({ ...SERVICE, ...different })).toBeUndefined();
  });
});

describe('what nodes are told of an EndpointSlice', () => {
  test('names its Service, and of each endpoint one address', () => {
    expect(routedSlice(SLICE)).toEqual({
      service: 'shop/cart',
      addressType: 'IPv4',
      endpoints: [{ addresses: ['10.42.0.2'], targetRef: { uid: 'u1' } }],
      ports: [{ port: 8080 }],
    });
  });

  test('leaves out what is so of nearly all endpoints: that they are ready', () => {
    const ready = { ready: true, serving: true, terminating: false };
    const ending = { ready: false, serving: true, terminating: true };
    const endpoints = [ready, ending, {}].map((conditions) => ({ addresses: ['10.42.0.2'], conditions }));
    expect(routedSlice({ ...SLICE, endpoints })?.endpoints.map(({ conditions }) => conditions)).toEqual([
      undefined,
      ending,
      undefined,
    ]);
  });

  test('tells pods apart by the first digits of their uids', () => {
    const endpoints = ['0b1c2d3e-1', '0b1c2d3f-1'].map((uid) => ({ addresses: ['10.42.0.2'], targetRef: { uid } }));
    const uids = routedSlice({ ...SLICE, endpoints })?.endpoints.map(({ targetRef }) => targetRef?.uid);
    expect(uids).toEqual(['0b1c2d3e', '0b1c2d3f']);
  });

  test("is nothing without a Service's name, or when it holds names instead of addresses", () => {
    expect(routedSlice({ ...SLICE, metadata: { name: 'x' } })).toBeUndefined();
    expect(routedSlice({ ...SLICE, addressType: 'FQDN' })).toBeUndefined();
  });

  test('takes null for an empty list', () => {
    expect(routedSlice({ ...SLICE, endpoints: null, ports: null })).toMatchObject({ endpoints: [], ports: [] });
  });
});
