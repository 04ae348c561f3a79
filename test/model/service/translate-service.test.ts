import { describe, expect, test } from '@jest/globals';
import type { RoutedService, RoutedSlice } from '../../../src/model/service/objects.ts';
import { translateServiceHealth, translateServiceRules } from '../../../src/model/service/translate-service.ts';
import { endpoint, HERE, service, slice, TERMINATING } from './services.ts';

const vips = (of: RoutedService, ...slices: RoutedSlice[]) => translateServiceRules(of, slices, HERE);
const places = (of: RoutedService, ...slices: RoutedSlice[]) =>
  vips(of, ...slices)[0]?.backends.map(({ address }) => address);
const zone = (name: string) => ({ hints: { forZones: [{ name }] } });
const node = (name: string) => ({ hints: { forNodes: [{ name }] } });

describe('which addresses a service answers on', () => {
  test('cluster IPs of both families, each with the endpoints of its own', () => {
    expect(vips(service(), slice(endpoint('fd00:42::2')), slice(endpoint('10.42.1.3'), endpoint('10.42.1.2')))).toEqual(
      [
        {
          port: 'http',
          family: 4,
          protocol: 'TCP',
          scope: 'internal',
          frontends: [{ address: '10.96.0.10', port: 80 }],
          backends: [
            { address: '10.42.1.2', port: 8080 },
            { address: '10.42.1.3', port: 8080 },
          ],
          pool: 'cluster',
          whenEmpty: 'reject',
          masquerade: 'hairpin',
        },
        expect.objectContaining({
          family: 6,
          frontends: [{ address: 'fd00:96::10', port: 80 }],
          backends: [{ address: 'fd00:42::2', port: 8080 }],
        }),
      ],
    );
  });

  test('node port, external IPs and load balancers from outside, masqueraded', () => {
    const spec = {
      type: 'LoadBalancer',
      clusterIPs: ['10.96.0.10'],
      externalIPs: ['198.51.100.7'],
      ports: [{ name: 'http', port: 80, nodePort: 30_080 }],
    };
    const [, external, ...rest] = vips(service(spec, ['203.0.113.5', '2001:db8::5']), slice(endpoint('10.42.1.2')));
    expect(rest).toEqual([]);
    expect(external).toMatchObject({ scope: 'external', masquerade: 'always', pool: 'cluster' });
    expect(external?.frontends).toEqual([
      { address: '198.51.100.7', port: 80 },
      { address: '203.0.113.5', port: 80 },
      { address: 'nodePort', port: 30_080 },
    ]);
  });

  test('a load balancer that is a proxy itself is not one of them', () => {
    const of = service({ type: 'LoadBalancer', clusterIPs: ['10.96.0.10'] });
    const status = { loadBalancer: { ingress: [{ ip: '203.0.113.5', ipMode: 'Proxy' as const }] } };
    expect(vips({ ...of, status })).toHaveLength(1);
  });

  test('source ranges hold for load balancers only, by family; hosts bits are cleared', () => {
    const spec = {
      type: 'LoadBalancer',
      ports: [{ name: 'http', port: 80, nodePort: 30_080 }],
      loadBalancerSourceRanges: ['192.0.2.9/24'],
    };
    const all = vips(service(spec, ['203.0.113.5', '2001:db8::5']));
    expect(all.map(({ frontends, sourceRanges }) => [frontends[0]?.address, sourceRanges])).toEqual([
      ['10.96.0.10', undefined],
      ['nodePort', undefined],
      ['203.0.113.5', ['192.0.2.0/24']],
      ['fd00:96::10', undefined],
      ['nodePort', undefined],
      ['2001:db8::5', []],
    ]);
  });

  test('of a service without an address yet nothing', () => {
    expect(vips(service({ clusterIPs: [] }), slice(endpoint('10.42.1.2')))).toEqual([]);
  });
});

describe('which endpoints are used', () => {
  test('ready ones; a condition that is not said is true', () => {
    const silent = { addresses: ['10.42.1.2'] };
    const unready = endpoint('10.42.1.3', { conditions: { ready: false } });
    expect(places(service(), slice(silent, unready))).toEqual(['10.42.1.2']);
  });

  test('terminating ones that still serve, only when none is ready', () => {
    const leaving = endpoint('10.42.1.2', { conditions: TERMINATING });
    const dead = endpoint('10.42.1.4', { conditions: { ready: false, serving: false, terminating: true } });
    expect(places(service(), slice(leaving, dead, endpoint('10.42.1.3')))).toEqual(['10.42.1.3']);
    expect(places(service(), slice(leaving, dead))).toEqual(['10.42.1.2']);
  });

  test('an endpoint of two slices once, and as ready when one of them says so', () => {
    const unready = endpoint('10.42.1.2', { conditions: { ready: false } });
    expect(places(service(), slice(unready), slice(endpoint('10.42.1.2')), slice(unready))).toEqual(['10.42.1.2']);
  });

  test('of the port with the same name and protocol only', () => {
    const other = { ...slice(endpoint('10.42.1.3')), ports: [{ name: 'http', protocol: 'UDP', port: 8080 }] };
    const named = { ...slice(endpoint('10.42.1.4')), ports: [{ name: 'admin', protocol: 'TCP', port: 8080 }] };
    expect(places(service(), other, named, slice(endpoint('10.42.1.2')))).toEqual(['10.42.1.2']);
  });
});

describe('hints of topology', () => {
  test('keep a connection in the zone', () => {
    const of = slice(endpoint('10.42.1.2', zone('a')), endpoint('10.42.2.2', zone('b')));
    expect(places(service(), of)).toEqual(['10.42.1.2']);
  });

  test('keep it on the node, before the zone', () => {
    const hints = (zoneName: string, nodeName: string) => ({
      hints: { ...zone(zoneName).hints, ...node(nodeName).hints },
    });
    const of = slice(endpoint('10.42.1.2', hints('a', 'here')), endpoint('10.42.1.3', hints('a', 'there')));
    expect(places(service(), of)).toEqual(['10.42.1.2']);
  });

  test.each([
    ['one ready endpoint has none', [endpoint('10.42.1.2', zone('a')), endpoint('10.42.2.2')]],
    ['none is for this zone', [endpoint('10.42.1.2', zone('b')), endpoint('10.42.2.2', zone('c'))]],
  ])('are not heard when %s', (_, endpoints) => {
    expect(places(service(), slice(...endpoints))).toHaveLength(2);
  });

  test('are not heard by a node without a zone', () => {
    const of = slice(endpoint('10.42.1.2', zone('a')), endpoint('10.42.2.2', zone('b')));
    expect(translateServiceRules(service(), [of], { name: 'here' })[0]?.backends).toHaveLength(2);
  });

  test('of endpoints that are not ready do not count', () => {
    const unready = endpoint('10.42.2.3', { conditions: { ready: false } });
    const of = slice(endpoint('10.42.1.2', zone('a')), endpoint('10.42.2.2', zone('b')), unready);
    expect(places(service(), of)).toEqual(['10.42.1.2']);
  });
});

describe('policy Local', () => {
  const mixed = slice(endpoint('10.42.1.2', { nodeName: 'here' }), endpoint('10.42.2.2'));
  const ports = [{ name: 'http', port: 80, nodePort: 30_080 }];

  test('of internal traffic: endpoints of this node only, and nothing is let elsewhere', () => {
    const local = service({ internalTrafficPolicy: 'Local' });
    expect(vips(local, mixed)[0]).toMatchObject({
      backends: [{ address: '10.42.1.2', port: 8080, isLocal: true }],
      pool: 'local',
    });
    expect(vips(local, slice(endpoint('10.42.2.2')))[0]).toMatchObject({ backends: [], whenEmpty: 'drop' });
    expect(vips(local)[0]).toMatchObject({ backends: [], whenEmpty: 'reject' });
  });

  test('of external traffic: the same, unmasqueraded; who calls from the node itself may go to the others too', () => {
    const local = service({ type: 'NodePort', externalTrafficPolicy: 'Local', ports, clusterIPs: ['10.96.0.10'] });
    const [internal, external] = vips(local, mixed);
    expect(internal?.backends).toHaveLength(2);
    expect(external).toMatchObject({ masquerade: 'hairpin', pool: 'local', whenEmpty: 'drop' });
    expect(external?.backends.map(({ address }) => address)).toEqual(['10.42.1.2']);
    expect(external?.ownCallers).toHaveLength(2);
  });

  test('counts a terminating endpoint of this node when no ready one is on it', () => {
    const leaving = endpoint('10.42.1.2', { nodeName: 'here', conditions: TERMINATING });
    const local = service({ internalTrafficPolicy: 'Local' });
    expect(places(local, slice(leaving, endpoint('10.42.2.2')))).toEqual(['10.42.1.2']);
  });
});

test('affinity by client has a timeout, three hours by default', () => {
  const of = (seconds?: number) =>
    vips(
      service({
        sessionAffinity: 'ClientIP',
        ...(seconds === undefined ? {} : { sessionAffinityConfig: { clientIP: { timeoutSeconds: seconds } } }),
      }),
    )[0]?.affinitySeconds;
  expect([of(), of(60), vips(service())[0]?.affinitySeconds]).toEqual([10_800, 60, undefined]);
});

describe('health of a load-balanced service', () => {
  const spec = { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 31_000 } as const;

  test('counts ready endpoints of this node, each pod once', () => {
    const of = (address: string, uid: string) => endpoint(address, { nodeName: 'here', targetRef: { uid } });
    const slices = [
      slice(of('10.42.1.2', 'a'), of('10.42.1.3', 'b'), endpoint('10.42.2.2')),
      slice(of('fd00:42::2', 'a'), endpoint('fd00:42::4', { nodeName: 'here', conditions: TERMINATING })),
    ];
    expect(translateServiceHealth(service(spec), slices, HERE)).toEqual({
      namespace: 'shop',
      name: 'cart',
      port: 31_000,
      localEndpoints: 2,
    });
  });

  test('is not asked with policy Cluster', () => {
    expect(translateServiceHealth(service({ ...spec, externalTrafficPolicy: 'Cluster' }), [], HERE)).toBeUndefined();
  });
});

test('the order of slices and endpoints does not show', () => {
  const [a, b, c] = [endpoint('10.42.1.2'), endpoint('10.42.1.10'), endpoint('10.42.2.2')];
  const [forth, back] = [vips(service(), slice(a, b), slice(c)), vips(service(), slice(c), slice(b, a))];
  expect(JSON.stringify(forth)).toBe(JSON.stringify(back));
  expect(forth[0]?.backends.map(({ address }) => address)).toEqual(['10.42.1.2', '10.42.1.10', '10.42.2.2']);
});
