import { fromBinary } from '@bufbuild/protobuf';
import { describe, expect, test } from '@jest/globals';
import { encodeCluster } from '../../../src/agent/envoy/clusters.ts';
import type { EncodedResource } from '../../../src/agent/envoy/encoded.ts';
import { type OfferInput, Offers } from './offer.ts';
import type { EndpointsIr, PodIr, RouteRuleIr, ServiceIr } from '../../../src/model/node/ir.ts';
import { ClusterSchema } from '../../../src/xds/generated/wire/envoy/config/cluster/v3/cluster_pb.js';
import { ClusterLoadAssignmentSchema } from '../../../src/xds/generated/wire/envoy/config/endpoint/v3/endpoint_pb.js';
import { RouteConfigurationSchema } from '../../../src/xds/generated/wire/envoy/config/route/v3/route_pb.js';

const TO_A = { cluster: 'shop/a:80', weight: 1 };
const TO_B = { cluster: 'shop/b:80', weight: 1 };

function serviceOf(...rules: Partial<RouteRuleIr>[]): ServiceIr {
  const all = rules.map((rule) => ({ origin: 'TrafficSplit shop/a', matches: [], backends: [TO_A], ...rule }));
  return {
    namespace: 'shop',
    name: 'a',
    clusterIPs: ['10.96.0.1'],
    ports: [{ port: 80, protocol: 'HTTP', rules: all }],
  };
}

function endpointsOf(zones: readonly string[], more: Partial<EndpointsIr> = {}): EndpointsIr {
  const endpoints = zones.map((zone, index) => ({ address: `10.0.0.${index}`, port: 80, zone }));
  return { protocol: 'HTTP', loadBalancing: 'RoundRobin', connectTimeoutMs: 1000, endpoints, ...more };
}

function podOf(serviceAccount: string): PodIr {
  const mesh = {
    ...{ spiffeId: `spiffe://x/ns/shop/sa/${serviceAccount}`, proxyUid: 1, tlsMode: 'Strict' as const },
    ...{ inbound: [], probePorts: [] },
  };
  const addressing = { pools: [], families: [], fixed: [] };
  return { uid: serviceAccount, namespace: 'shop', name: 'p', serviceAccount, addresses: [], addressing, mesh };
}

function inputOf(service: ServiceIr, endpoints: Readonly<Record<string, EndpointsIr>>, version = '1'): OfferInput {
  const versioned = Object.entries(endpoints).map(
    ([key, body]) => [key, { version: JSON.stringify(body), body }] as const,
  );
  return {
    services: new Map([['shop/a', { version, body: service }]]),
    endpoints: new Map(versioned),
    pod: { version: '1', body: podOf('client') },
    hasIpv6: false,
    secrets: [],
  };
}

function named(offers: Offers, input: OfferInput, type: string, name = 'shop/a:80'): EncodedResource {
  const byName = offers.take(input).resources.get(`type.googleapis.com/${type}`);
  const found = byName?.get(name);
  if (found === undefined) throw new Error(`no ${type} ${name}`);
  return found;
}

const ROUTES = RouteConfigurationSchema.typeName;
const routesOf = ({ value }: EncodedResource) =>
  fromBinary(RouteConfigurationSchema, value).virtualHosts[0]?.routes ?? [];

describe('a snapshot', () => {
  test('has the rules for its own caller only, and shares those of a service that asks for none', () => {
    const offers = new Offers();
    const asking = serviceOf({ matches: [{ source: { serviceAccount: 'client' }, headers: [] }] }, {});
    const input = inputOf(asking, {});
    const other = { ...input, pod: { version: '1', body: podOf('other') } };
    expect(routesOf(named(offers, input, ROUTES))).toHaveLength(2);
    expect(routesOf(named(offers, other, ROUTES))).toHaveLength(1);
    expect(named(offers, input, ROUTES)).toBe(named(offers, input, ROUTES));
    const plain = inputOf(serviceOf({}), {}, '2');
    expect(named(offers, plain, ROUTES)).toBe(named(offers, { ...plain, pod: other.pod }, ROUTES));
  });

  test('changes a route when a backend that redistributes loses its last endpoint, and not before', () => {
    const offers = new Offers();
    const service = serviceOf({ backends: [TO_A, TO_B], redistributes: true });
    const versions = [['z', 'z'], ['z'], []].map(
      (zones) =>
        named(offers, inputOf(service, { 'shop/a:80': endpointsOf(zones), 'shop/b:80': endpointsOf(['z']) }), ROUTES)
          .version,
    );
    expect(versions[1]).toBe(versions[0]);
    expect(versions[2]).not.toBe(versions[1]);
  });

  test('puts endpoints of other zones behind those of its own, and all together where it has none', () => {
    const type = ClusterLoadAssignmentSchema.typeName;
    const offers = new Offers();
    const input = inputOf(serviceOf({}), { 'shop/a:80': endpointsOf(['e', 'w', 'e'], { prefersZone: true }) });
    const tiers = (zone: string) => {
      const { value } = named(offers, { ...input, zone }, type);
      const { endpoints } = fromBinary(ClusterLoadAssignmentSchema, value);
      return endpoints.map(({ priority, lbEndpoints }) => [priority, lbEndpoints.length]);
    };
    expect(tiers('e')).toEqual([
      [0, 2],
      [1, 1],
    ]);
    expect(tiers('w')).toEqual([
      [0, 1],
      [1, 2],
    ]);
    expect(tiers('n')).toEqual([[0, 3]]);
  });
});

describe('a cluster', () => {
  const clusterOf = (more: Partial<EndpointsIr>) =>
    fromBinary(ClusterSchema, encodeCluster('shop/a:80', endpointsOf([], more)).value);

  test('has no limits, no judgement of endpoints and no questions to them unless they are asked for', () => {
    const { circuitBreakers, outlierDetection, healthChecks, commonLbConfig } = clusterOf({});
    expect(circuitBreakers?.thresholds).toMatchObject([{ maxConnections: 4_294_967_295, maxRetries: 4_294_967_295 }]);
    expect([outlierDetection, healthChecks, commonLbConfig]).toEqual([undefined, [], undefined]);
  });

  test('does not keep an endpoint that is gone because it looks well', () => {
    const healthCheck = { path: '/', intervalMs: 1, timeoutMs: 1, healthyThreshold: 1, unhealthyThreshold: 1 };
    const { ignoreHealthOnHostRemoval, healthChecks } = clusterOf({ healthCheck });
    expect(ignoreHealthOnHostRemoval).toBe(true);
    expect(healthChecks[0]?.healthChecker).toMatchObject({ case: 'httpHealthCheck', value: { host: 'a.shop' } });
  });

  test('leaves out endpoints for their errors only, not for being worse than others', () => {
    const outliers = { consecutiveErrors: 0, intervalMs: 1, ejectionMs: 60_000, maxEjectedPercent: 50 };
    expect(clusterOf({ outliers }).outlierDetection).toMatchObject({
      ...{ enforcingConsecutive5xx: 0, enforcingSuccessRate: 0 },
      maxEjectionTime: { seconds: 600n },
    });
  });
});
