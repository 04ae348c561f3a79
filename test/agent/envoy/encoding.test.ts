import { fromBinary } from '@bufbuild/protobuf';
import { describe, expect, test } from '@jest/globals';
import { encodeInbound } from '../../../src/agent/envoy/inbound.ts';
import { encodeCluster } from '../../../src/agent/envoy/clusters.ts';
import { encodeRoutes } from '../../../src/agent/envoy/routes.ts';
import { allOf, type OfferInput, Offers } from './offer.ts';
import type { EndpointsIr, PodIr, RouteRuleIr, ServiceIr, TlsMode } from '../../../src/model/node/ir.ts';
import { ClusterSchema } from '../../../src/xds/generated/wire/envoy/config/cluster/v3/cluster_pb.js';
import { ListenerSchema } from '../../../src/xds/generated/wire/envoy/config/listener/v3/listener_pb.js';
import { RouteAction_ClusterNotFoundResponseCode } from '../../../src/xds/generated/wire/envoy/config/route/v3/route_components_pb.js';
import { RouteConfigurationSchema } from '../../../src/xds/generated/wire/envoy/config/route/v3/route_pb.js';

function serviceOf(rules: readonly RouteRuleIr[], name = 'web'): ServiceIr {
  return {
    namespace: 'shop',
    name,
    clusterIPs: ['10.96.0.1', 'fd00::1'],
    ports: [{ port: 80, protocol: 'HTTP', rules }],
  };
}

function ruleOf(rule: Partial<RouteRuleIr>): RouteRuleIr {
  return { origin: 'Service shop/web', matches: [], backends: [{ cluster: 'shop/web:80', weight: 1 }], ...rule };
}

function routesOf(rule: Partial<RouteRuleIr>) {
  const [table] = encodeRoutes(serviceOf([ruleOf(rule)]), { spiffeId: '', hasEndpoints: () => true });
  if (table === undefined) throw new Error('no route table');
  return fromBinary(RouteConfigurationSchema, table.value).virtualHosts[0]?.routes ?? [];
}

function retryOn(route: ReturnType<typeof routesOf>[number] | undefined): string | undefined {
  return route?.action.case === 'route' ? route.action.value.retryPolicy?.retryOn : undefined;
}

describe('a route', () => {
  test('keeps the weight of a backend that names nothing, and drops a weight of zero', () => {
    const backends = [{ cluster: 'a/b:1', weight: 3 }, { weight: 1 }, { cluster: 'c/d:1', weight: 0 }];
    const [route] = routesOf({ backends });
    const target = route?.action.case === 'route' ? route.action.value.clusterSpecifier : undefined;
    const clusters = target?.case === 'weightedClusters' ? target.value.clusters : [];
    expect(clusters.map(({ name, weight }) => [name, weight])).toEqual([
      ['a/b:1', 3],
      ['weft-nothing', 1],
    ]);
  });

  test('answers 503 when all weights are zero', () => {
    const [route] = routesOf({ backends: [{ cluster: 'a/b:1', weight: 0 }] });
    expect(route?.action).toMatchObject({ case: 'directResponse', value: { status: 503 } });
  });

  test('of an HTTPRoute answers 500 where nobody can be asked', () => {
    const origin = 'HTTPRoute shop/web';
    const [shared] = routesOf({ origin, backends: [{ cluster: 'a/b:1', weight: 3 }, { weight: 1 }] });
    expect(shared?.action).toMatchObject({
      value: {
        clusterNotFoundResponseCode: RouteAction_ClusterNotFoundResponseCode.INTERNAL_SERVER_ERROR,
        clusterSpecifier: { value: { clusters: [{ name: 'a/b:1' }, { name: 'weft-absent' }] } },
      },
    });
    const [zero] = routesOf({ origin, backends: [{ cluster: 'a/b:1', weight: 0 }] });
    expect(zero?.action).toMatchObject({ case: 'directResponse', value: { status: 500 } });
  });

  test.each([
    ['/', 'prefix', '/'],
    ['/a', 'pathSeparatedPrefix', '/a'],
    ['/a/', 'pathSeparatedPrefix', '/a'],
  ])('matches the prefix %s by whole segments', (value, kind, expected) => {
    const [route] = routesOf({ matches: [{ path: { type: 'Prefix', value }, headers: [] }] });
    expect(route?.match?.pathSpecifier).toMatchObject({ case: kind, value: expected });
  });

  test('tries again after a gateway error only what may be done twice', () => {
    const retry = { attempts: 2, on: ['ConnectFailure', 'GatewayError'] } as const;
    expect(routesOf({ retry }).map(retryOn)).toEqual(['connect-failure,gateway-error', 'connect-failure']);
    expect(routesOf({ retry, matches: [{ method: 'POST', headers: [] }] }).map(retryOn)).toEqual(['connect-failure']);
    expect(routesOf({ retry, matches: [{ method: 'GET', headers: [] }] }).map(retryOn)).toEqual([
      'connect-failure,gateway-error',
    ]);
  });
});

describe('the inbound listener', () => {
  const listener = (tlsMode: TlsMode, hasIpv6: boolean) => {
    const inbound = [{ port: 8080, protocol: 'HTTP' as const, tlsMode }];
    const mesh = { spiffeId: 'spiffe://x/ns/a/sa/b', proxyUid: 1337, tlsMode, inbound, probePorts: [] };
    return fromBinary(ListenerSchema, encodeInbound(mesh, hasIpv6).value);
  };
  const chains = (tlsMode: TlsMode) => {
    const { filterChains, defaultFilterChain } = listener(tlsMode, false);
    expect(defaultFilterChain).toBeUndefined();
    return filterChains.map(({ name, transportSocket }) => [name, transportSocket !== undefined]);
  };

  test('listens on IPv6 as well for pods that have it, and for no others', () => {
    const addressOf = (address: { address: { case?: string | undefined; value?: unknown } } | undefined) =>
      (address?.address.value as { readonly address: string } | undefined)?.address;
    const addressesOf = (hasIpv6: boolean) => {
      const { address, additionalAddresses } = listener('Strict', hasIpv6);
      return [address, ...additionalAddresses.map((more) => more.address)].map(addressOf);
    };
    expect(addressesOf(false)).toEqual(['0.0.0.0']);
    expect(addressesOf(true)).toEqual(['0.0.0.0', '::']);
  });

  test('takes nothing but mutual TLS when Strict, on listed ports and all others', () => {
    expect(chains('Strict')).toEqual([
      ['itself', false],
      ['8080-mtls', true],
      ['other-mtls', true],
    ]);
  });

  test('takes plain calls too when Permissive', () => {
    expect(chains('Permissive')).toContainEqual(['8080-plain', false]);
  });
});

describe('a cluster', () => {
  test('speaks plain only to endpoints that are known to have no identity', () => {
    const endpoints: EndpointsIr = {
      protocol: 'HTTP',
      loadBalancing: 'Random',
      connectTimeoutMs: 1500,
      endpoints: [
        { address: '10.0.0.1', port: 1, spiffeId: 'spiffe://x' },
        { address: '10.0.0.2', port: 1 },
      ],
    };
    const { transportSocketMatches, transportSocket, connectTimeout } = fromBinary(
      ClusterSchema,
      encodeCluster('a/b:1', endpoints).value,
    );
    const socketOf = (name: string) =>
      transportSocketMatches.find((match) => match.name === name)?.transportSocket?.name;
    expect(socketOf('spiffe://x')).toBe('envoy.transport_sockets.tls');
    expect(socketOf('none')).toBe('envoy.transport_sockets.raw_buffer');
    expect(transportSocket?.name).toBe('envoy.transport_sockets.tls');
    expect(connectTimeout).toMatchObject({ seconds: 1n, nanos: 500_000_000 });
  });
});

const POD: PodIr = {
  ...{ uid: 'u', namespace: 'shop', name: 'p', serviceAccount: 's', addresses: [] },
  addressing: { pools: ['main'], families: [4], fixed: [] },
};

describe('a snapshot', () => {
  const input = (services: OfferInput['services']): OfferInput => ({
    services,
    endpoints: new Map(),
    pod: { version: '1', body: POD },
    hasIpv6: false,
    secrets: [],
  });
  const all = (offers: Offers, services: OfferInput['services']) => allOf(offers.take(input(services)));

  test('is encoded again only where the IR changed, and changes only the route when a weight does', () => {
    const offers = new Offers();
    const other = { version: '1', body: serviceOf([ruleOf({})], 'other') };
    const before = all(
      offers,
      new Map([
        ['shop/other', other],
        ['shop/web', { version: '1', body: serviceOf([ruleOf({})]) }],
      ]),
    );
    const backends = [{ cluster: 'shop/web:80', weight: 1 }, { weight: 1 }];
    const after = all(
      offers,
      new Map([
        ['shop/other', other],
        ['shop/web', { version: '2', body: serviceOf([ruleOf({ backends })]) }],
      ]),
    );
    const versions = new Set(before.map(({ name, version }) => `${name} ${version}`));
    expect(after.filter(({ name, version }) => !versions.has(`${name} ${version}`)).map(({ name }) => name)).toEqual([
      'shop/web:80',
    ]);
    expect(
      after.filter((encoded) => encoded.name.startsWith('shop/other')).every((encoded) => before.includes(encoded)),
    ).toBe(true);
  });

  test('has the readiness listener only when the certificate is there', () => {
    const names = all(new Offers(), new Map()).map(({ name }) => name);
    expect(names).not.toContain('readiness');
  });
});
