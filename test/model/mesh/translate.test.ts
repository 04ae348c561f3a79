import { describe, expect, test } from '@jest/globals';
import type { MeshService, MeshServiceSpec } from '../../../src/api/generated/meshservice.ts';
import type { TrafficSplit } from '../../../src/api/generated/trafficsplit.ts';
import type { EndpointSlice, Pod, Service } from '../../../src/api/kubernetes.ts';
import { compileMesh } from '../../../src/model/mesh/compile-mesh.ts';
import { parseDuration } from '../../../src/model/mesh/duration.ts';
import { indexMesh, type MeshInput } from '../../../src/model/mesh/mesh-index.ts';
import { translatePodMesh } from '../../../src/model/mesh/pod-mesh.ts';
import { protocolOf } from '../../../src/model/mesh/protocol.ts';

type Ports = NonNullable<Service['spec']['ports']>;

function service(ports: Ports, more: Partial<Service['spec']> = {}): Service {
  return {
    metadata: { name: 'web', namespace: 'shop' },
    spec: { clusterIP: '10.96.0.20', selector: { app: 'web' }, ports, ...more },
  };
}

function meshService(more: Partial<MeshServiceSpec> = {}): MeshService {
  const spec = { source: { service: { name: 'web' } }, ports: [{ port: 80, protocol: 'HTTP' as const }], ...more };
  return { metadata: { name: 'web', namespace: 'shop' }, spec };
}

function pod(more: { spec?: Partial<Pod['spec']>; metadata?: Partial<Pod['metadata']> } = {}): Pod {
  return {
    metadata: {
      name: 'web-1',
      namespace: 'shop',
      uid: 'u1',
      labels: { app: 'web', 'weft.dev/proxy': 'injected' },
      ...more.metadata,
    },
    spec: { containers: [{ name: 'web' }], ...more.spec },
    status: { phase: 'Running', podIP: '10.244.0.5' },
  };
}

function input(more: Partial<MeshInput>): MeshInput {
  const nothing = {
    services: [],
    endpointSlices: [],
    pods: [],
    meshServices: [],
    trafficSplits: [],
    httpRoutes: [],
    referenceGrants: [],
  };
  return { ...nothing, trustDomain: 'cluster.local', ...more };
}

describe('protocolOf', () => {
  test.each([
    [{ port: 80 }, 'TCP'],
    [{ port: 80, name: 'http' }, 'HTTP'],
    [{ port: 80, name: 'http-web' }, 'HTTP'],
    [{ port: 80, name: 'https' }, 'TCP'],
    [{ port: 80, name: 'http2-web' }, 'HTTP2'],
    [{ port: 80, name: 'grpc' }, 'GRPC'],
    [{ port: 80, name: 'tcp-http' }, 'TCP'],
    [{ port: 80, name: 'tcp', appProtocol: 'kubernetes.io/h2c' }, 'HTTP2'],
    [{ port: 80, name: 'http', appProtocol: 'example.com/own' }, 'TCP'],
  ] as const)('%j is %s', (port, expected) => {
    expect(protocolOf(port, undefined)).toBe(expected);
  });

  test('a MeshService goes before everything that the Service says', () => {
    const mesh = meshService({ ports: [{ port: 80, protocol: 'GRPC' }] });
    expect(protocolOf({ port: 80, name: 'http', appProtocol: 'http' }, mesh)).toBe('GRPC');
    expect(protocolOf({ port: 81, name: 'http' }, mesh)).toBe('HTTP');
  });
});

describe('calls', () => {
  const web = service([{ name: 'http', port: 80 }]);

  function ruleOf(spec: Partial<MeshServiceSpec> | undefined) {
    const meshServices = spec === undefined ? [] : [meshService(spec)];
    return compileMesh(input({ services: [web], meshServices })).services.get('shop/web')?.ports[0]?.rules[0];
  }

  test('are tried again once, and only when nobody can have worked on them, unless somebody says otherwise', () => {
    expect(ruleOf(undefined)?.retry).toEqual({ attempts: 1, on: ['ConnectFailure', 'Refused'] });
    expect(ruleOf({})?.retry).toEqual({ attempts: 1, on: ['ConnectFailure', 'Refused'] });
    expect(ruleOf({ retry: { attempts: 3, when: ['GatewayError'], perTryTimeoutMilliseconds: 20 } })?.retry).toEqual({
      attempts: 3,
      perTryTimeoutMs: 20,
      on: ['GatewayError'],
    });
  });

  test('are not tried again when retry says 0', () => {
    expect(ruleOf({ retry: { attempts: 0 } })).not.toHaveProperty('retry');
  });

  test('have no time limit unless the MeshService has one', () => {
    expect(ruleOf({})).not.toHaveProperty('timeoutMs');
    expect(ruleOf({ timeouts: { requestMilliseconds: 700 } })?.timeoutMs).toBe(700);
  });

  test('that no rule of a split matches go to the service', () => {
    const split: TrafficSplit = {
      metadata: { name: 'web', namespace: 'shop' },
      spec: { service: 'web', port: 80, rules: [{ matches: [{ method: 'GET' }], backends: [{ weight: 1 }] }] },
    };
    const { services } = compileMesh(input({ services: [web], trafficSplits: [split] }));
    const rules = services.get('shop/web')?.ports[0]?.rules ?? [];
    expect(rules.map(({ origin }) => origin)).toEqual(['TrafficSplit shop/web', 'Service shop/web']);
    expect(rules[1]).toMatchObject({ matches: [], backends: [{ cluster: 'shop/web:80', weight: 1 }] });
  });

  test('to a headless Service pass by the mesh, but it can be a backend', () => {
    const { services, endpoints } = compileMesh(input({ services: [service([{ port: 80 }], { clusterIP: 'None' })] }));
    expect(services.size).toBe(0);
    expect([...endpoints.keys()]).toEqual(['shop/web:80']);
  });
});

describe('endpoints', () => {
  const slice: EndpointSlice = {
    metadata: { name: 'web-1', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
    endpoints: [{ addresses: ['10.244.0.5'], targetRef: { kind: 'Pod', name: 'web-1', namespace: 'shop', uid: 'u1' } }],
  };
  const services = [service([{ name: 'http', port: 80, targetPort: 'http' }])];

  function endpointsWith(behind: Pod | undefined) {
    const pods = behind === undefined ? [] : [behind];
    return compileMesh(input({ services, endpointSlices: [slice], pods })).endpoints.get('shop/web:80')?.endpoints;
  }

  test('have the identity of the pod behind them when that carries the proxy', () => {
    const spiffeId = 'spiffe://cluster.local/ns/shop/sa/default';
    expect(endpointsWith(pod())).toEqual([{ address: '10.244.0.5', port: 8080, spiffeId }]);
  });

  test.each([
    ['has no proxy', pod({ metadata: { labels: { app: 'web' } } })],
    ['is another one of the same name', pod({ metadata: { uid: 'u2' } })],
    ['is not known', undefined],
  ])('are called in plain text when the pod %s', (_, behind) => {
    expect(endpointsWith(behind)).toEqual([{ address: '10.244.0.5', port: 8080 }]);
  });
});

describe('translatePodMesh', () => {
  function podMesh(of: Pod, services: readonly Service[], meshServices: readonly MeshService[] = []) {
    return translatePodMesh(of, { index: indexMesh(input({ services, meshServices })), services, proxyUid: 1337 });
  }

  test('is nothing for a pod without the proxy', () => {
    expect(podMesh(pod({ metadata: { labels: { app: 'web' } } }), [])).toBeUndefined();
  });

  test('finds the ports that Services lead to, named ones too', () => {
    const containers = [{ name: 'web', ports: [{ name: 'web', containerPort: 8080 }] }];
    const ports: Ports = [
      { name: 'http', port: 80, targetPort: 'web' },
      { name: 'tcp', port: 90 },
      { name: 'gone', port: 91, targetPort: 'no' },
    ];
    expect(podMesh(pod({ spec: { containers } }), [service(ports)])?.inbound).toEqual([
      { port: 90, protocol: 'TCP', tlsMode: 'Permissive' },
      { port: 8080, protocol: 'HTTP', tlsMode: 'Permissive' },
    ]);
  });

  test('a port goes before its MeshService, and that before Permissive', () => {
    const ports: Ports = [
      { name: 'http', port: 80 },
      { name: 'http-open', port: 81 },
    ];
    const mesh = meshService({
      tls: { mode: 'Strict' },
      ports: [
        { port: 80, protocol: 'HTTP' },
        { port: 81, protocol: 'HTTP', tls: { mode: 'Permissive' } },
      ],
    });
    const result = podMesh(pod(), [service(ports)], [mesh]);
    expect(result?.inbound.map(({ port, tlsMode }) => [port, tlsMode])).toEqual([
      [80, 'Strict'],
      [81, 'Permissive'],
    ]);
    expect(result?.tlsMode).toBe('Strict');
  });

  test('two Services that disagree about a port make it Strict and TCP, in either order', () => {
    const other: Service = {
      ...service([{ name: 'grpc', port: 90, targetPort: 80 }]),
      metadata: { name: 'other', namespace: 'shop' },
    };
    const both = [service([{ name: 'http', port: 80 }]), other];
    const mesh = [meshService({ tls: { mode: 'Strict' } })];
    const expected = [{ port: 80, protocol: 'TCP', tlsMode: 'Strict' }];
    expect(podMesh(pod(), both, mesh)?.inbound).toEqual(expected);
    expect(podMesh(pod(), [...both].reverse(), mesh)?.inbound).toEqual(expected);
  });

  test('lists the ports of declared probes, of sidecars too, and not those of init containers', () => {
    const spec = {
      containers: [
        {
          name: 'web',
          ports: [{ name: 'health', containerPort: 9000 }],
          livenessProbe: { httpGet: { port: 'health' } },
          readinessProbe: { tcpSocket: { port: 8080 } },
          startupProbe: { grpc: { port: 7000 } },
        },
      ],
      initContainers: [
        { name: 'sidecar', restartPolicy: 'Always', startupProbe: { httpGet: { port: 6000 } } },
        { name: 'init', readinessProbe: { httpGet: { port: 5000 } } },
      ],
    };
    expect(podMesh(pod({ spec }), [])?.probePorts).toEqual([6000, 7000, 8080, 9000]);
  });
});

describe('parseDuration', () => {
  test.each([
    ['10s', 10_000],
    ['500ms', 500],
    ['1h30m', 5_400_000],
    ['0s', 0],
    ['1.5s', undefined],
    ['10', undefined],
    ['', undefined],
    ['s', undefined],
  ])('%s is %s ms', (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });
});
