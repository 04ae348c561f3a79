import { WEFT_API_VERSION } from '../../src/api/kinds.ts';

export const NAMESPACE = 'crds';

export interface Good {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  /** Absent for a kind that people do not write. */
  readonly spec?: object;
  readonly status?: object;
}

const selector = {
  matchLabels: { app: 'web' },
  matchExpressions: [{ key: 'tier', operator: 'In', values: ['front', 'back'] }],
};
const pods = { podSelector: selector, namespaceSelector: selector, serviceAccount: { name: 'web' } };
const ports = [{ protocol: 'UDP', port: 8000, endPort: 8010 }];
const headerChanges = {
  set: [{ name: 'x-version', value: 'v2' }],
  add: [{ name: 'x-way', value: '' }],
  remove: ['x-secret'],
};
const proxies = { targeted: 4, acknowledged: 2, rejected: 1, unreachable: 1 };

function conditions(type: string): object[] {
  const lastTransitionTime = '2026-01-01T00:00:00Z';
  return [{ type, status: 'True', observedGeneration: 1, lastTransitionTime, reason: 'Fine', message: 'it is fine' }];
}

/** Of each kind one that has every field but those of `OTHER_FORMS`. */
export const GOOD: Readonly<Record<string, Good>> = {
  IPPool: {
    apiVersion: WEFT_API_VERSION,
    kind: 'IPPool',
    metadata: { name: 'good' },
    spec: {
      cidr: '10.244.0.0/16',
      blockSize: 26,
      encapsulation: 'VXLANCrossSubnet',
      assignment: 'Automatic',
      borrowing: 'Disabled',
      nodeSelector: selector,
      namespaceSelector: selector,
      reserved: ['10.244.0.0/28', '10.244.255.0/24'],
      natOutgoing: true,
      natOutgoingExcept: ['192.168.0.0/16'],
      podNetwork: 'Macvlan',
      macvlan: { parent: 'eth1', gateway: '10.244.0.1' },
      disabled: true,
    },
    status: { capacity: 64_512, allocated: 7, blocks: 3, conditions: conditions('Ready') },
  },
  IPBlock: {
    apiVersion: WEFT_API_VERSION,
    kind: 'IPBlock',
    metadata: { name: '10-244-0-64-26' },
    spec: {
      ...{ cidr: '10.244.0.64/26', poolName: 'good', poolUid: 'p-1', nodeName: 'node-1', nodeUid: 'n-1' },
      lender: 'node-2',
    },
  },
  BGPConfiguration: {
    apiVersion: WEFT_API_VERSION,
    kind: 'BGPConfiguration',
    metadata: { name: 'default' },
    spec: {
      asNumber: 4_200_000_000,
      nodeMesh: true,
      reflectors: { nodeSelector: selector, clusterID: '10.0.0.1' },
      listenPort: 1790,
      gracefulRestartSeconds: 60,
      communities: [{ value: '64512:100', cidrs: ['10.244.0.0/16', 'fd00:10:244::/64'] }, { value: '4200000000:1:2' }],
      advertise: {
        pools: selector,
        clusterIPs: ['10.96.0.0/12', 'fd00:10:96::/112'],
        externalIPs: ['198.51.100.0/24'],
        loadBalancerIPs: ['203.0.113.7/32'],
      },
    },
  },
  BGPPeer: {
    apiVersion: WEFT_API_VERSION,
    kind: 'BGPPeer',
    metadata: { name: 'good' },
    spec: {
      nodeSelector: selector,
      peerAddress: '192.0.2.254',
      asNumber: 65_001,
      port: 1790,
      ebgpMultihop: 2,
      passwordSecret: { name: 'bgp', key: 'rack-a' },
    },
    status: { sessions: 3, established: 2, conditions: conditions('Accepted') },
  },
  NodeNetwork: {
    apiVersion: WEFT_API_VERSION,
    kind: 'NodeNetwork',
    metadata: { name: 'good' },
    status: {
      address: '192.0.2.1',
      tunnelAddresses: ['10.244.0.64', 'fd00:10:244::40'],
      podMTU: 1450,
      blocks: ['10.244.0.64/26', 'fd00:10:244::40/122'],
      versions: { agent: '0.1.0', kernel: '6.1.0' },
      peerFaults: [{ node: 'other', family: 4, fault: 'TooSmall' }],
      bgp: {
        asNumber: 64_512,
        sessions: [
          {
            address: '192.0.2.254',
            peer: 'rack-a',
            asNumber: 65_001,
            state: 'Established',
            since: '2026-01-01T00:00:00Z',
            imported: 1,
            exported: 2,
            message: 'Socket: Connection refused',
          },
        ],
      },
      conditions: conditions('Ready'),
    },
  },
  NetworkPolicy: {
    apiVersion: WEFT_API_VERSION,
    kind: 'NetworkPolicy',
    metadata: { name: 'good', namespace: NAMESPACE },
    spec: {
      priority: 100,
      mode: 'Enforce',
      connections: { ingress: { max: 100, newPerSecond: 50 }, egress: { max: 10, newPerSecond: 5 } },
      bandwidth: { ingress: '2.5G', egress: '500k' },
      establishedConnections: 'Keep',
      podSelector: selector,
      ingress: [{ action: 'Allow', from: [pods], ports }],
      egress: [{ action: 'Deny', to: [pods], ports }],
    },
    status: { selectedPods: 5, nodes: { targeted: 2, programmed: 1, failed: 1 }, conditions: conditions('Programmed') },
  },
  MeshService: {
    apiVersion: WEFT_API_VERSION,
    kind: 'MeshService',
    metadata: { name: 'good', namespace: NAMESPACE },
    spec: {
      source: { service: { name: 'web' } },
      hosts: ['web.example.com'],
      ports: [{ port: 80, protocol: 'HTTP', tls: { mode: 'Strict' } }],
      subsets: [{ name: 'v1', labels: { version: 'v1' } }],
      loadBalancing: {
        policy: 'RingHash',
        hash: { by: 'Cookie', name: 'seat', cookieTtlSeconds: 0 },
        sessionCookie: { name: 'place', ttlSeconds: 3_600 },
        panicThresholdPercent: 0,
        zones: 'Prefer',
      },
      timeouts: { requestMilliseconds: 5_000, idleMilliseconds: 60_000, connectMilliseconds: 500 },
      retry: { attempts: 3, perTryTimeoutMilliseconds: 1_000, when: ['GatewayError'], budgetPercent: 20 },
      connections: {
        max: 100,
        maxPendingRequests: 50,
        maxRequests: 200,
        maxRequestsPerConnection: 1_000,
        idleMilliseconds: 30_000,
      },
      outlierDetection: {
        consecutiveErrors: 3,
        consecutiveGatewayErrors: 2,
        intervalMilliseconds: 5_000,
        ejectionMilliseconds: 20_000,
        maxEjectedPercent: 30,
      },
      healthCheck: {
        path: '/healthz?full=1',
        intervalMilliseconds: 2_000,
        timeoutMilliseconds: 500,
        healthyThreshold: 1,
        unhealthyThreshold: 2,
      },
      rateLimit: {
        requestsPerSecond: 100,
        burst: 200,
        rules: [
          { path: { type: 'Prefix', value: '/search' }, method: 'GET', requestsPerSecond: 10, burst: 20 },
          { source: { namespace: 'shop', serviceAccount: 'batch' }, requestsPerSecond: 1 },
        ],
      },
      telemetry: {
        accessLog: { minStatus: 500, slowerThanMilliseconds: 1000, percent: 50 },
        tracing: { percent: 10 },
      },
      tls: { mode: 'Strict' },
    },
    status: {
      endpoints: { total: 6, known: 7 },
      found: {
        for: 'Eureka application CATALOG',
        endpoints: [{ address: '192.0.2.7', port: 8080, weight: 2, zone: 'a', labels: { version: 'v2' } }],
      },
      proxies,
      conditions: conditions('Programmed'),
    },
  },
  TrafficSplit: {
    apiVersion: WEFT_API_VERSION,
    kind: 'TrafficSplit',
    metadata: { name: 'good', namespace: NAMESPACE },
    spec: {
      service: 'web',
      port: 80,
      rules: [
        {
          matches: [
            {
              path: { type: 'Prefix', value: '/api' },
              method: 'GET',
              headers: [{ name: 'x-canary', type: 'Regex', value: 'y(es)?', not: true }],
              cookies: [{ name: 'beta', type: 'Prefix', value: 'y', not: true }],
              query: [{ name: 'preview', type: 'Present' }],
              source: { namespace: 'front', serviceAccount: 'web.front' },
            },
          ],
          backends: [{ service: 'web-v2', subset: 'v2', port: 8080, weight: 10 }],
          timeoutMilliseconds: 2_000,
          retry: { attempts: 2, perTryTimeoutMilliseconds: 500, when: ['Refused'] },
          stickiness: { cookie: 'version', ttlSeconds: 3_600 },
          mirrors: [{ service: 'web-v3', subset: 'v3', port: 8081, percent: 5 }],
          rewrite: { path: '/all', host: 'web.internal:8080' },
          fault: { delay: { milliseconds: 100, percent: 1 }, abort: { status: 503, percent: 0 } },
          requestHeaders: headerChanges,
          responseHeaders: headerChanges,
        },
      ],
      onNoEndpoints: 'Redistribute',
    },
    status: {
      proxies,
      backends: [{ service: 'web', subset: 'v1', port: 80, percent: 90 }],
      conditions: conditions('Programmed'),
    },
  },
};

/** Of IPv6; with the block of the same family beside it. */
export const GOOD_IPV6: Readonly<Record<'IPPool' | 'IPBlock', Good>> = {
  IPPool: {
    apiVersion: WEFT_API_VERSION,
    kind: 'IPPool',
    metadata: { name: 'good6' },
    spec: { cidr: 'fd00:10:244::/64', blockSize: 122, reserved: ['fd00:10:244::/112'] },
  },
  IPBlock: {
    apiVersion: WEFT_API_VERSION,
    kind: 'IPBlock',
    metadata: { name: 'fd00-10-244--40-122' },
    spec: { cidr: 'fd00:10:244::40/122', poolName: 'good6', poolUid: 'p-6', nodeName: 'node-1', nodeUid: 'n-1' },
  },
};

const outside = { ipBlock: { cidr: '192.0.2.0/24', except: ['192.0.2.128/25'] } };

const icmp = [{ protocol: 'ICMP', icmp: { type: 8, code: 0 } }];
const service = { service: { name: 'web', namespace: 'shop' } };

/** Specs of what has forms that exclude each other: with `GOOD`, every field of every kind is there. */
export const OTHER_FORMS: Readonly<Record<string, readonly object[]>> = {
  MeshService: [
    {
      source: { service: { name: 'web' } },
      ports: [{ port: 80, protocol: 'HTTP' }],
      loadBalancing: { policy: 'RoundRobin', slowStartSeconds: 30 },
    },
    {
      source: { service: { name: 'web' } },
      ports: [{ port: 80, protocol: 'HTTP' }],
      loadBalancing: { policy: 'Maglev', hash: { by: 'SourceAddress' } },
    },
    {
      source: {
        static: {
          endpoints: [{ address: '192.0.2.7', port: 8081, weight: 2, zone: 'a', labels: { version: 'v1' } }],
        },
      },
      ports: [{ port: 80, targetPort: 8080, protocol: 'HTTP' }],
    },
    { source: { dns: { name: 'db.example.com' } }, ports: [{ port: 5432, protocol: 'TCP' }] },
    {
      source: {
        eureka: {
          application: 'CATALOG',
          serviceUrls: ['http://eureka-1.example.com:8761/eureka', 'https://eureka-2.example.com/eureka/'],
          credentialsSecret: { name: 'eureka' },
          caBundle: '-----BEGIN CERTIFICATE-----\n',
        },
      },
      ports: [{ port: 80, protocol: 'HTTP' }],
      subsets: [{ name: 'v2', labels: { version: 'v2' } }],
    },
    {
      source: {
        consul: {
          ...{ service: 'catalog', address: 'https://consul.example.com:8501', datacenter: 'dc2', tags: ['primary'] },
          ...{ tokenSecret: { name: 'consul' }, caBundle: '-----BEGIN CERTIFICATE-----\n' },
        },
      },
      ports: [{ port: 80, targetPort: 8080, protocol: 'HTTP' }],
    },
  ],
  TrafficSplit: [
    {
      service: 'web',
      port: 80,
      rules: [
        {
          matches: [{ path: { type: 'Regex', value: '/v[0-9]+/(items|carts)/.*' } }],
          redirect: { scheme: 'https', host: 'web.example', port: 8443, path: '/new', status: 308 },
        },
      ],
    },
    { service: 'web', port: 80, rules: [{ respond: { status: 410, body: 'gone' } }] },
    { service: 'web', port: 80, rules: [{ rewrite: { prefix: '/v2' }, backends: [{}] }] },
  ],
  BGPPeer: [{ nodeSelector: selector, peerSelector: selector, passwordSecret: { name: 'bgp' } }],
  NetworkPolicy: [
    {
      ingress: [{ action: 'Allow', from: [outside] }],
      egress: [{ action: 'Reject', to: [outside] }],
    },
    {
      ingress: [{ action: 'Pass', from: [service], ports: icmp }],
      egress: [{ action: 'Pass', to: [service], ports: icmp }],
    },
    {
      ingress: [
        {
          action: 'Deny',
          ports: [{ protocol: 'TCP', port: 80 }],
          http: [{ methods: ['GET'], paths: [{ exact: '/a' }], headers: [{ name: 'x-a', value: '1' }] }],
        },
      ],
    },
    { ingress: [{ action: 'Allow', http: [{ paths: [{ prefix: '/b' }] }] }] },
  ],
};

/** Of each kind the least that is taken, and what is stored of it. */
export const LEAST: Readonly<Record<string, { readonly spec: object; readonly stored: object }>> = {
  IPPool: {
    spec: { cidr: '10.244.0.0/16' },
    stored: {
      cidr: '10.244.0.0/16',
      encapsulation: 'VXLAN',
      assignment: 'Automatic',
      borrowing: 'Enabled',
      natOutgoing: true,
      podNetwork: 'Routed',
      disabled: false,
    },
  },
  BGPConfiguration: {
    spec: {},
    stored: { asNumber: 64_512, nodeMesh: true, listenPort: 179, gracefulRestartSeconds: 120 },
  },
  BGPPeer: {
    spec: { peerAddress: '2001:db8::fe', asNumber: 65_001, passwordSecret: { name: 'bgp' } },
    stored: { peerAddress: '2001:db8::fe', asNumber: 65_001, passwordSecret: { name: 'bgp', key: 'password' } },
  },
  NetworkPolicy: {
    spec: { ingress: [{ action: 'Allow', ports: [{ port: 80 }] }] },
    stored: {
      priority: 500,
      mode: 'Enforce',
      establishedConnections: 'Reevaluate',
      ingress: [{ action: 'Allow', ports: [{ port: 80, protocol: 'TCP' }] }],
    },
  },
  MeshService: {
    spec: { source: { service: { name: 'web' } }, ports: [{ port: 80, protocol: 'TCP' }] },
    stored: {
      source: { service: { name: 'web' } },
      ports: [{ port: 80, protocol: 'TCP' }],
      loadBalancing: { policy: 'LeastRequest' },
      retry: { attempts: 1, when: ['ConnectFailure', 'Refused'] },
      tls: { mode: 'Permissive' },
    },
  },
  TrafficSplit: {
    spec: { service: 'web', port: 80, rules: [{ backends: [{ subset: 'v1' }] }] },
    stored: { service: 'web', port: 80, rules: [{ backends: [{ subset: 'v1', weight: 1 }] }] },
  },
};
