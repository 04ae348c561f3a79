import { describe, expect, test } from '@jest/globals';
import { aimsAtService, type CallWish, explainServiceCall } from '../../src/cli/explain-call.ts';
import { httpRouteOf } from '../../src/model/mesh/grpc-route.ts';
import { renderCall } from '../../src/cli/render-call.ts';
import { partsIn, SHOP, worldIn } from '../support/shop-world.ts';

/** @param more further objects. */
function report(wish: Partial<CallWish> & { readonly to: string }, more = '', text = SHOP) {
  const objects = `${text}\n---\n${more}`;
  return explainServiceCall(worldIn(objects), partsIn(objects), { from: 'shop/web', protocol: 'TCP', ...wish });
}

const ROUTE = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: items, namespace: shop, creationTimestamp: 2020-01-01T00:00:00Z }
spec:
  parentRefs: [{ group: "", kind: Service, name: catalog }]
  rules:
    - matches: [{ path: { value: /items } }]
      backendRefs: [{ name: catalog, port: 80 }]
    - matches: [{ path: { type: Exact, value: /items/new } }]
      backendRefs: [{ name: gone, port: 80 }]
`;
const READERS = `
apiVersion: weft.dev/v1alpha1
kind: NetworkPolicy
metadata: { name: readers, namespace: shop }
spec:
  podSelector: { matchLabels: { version: v1 } }
  ingress: [{ action: Allow, http: [{ methods: [GET], paths: [{ prefix: /public }] }] }]
status: { conditions: [{ type: Programmed, status: 'False', reason: Pending, message: soon, lastTransitionTime: '' }] }
`;

test('the way of a request is told from the caller to the endpoints, with what is not as it should be', () => {
  const lines = renderCall(report({ to: 'shop/catalog:80', http: 'GET /v2/items', flag: 'UH' })).split('\n');
  expect(lines).toEqual([
    'shop/web (10.0.0.1) → Service shop/catalog:80, GET /v2/items: goes to shop/catalog:80|v2; 40 % of the calls fail',
    '',
    'Caller: shop/web (10.0.0.1), its proxy is /ns/shop/sa/web, in zone a.',
    'Called: Service shop/catalog, at 10.96.0.20. Port 80 speaks HTTP, says MeshService shop/catalog.',
    '',
    'Rules, in the order they are met:',
    '    RULE OF                                    ASKS FOR                                                        WHY NOT',
    '1   TrafficSplit shop/catalog, spec.rules[0]   path below /old                                     no match    path is /v2/items',
    '2   TrafficSplit shop/catalog, spec.rules[1]   path below /v2, method GET or header x-canary yes   DECIDES',
    '3   TrafficSplit shop/catalog, spec.rules[2]   every call                                          not asked',
    '',
    'TrafficSplit shop/catalog, spec.rules[1]: path becomes /items; 10 % of the calls are copied to shop/catalog:80|v1; timeout 250 ms; 2 retries on ConnectFailure, GatewayError, each try 100 ms.',
    'BACKEND              WEIGHT   SHARE   ENDPOINTS',
    'shop/catalog:80|v2   60       60 %    1',
    'shop/catalog:80|v3   30       30 %    0           answered with 503: it has no endpoint',
    'nothing              10       10 %    0           answered with 503: what it names is not there',
    '',
    "Endpoints of shop/catalog:80|v2: LeastRequest; those of the caller's zone first; 5 s for a connection; at most 50 open requests of one caller.",
    'ENDPOINT         POD              NODE     ZONE   CALLED BY   ITS SIDE',
    '10.0.0.12:8080   shop/catalog-b   node-1   b      plain       no proxy; policies allow it',
    '',
    "Endpoints of shop/catalog:80|v3: LeastRequest; those of the caller's zone first; 5 s for a connection; at most 50 open requests of one caller.",
    'ENDPOINT    POD              NODE   ZONE   CALLED BY    ITS SIDE',
    '10.0.0.11   shop/catalog-a   -      -      not called   it is not of subset v3: version=v3',
    '10.0.0.12   shop/catalog-b   -      -      not called   it is not of subset v3: version=v3',
    '10.0.0.13   shop/catalog-c   -      -      not called   it is not ready',
    '',
    'Not True:',
    'OBJECT                      CONDITION            REASON           MESSAGE',
    'MeshService shop/catalog    Programmed False     Pending          1 of 2 proxies has it',
    "TrafficSplit shop/catalog   ResolvedRefs False   SubsetNotFound   spec.rules[1].backends[2].subset must be a subset in the MeshService of 'shop/catalog'; there are v1, v2, v3, and not 'v4'",
    '',
    'Flag UH (NoHealthyUpstream): the backend that was drawn has no endpoint, or all of them are left out: answered with 503.',
    "Whose: the caller's proxy (access logs are of called pods' proxies: weft proxy config CALLER stats counts it).",
    'Here:',
    '  shop/catalog:80|v3, 30 % of the calls, has no endpoint (shop/catalog-a: it is not of subset v3: version=v3; shop/catalog-b: it is not of subset v3: version=v3; shop/catalog-c: it is not ready)',
    '  a backend that names nothing, 10 % of the calls',
    'Next: see why its pods are not ready, and the labels of the subset; weft proxy status shows whether the proxy has what it was told.',
  ]);
});

describe('a call', () => {
  test.each<[string, Partial<CallWish> & { to: string }, string, string]>([
    ['is redirected', { to: 'shop/catalog:80', http: 'GET /old/a?x=1' }, '', 'redirected with 301 to /new/a'],
    [
      'has no rule',
      { to: 'shop/catalog:80', http: 'GET /other' },
      ROUTE,
      'answered with 404: no rule is about the request',
    ],
    ['has a route, which is older', { to: 'shop/catalog:80', http: 'GET /items' }, ROUTE, 'goes to shop/catalog:80'],
    [
      'has a backend that is not there',
      { to: 'shop/catalog:80', http: 'GET /items/new' },
      ROUTE,
      'answered with 500: what it names is not there',
    ],
    ['depends', { to: 'shop/catalog:80' }, '', 'depends on the request: one of several rules decides'],
    [
      'past the mesh meets Strict',
      { from: 'shop/plain', to: 'shop/catalog:80' },
      '',
      'goes to shop/catalog:80; 1 of 2 endpoints refuse it',
    ],
    ['is let in by a policy', { to: 'shop/catalog:80', http: 'GET /public' }, READERS, 'goes to shop/catalog:80|v1'],
    [
      'is refused by a policy',
      { to: 'shop/catalog:80', http: 'POST /public' },
      READERS,
      'every endpoint refuses it: ingress of shop/catalog-a: policies select the pod, and no rule allows it',
    ],
    ['leads out of the cluster', { to: 'api.example.com:443' }, '', 'goes to shop/api.mesh:443'],
    [
      'to a service from elsewhere needs a proxy',
      { from: 'shop/plain', to: 'shop/api:443' },
      '',
      'goes nowhere: only pods with a proxy know a service from elsewhere',
    ],
    ["of UDP is the kernel's", { to: 'shop/catalog:53', protocol: 'UDP' }, '', 'refused: it has no endpoint'],
  ])('%s', (_, wish, more, result) => {
    expect(report(wish, more).result).toBe(result);
  });

  test.each([
    ['goes to shop/catalog:80', 'allow'],
    ['answered with 404: no rule is about the request', 'deny'],
  ])('that %s ends with verdict %s', (result, verdict) => {
    const http = verdict === 'allow' ? 'GET /items' : 'GET /other';
    expect(report({ to: 'shop/catalog:80', http }, ROUTE)).toMatchObject({ result, verdict });
  });

  test('is judged by policies as the called pod gets it', () => {
    const rule = SHOP.replace('rewrite: { prefix: / }', 'rewrite: { prefix: /public }').replace(
      'subset: v2',
      'subset: v1',
    );
    const of = (http: string) =>
      report({ to: 'shop/catalog:80', http }, READERS, rule).routes[0]?.backends[0]?.endpoints[0];
    expect(of('GET /v2/items')?.policy.isAllowed).toBe(true);
    expect(report({ to: 'shop/catalog:80', http: 'GET /items' }, READERS, rule).verdict).toBe('deny');
  });

  test('shows the policies that are not in force everywhere', () => {
    expect(report({ to: 'shop/catalog:80', http: 'GET /public' }, READERS).conditions).toContainEqual(
      expect.objectContaining({ object: 'NetworkPolicy shop/readers', type: 'Programmed', message: 'soon' }),
    );
  });

  test('shows what no operator has told of yet, as it may not be in force', () => {
    expect(report({ to: 'shop/catalog:80', http: 'GET /items' }, ROUTE).conditions).toContainEqual(
      expect.objectContaining({ object: 'HTTPRoute shop/items', type: 'Programmed', status: 'Unknown' }),
    );
  });

  test('does not show what concerns another port', () => {
    const other = `
apiVersion: weft.dev/v1alpha1
kind: TrafficSplit
metadata: { name: other, namespace: shop }
spec: { service: catalog, port: 81, rules: [{ backends: [{ subset: v1 }] }] }
`;
    const { conditions } = report({ to: 'shop/catalog:80', http: 'GET /' }, other);
    expect(conditions.map(({ object }) => object)).not.toContain('TrafficSplit shop/other');
  });

  test('is tried again as far as its method lets it', () => {
    const effects = (http: string) =>
      report({ to: 'shop/catalog:80', http, headers: ['X-Canary: yes'] }).routes[0]?.effects;
    expect(effects('POST /x')).toContain('2 retries on ConnectFailure, each try 100 ms, GatewayError not for POST');
    expect(effects('PUT /x')).toContain('2 retries on ConnectFailure, GatewayError, each try 100 ms');
  });

  test('shows who lost to an older object', () => {
    expect(report({ to: 'shop/catalog:80', http: 'GET /items' }, ROUTE).conditions).toContainEqual(
      expect.objectContaining({ object: 'TrafficSplit shop/catalog', type: 'Accepted', reason: 'Conflict' }),
    );
  });

  test('has the place of a rule in its route, however they are sorted', () => {
    const { rules } = report({ to: 'shop/catalog:80', http: 'GET /items' }, ROUTE);
    expect(rules.map(({ path, outcome }) => [path, outcome])).toEqual([
      ['spec.rules[1]', 'no match'],
      ['spec.rules[0]', 'decides'],
    ]);
  });

  test('has no place in the rules of an SMI split, which has none, and says what of it is not in force', () => {
    const smi = `
apiVersion: split.smi-spec.io/v1alpha4
kind: TrafficSplit
metadata: { name: old, namespace: shop, creationTimestamp: 2020-01-01T00:00:00Z }
spec: { service: catalog, backends: [{ service: catalog, weight: 1 }, { service: gone, weight: 1 }] }
`;
    const { rules, result, conditions } = report({ to: 'shop/catalog:80', http: 'GET /' }, smi);
    expect(rules).toEqual([
      { origin: 'TrafficSplit shop/old (split.smi-spec.io)', asks: 'every call', outcome: 'decides', why: '' },
    ]);
    expect(result).toBe('goes to shop/catalog:80; 50 % of the calls fail');
    expect(conditions).toContainEqual(
      expect.objectContaining({ object: 'TrafficSplit shop/old (split.smi-spec.io)', reason: 'ServiceNotFound' }),
    );
  });

  test('of gRPC is followed by its path', () => {
    const text = SHOP.replace('protocol: HTTP }', 'protocol: GRPC }');
    const route = httpRouteOf({
      metadata: { name: 'rpc', namespace: 'shop', creationTimestamp: '2020-01-01T00:00:00Z' },
      spec: {
        parentRefs: [{ group: '', kind: 'Service', name: 'catalog' }],
        rules: [
          { matches: [{ method: { service: 'Shop', method: 'Get' } }], backendRefs: [{ name: 'gone', port: 80 }] },
        ],
      },
    });
    const { result, rules } = explainServiceCall(
      worldIn(text),
      { ...partsIn(text), httpRoutes: [route] },
      { from: 'shop/web', to: 'shop/catalog:80', protocol: 'TCP', http: 'POST /Shop/Get' },
    );
    expect(rules[0]).toMatchObject({ origin: 'GRPCRoute shop/rpc', path: 'spec.rules[0]', outcome: 'decides' });
    expect(result).toBe('answered with 503: what it names is not there');
  });

  test('counts a pod of both families once', () => {
    const both = `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: catalog-2, namespace: shop, labels: { kubernetes.io/service-name: catalog } }
addressType: IPv6
ports: [{ name: web, protocol: TCP, port: 8080 }]
endpoints:
  - { addresses: ['fd00::11'], targetRef: { kind: Pod, namespace: shop, name: catalog-a, uid: a } }
  - { addresses: ['fd00::13'], conditions: { ready: false }, targetRef: { kind: Pod, namespace: shop, name: catalog-c, uid: c } }
`;
    const whole = SHOP.replace('backends: [{ subset: v1 }]', 'backends: [{ service: catalog }]');
    const [backend] = report({ to: 'shop/catalog:80', http: 'GET /' }, both, whole).routes[0]?.backends ?? [];
    expect(backend?.endpoints.map(({ pod }) => pod)).toEqual(['shop/catalog-a', 'shop/catalog-b']);
    expect(backend?.leftOut).toEqual([{ address: '10.0.0.13', pod: 'shop/catalog-c', why: 'it is not ready' }]);
  });

  test('asks those of its own zone first', () => {
    const text = renderCall(report({ to: 'shop/catalog:80', http: 'GET /' }));
    expect(text).toContain('node-1   a, first   mutual TLS with /ns/shop/sa/catalog   Strict, reads HTTP');
  });

  test('without a proxy says whether there should be one', () => {
    const asks = SHOP.replace('{ name: shop }', '{ name: shop, labels: { weft.dev/inject: enabled } }');
    const from = { from: 'shop/plain', to: 'shop/catalog:80' };
    expect(report(from, '', asks).past).toContain('though one is asked for');
    expect(report(from).past).not.toContain('though');
  });

  test('without a proxy gets what the kernel of its node has', () => {
    const local = SHOP.replace('clusterIP: 10.96.0.20\n', '$&  internalTrafficPolicy: Local\n').replaceAll(
      'nodeName: node-1, zone',
      'nodeName: node-2, zone',
    );
    const from = { from: 'shop/plain', to: 'shop/catalog:80' };
    expect(report(from, '', local).result).toBe("dropped: it has no endpoint on the caller's node");
    const ports = SHOP.replace('targetPort: 8080 }', 'targetPort: 8080, nodePort: 30080 }, { name: x, port: 30080 }');
    expect(report({ ...from, to: 'shop/catalog:30080' }, '', ports).result).toBe('refused: it has no endpoint');
    const headless = SHOP.replace('clusterIP: 10.96.0.20', 'clusterIP: None').replace('[10.96.0.20]', '[None]');
    expect(report({ to: 'shop/catalog:80' }, '', headless)).toMatchObject({
      past: expect.stringContaining('it has no address of its own'),
      result: 'goes to shop/catalog:80; 1 of 2 endpoints refuse it',
    });
  });

  test('gives the shares of empty backends to the others, where the split says so', () => {
    const { routes } = report(
      { to: 'shop/catalog:80', http: 'GET /v2' },
      '',
      SHOP.replace('  service: catalog\n', '  service: catalog\n  onNoEndpoints: Redistribute\n').replace(
        ', { subset: v4, weight: 10 }',
        '',
      ),
    );
    expect(routes[0]?.backends.map(({ percent }) => percent)).toEqual([100, 0]);
  });
});

describe('a target', () => {
  const POD = `
apiVersion: v1
kind: Pod
metadata: { name: catalog, namespace: shop, uid: same }
spec: { nodeName: node-1, containers: [] }
status: { phase: Running, podIPs: [{ ip: 10.0.0.99 }] }
`;

  test.each([
    ['shop/catalog:80', '', true],
    ['shop/catalog:80', POD, false],
    ['service/shop/catalog:80', POD, true],
    ['svc/shop/catalog:80', '', true],
    ['shop/catalog-a:8080', '', false],
    ['shop/api:443', '', true],
    ['10.96.0.20:80', '', true],
    ['10.0.0.11:8080', '', false],
    ['catalog:80', '', true],
    ['catalog.shop.svc.cluster.local:80', '', true],
    ['api.example.com:443', '', true],
    ['shop/nobody:80', '', false],
  ])('%s, with %#', (to, more, expected) => {
    expect(aimsAtService(worldIn(`${SHOP}\n---\n${more}`), { from: 'shop/web', to, protocol: 'TCP' })).toBe(expected);
  });

  test('that is a name is the host of the request', () => {
    const rule = SHOP.replace('name: x-canary, value: "yes"', 'name: host, value: catalog.shop');
    const of = (to: string) => report({ to, http: 'GET /' }, '', rule).rules[1]?.outcome;
    expect(of('catalog.shop:80')).toBe('decides');
    expect(of('shop/catalog:80')).toBe('no match');
  });

  test('is a headless service in the mesh by a name of `hosts`, and its pods by its own', () => {
    const text = SHOP.replace('clusterIP: 10.96.0.20', 'clusterIP: None')
      .replace('[10.96.0.20]', '[None]')
      .replace('tls: { mode: Strict }', 'hosts: [catalog.example.com]');
    expect(report({ to: 'catalog.example.com:80' }, '', text).past).toBeUndefined();
    expect(report({ to: 'catalog.shop:80' }, '', text).past).toContain('its names lead to its pods');
  });

  test.each([
    [{ from: 'shop/plain', to: 'api.example.com:443' }, "only pods that have a proxy know the name 'api.example.com'"],
    [{ to: 'shop/catalog:81' }, 'service shop/catalog has no TCP port 81; it has 80'],
    [{ to: 'gone.example.com:80' }, "there is no service 'gone.example.com' for pods of namespace 'shop'"],
    [{ to: 'service/shop/gone:80' }, "there is no service 'shop/gone'"],
    [{ to: 'shop/catalog:80', flag: 'XX' }, "Envoy has no flag 'XX' that is known here; there are UH, UF"],
    [{ to: 'shop/catalog:80', http: '/items' }, "a request is written as 'GET /path'"],
  ])('%j cannot be told, and why', (wish, message) => {
    expect(() => report(wish)).toThrow(message);
  });
});
