import { describe, expect, test } from '@jest/globals';
import type { Gateway, GatewayListener } from '../../../src/api/gateway.ts';
import type { HTTPRoute, Namespace, ReferenceGrant, Service } from '../../../src/api/kubernetes.ts';
import { meansGateway } from '../../../src/model/mesh/gateway/attachment.ts';
import type { GatewayCertificate, GatewayIndex } from '../../../src/model/mesh/gateway/gateway-index.ts';
import { gatewayStatus } from '../../../src/model/mesh/gateway/gateway-status.ts';
import { commonHosts } from '../../../src/model/mesh/gateway/hostnames.ts';
import { gatewayObjects } from '../../../src/model/mesh/gateway/objects.ts';
import { certificatesOfGateway, translateGateway } from '../../../src/model/mesh/gateway/translate-gateway.ts';
import { httpRouteParents } from '../../../src/model/mesh/http-route-status.ts';
import { indexMesh } from '../../../src/model/mesh/mesh-index.ts';

const NOW = '2026-01-01T00:00:00Z';
const HTTP: GatewayListener = { name: 'http', port: 80, protocol: 'HTTP' };
const HTTPS: GatewayListener = {
  ...{ name: 'https', port: 443, protocol: 'HTTPS', hostname: '*.example.com' },
  tls: { certificateRefs: [{ name: 'cert' }] },
};

function gateway(...listeners: readonly GatewayListener[]): Gateway {
  return {
    metadata: { name: 'edge', namespace: 'shop', uid: 'g', generation: 1 },
    spec: { gatewayClassName: 'weft', listeners },
  };
}

interface RouteWish {
  readonly hostnames?: readonly string[];
  readonly path?: string;
  readonly sectionName?: string;
  readonly namespace?: string;
  readonly kind?: string;
  readonly to?: string;
}

function route(name: string, wish: RouteWish = {}): HTTPRoute {
  const { hostnames, path, sectionName, namespace = 'shop', kind = 'HTTPRoute', to = 'web' } = wish;
  return {
    kind,
    metadata: { name, namespace, creationTimestamp: `2026-01-01T00:00:0${name.length % 10}Z` },
    spec: {
      parentRefs: [{ name: 'edge', namespace: 'shop', ...(sectionName === undefined ? {} : { sectionName }) }],
      ...(hostnames === undefined ? {} : { hostnames }),
      rules: [
        {
          ...(path === undefined ? {} : { matches: [{ path: { type: 'PathPrefix', value: path } }] }),
          backendRefs: [{ name: to, port: 80 }],
        },
      ],
    },
  };
}

function indexOf(
  routes: readonly HTTPRoute[],
  { certificate, grants = [] }: { certificate?: GatewayCertificate; grants?: readonly ReferenceGrant[] } = {
    certificate: { chainPem: 'chain', keyPem: 'key' },
  },
): GatewayIndex {
  const service = (name: string, namespace = 'shop'): Service => ({
    metadata: { name, namespace },
    spec: { clusterIP: '10.96.0.1', selector: { app: name }, ports: [{ name: 'http', port: 80 }] },
  });
  const namespaces: Readonly<Record<string, Namespace>> = {
    team: { metadata: { name: 'team', labels: { edge: 'yes' } } },
  };
  return {
    ...indexMesh({
      services: [service('web'), service('api'), service('web', 'team')],
      ...{ endpointSlices: [], pods: [], meshServices: [], trafficSplits: [], httpRoutes: [] },
      ...{ referenceGrants: grants, trustDomain: 'cluster.local' },
    }),
    gatewayClass: () => ({ metadata: { name: 'weft' }, spec: { controllerName: 'weft.dev/gateway' } }),
    namespace: (name) => namespaces[name],
    routesOfGateway: (key) =>
      routes.filter((each) => (each.spec.parentRefs ?? []).some((ref) => meansGateway(each, ref, key))),
    certificate: () => certificate,
  };
}

describe('hosts that a listener and a route have in common', () => {
  test.each<[string | undefined, string[] | undefined, string[]]>([
    [undefined, undefined, ['*']],
    ['a.example.com', undefined, ['a.example.com']],
    [undefined, ['a.example.com', 'B.example.com'], ['a.example.com', 'b.example.com']],
    [
      '*.example.com',
      ['a.example.com', 'a.b.example.com', 'example.com', 'a.example.org'],
      ['a.b.example.com', 'a.example.com'],
    ],
    ['a.example.com', ['*.example.com'], ['a.example.com']],
    ['*.example.com', ['*.a.example.com', '*.com'], ['*.a.example.com', '*.example.com']],
    ['a.example.com', ['b.example.com'], []],
  ])('%s and %j: %j', (listener, hostnames, expected) => {
    expect(commonHosts(listener, hostnames)).toEqual(expected);
  });
});

/** Of the first chain of a port: host → the clusters of its rules, in order. */
function hostsAt(edge: Gateway, index: GatewayIndex, port: number) {
  const chain = translateGateway(edge, index).ports.find((each) => each.port === port)?.chains[0];
  return (chain?.hosts ?? []).map(({ host, rules }) => [host, rules.map(({ backends }) => backends[0]?.cluster)]);
}

describe('what the proxies of a Gateway do', () => {
  test('is by host, the most exact first, whose rules come before those of hosts that have it among others', () => {
    const routes = [
      route('any', { path: '/any' }),
      route('every-shop', { hostnames: ['*.example.com'], to: 'api' }),
      route('one-shop', { hostnames: ['a.example.com'], path: '/a' }),
    ];
    expect(hostsAt(gateway(HTTP), indexOf(routes), 80)).toEqual([
      ['a.example.com', ['shop/web:80', 'shop/api:80', 'shop/web:80']],
      ['*.example.com', ['shop/api:80', 'shop/web:80']],
      ['*', ['shop/web:80']],
    ]);
  });

  test('is one chain for all plain listeners of a port, and one for each name that TLS is asked for', () => {
    const other = { ...HTTPS, name: 'other', hostname: 'example.org' };
    const plain = { ...HTTP, name: 'named', hostname: 'a.example.com' };
    const { ports } = translateGateway(gateway(HTTP, plain, HTTPS, other), indexOf([route('all')]));
    expect(ports.map(({ port, chains }) => [port, chains.map(({ name, serverNames }) => [name, serverNames])])).toEqual(
      [
        [80, [['80', []]]],
        [
          443,
          [
            ['https', ['*.example.com']],
            ['other', ['example.org']],
          ],
        ],
      ],
    );
    expect(certificatesOfGateway({ ports })).toEqual(['shop/cert']);
  });

  test('is to pass TLS through by name, the older of two routes first', () => {
    const tls: GatewayListener = { name: 'tls', port: 443, protocol: 'TLS', tls: { mode: 'Passthrough' } };
    const routes = [
      route('old', { kind: 'TLSRoute', hostnames: ['db.example.com'] }),
      route('newer', { kind: 'TLSRoute', hostnames: ['db.example.com', 'mq.example.com'], to: 'api' }),
    ];
    const [port] = translateGateway(gateway(tls), indexOf(routes)).ports;
    expect(port?.chains.map(({ protocol, serverNames, backends }) => [protocol, serverNames, backends])).toEqual([
      ['TLS', ['db.example.com'], [{ cluster: 'shop/web:80', weight: 1 }]],
      ['TLS', ['mq.example.com'], [{ cluster: 'shop/api:80', weight: 1 }]],
    ]);
  });

  test.each<[string, RouteWish, GatewayListener['allowedRoutes'], boolean]>([
    ['of the same namespace', {}, undefined, true],
    ['of another', { namespace: 'team' }, undefined, false],
    ['of all', { namespace: 'team' }, { namespaces: { from: 'All' } }, true],
    [
      'of those that are selected',
      { namespace: 'team' },
      { namespaces: { from: 'Selector', selector: { matchLabels: { edge: 'yes' } } } },
      true,
    ],
    ['of none', {}, { namespaces: { from: 'None' } }, false],
    ['of a kind', { kind: 'GRPCRoute' }, { kinds: [{ kind: 'GRPCRoute' }] }, true],
    ['of another kind', {}, { kinds: [{ kind: 'GRPCRoute' }] }, false],
    ['at this listener', { sectionName: 'http' }, undefined, true],
    ['at another', { sectionName: 'https' }, undefined, false],
  ])('takes routes in: %s', (_, wish, allowedRoutes, isIn) => {
    const listener = { ...HTTP, ...(allowedRoutes === undefined ? {} : { allowedRoutes }) };
    expect(hostsAt(gateway(listener, HTTPS), indexOf([route('one', wish)]), 80).length).toBe(isIn ? 1 : 0);
  });
});

describe('the status of a listener', () => {
  const grant: ReferenceGrant = {
    metadata: { name: 'certs', namespace: 'certs' },
    spec: {
      from: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', namespace: 'shop' }],
      to: [{ group: '', kind: 'Secret' }],
    },
  };
  const foreign = { ...HTTPS, tls: { certificateRefs: [{ name: 'cert', namespace: 'certs' }] } };

  test.each<[string, readonly GatewayListener[], Parameters<typeof indexOf>[1], string, string]>([
    ['another protocol', [{ ...HTTP, protocol: 'UDP' }], undefined, 'Accepted', 'UnsupportedProtocol'],
    ["a port of the proxy's", [{ ...HTTP, port: 15021 }], undefined, 'Accepted', 'PortUnavailable'],
    [
      'plain on the port of TLS',
      [{ ...HTTPS, port: 80, name: 'first' }, HTTP],
      undefined,
      'Conflicted',
      'ProtocolConflict',
    ],
    ['the same host again', [{ ...HTTPS, name: 'first' }, HTTPS], undefined, 'Conflicted', 'HostnameConflict'],
    ['no certificate', [{ ...HTTPS, tls: {} }], undefined, 'ResolvedRefs', 'InvalidCertificateRef'],
    ['one that is not there', [HTTPS], {}, 'ResolvedRefs', 'InvalidCertificateRef'],
    [
      'one that is none',
      [HTTPS],
      { certificate: { chainPem: '', keyPem: '', problem: 'it is not there' } },
      'ResolvedRefs',
      'InvalidCertificateRef',
    ],
    ['one of another namespace', [foreign], undefined, 'ResolvedRefs', 'RefNotPermitted'],
    [
      'a kind that it cannot carry',
      [{ ...HTTP, allowedRoutes: { kinds: [{ kind: 'TCPRoute' }] } }],
      undefined,
      'ResolvedRefs',
      'InvalidRouteKinds',
    ],
  ])('with %s says so', (_, listeners, facts, type, reason) => {
    const { listeners: statuses } = statusOf(gateway(...listeners), indexOf([], facts));
    const last = statuses.at(-1)?.conditions.find((condition) => condition.type === type);
    expect(last).toMatchObject({ reason, status: type === 'Conflicted' ? 'True' : 'False' });
  });

  test('with a certificate that another namespace grants is fine, and counts its routes', () => {
    const facts = { certificate: { chainPem: 'chain', keyPem: 'key' }, grants: [grant] };
    const { conditions, listeners } = statusOf(gateway(HTTP, foreign), indexOf([route('one')], facts));
    expect(conditions.map(({ type, status }) => `${type} ${status}`)).toEqual(['Accepted True', 'Programmed True']);
    expect(listeners.map(({ attachedRoutes }) => attachedRoutes)).toEqual([1, 1]);
    for (const { conditions: own } of listeners) {
      expect(own.map(({ type, status }) => `${type} ${status}`)).toEqual([
        ...['Accepted True', 'Conflicted False', 'Programmed True', 'ResolvedRefs True'],
      ]);
    }
  });
});

function statusOf(edge: Gateway, index: GatewayIndex) {
  return gatewayStatus(edge, {
    ...{ index, isSettled: true, now: NOW, addresses: [{ type: 'IPAddress', value: '192.0.2.1' }] },
    targets: [{ name: 'shop/edge-1', isReachable: true, wanted: 'v', acknowledged: 'v' }],
  });
}

test.each<[string, RouteWish, string, string]>([
  ['is in force', {}, 'True', 'Accepted'],
  ['names a listener that is not there', { sectionName: 'none' }, 'False', 'NoMatchingParent'],
  ['is not let in', { namespace: 'team' }, 'False', 'NotAllowedByListeners'],
  [
    'has no host of the listener',
    { sectionName: 'https', hostnames: ['a.org'] },
    'False',
    'NoMatchingListenerHostname',
  ],
])('a route that %s is told so, beside what others say of it', (_, wish, status, reason) => {
  const one = route('one', wish);
  const edge = gateway(HTTP, HTTPS);
  const index = indexOf([one]);
  const other = { parentRef: { name: 'edge' }, controllerName: 'example.com/other', conditions: [] };
  const gateways = { index, gatewayOf: () => edge, targetsOf: () => [] };
  const facts = { index, gateways, targetsOf: () => [], isSettled: true, now: NOW };
  const parents = httpRouteParents({ ...one, status: { parents: [other] } }, facts);
  expect(parents[0]).toBe(other);
  expect(parents[1]).toMatchObject({ controllerName: 'weft.dev/gateway' });
  expect(parents[1]?.conditions.find(({ type }) => type === 'Accepted')).toMatchObject({ status, reason });
});

describe('what Weft does not do', () => {
  test.each<[string, Partial<Gateway['spec']>, string]>([
    ['certificates of callers', { tls: {} }, 'UnsupportedValue'],
    ['fixed addresses', { addresses: [{}] }, 'UnsupportedAddress'],
    ['parameters', { infrastructure: { parametersRef: {} } }, 'InvalidParameters'],
    ['listeners of others', { allowedListeners: { namespaces: { from: 'All' } } }, 'UnsupportedValue'],
  ])('closes the Gateway that asks for it: %s', (_, more, reason) => {
    const edge = { ...gateway(HTTP), spec: { ...gateway(HTTP).spec, ...more } };
    const index = indexOf([route('one')]);
    expect(translateGateway(edge, index).ports).toEqual([]);
    const accepted = statusOf(edge, index).conditions.find(({ type }) => type === 'Accepted');
    expect(accepted).toMatchObject({ status: 'False', reason });
  });
});

test('what runs a Gateway goes with it, has the labels that it says, and no number of replicas of its own', () => {
  const edge = { ...gateway(HTTP), spec: { ...gateway(HTTP).spec, infrastructure: { labels: { team: 'a' } } } };
  const proxy = {
    ...{ image: 'envoy', uid: 1337, logLevel: 'warning', resources: {}, workers: 2, bootstrap: '{}' },
    ...{ ready: { port: 15021, path: '/ready' }, drain: { port: 15022, path: '/drain' } },
  };
  const { deployment, service, serviceAccount } = gatewayObjects(edge, [80], proxy);
  for (const { metadata } of [deployment, service, serviceAccount]) {
    expect(metadata).toMatchObject({ labels: { team: 'a' }, ownerReferences: [{ kind: 'Gateway', uid: 'g' }] });
  }
  expect(deployment.spec).not.toHaveProperty('replicas');
  expect(deployment.spec.template.metadata.labels).toMatchObject({ team: 'a', 'weft.dev/proxy': 'injected' });
  expect(service.spec.ports).toEqual([{ name: 'port-80', port: 80, targetPort: 80, protocol: 'TCP' }]);
});
