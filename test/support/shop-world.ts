import type { TrafficSplit } from '../../src/api/generated/trafficsplit.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import type { SmiTrafficSplit } from '../../src/api/smi.ts';
import type { MeshParts } from '../../src/cli/explain-call.ts';
import type { PolicyWorld } from '../../src/cli/explain.ts';
import { ofKind, parseManifests } from './manifests.ts';

/** A shop whose catalog is called by a split with three rules; some of it is broken. */
export const SHOP = `
apiVersion: v1
kind: Namespace
metadata: { name: shop }
---
apiVersion: v1
kind: Node
metadata: { name: node-1, labels: { topology.kubernetes.io/zone: a } }
status: { addresses: [{ type: InternalIP, address: 192.0.2.1 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: web, namespace: shop, uid: web, labels: { app: web, weft.dev/proxy: injected } }
spec: { nodeName: node-1, serviceAccountName: web, containers: [{ name: web }] }
status: { phase: Running, podIPs: [{ ip: 10.0.0.1 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: plain, namespace: shop, uid: plain, labels: { app: plain } }
spec: { nodeName: node-1, containers: [{ name: plain }] }
status: { phase: Running, podIPs: [{ ip: 10.0.0.2 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: catalog-a, namespace: shop, uid: a, labels: { app: catalog, version: v1, weft.dev/proxy: injected } }
spec: { nodeName: node-1, serviceAccountName: catalog, containers: [{ name: catalog }] }
status: { phase: Running, podIPs: [{ ip: 10.0.0.11 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: catalog-b, namespace: shop, uid: b, labels: { app: catalog, version: v2 } }
spec: { nodeName: node-1, containers: [{ name: catalog }] }
status: { phase: Running, podIPs: [{ ip: 10.0.0.12 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: catalog-c, namespace: shop, uid: c, labels: { app: catalog, version: v3, weft.dev/proxy: injected } }
spec: { nodeName: node-1, containers: [{ name: catalog }] }
status: { phase: Running, podIPs: [{ ip: 10.0.0.13 }] }
---
apiVersion: v1
kind: Service
metadata: { name: catalog, namespace: shop }
spec:
  clusterIP: 10.96.0.20
  clusterIPs: [10.96.0.20]
  selector: { app: catalog }
  ports: [{ name: web, port: 80, targetPort: 8080 }, { name: dns, port: 53, protocol: UDP }]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: catalog-1, namespace: shop, labels: { kubernetes.io/service-name: catalog } }
addressType: IPv4
ports: [{ name: web, protocol: TCP, port: 8080 }]
endpoints:
  - { addresses: [10.0.0.11], nodeName: node-1, zone: a, targetRef: { kind: Pod, namespace: shop, name: catalog-a, uid: a } }
  - { addresses: [10.0.0.12], nodeName: node-1, zone: b, targetRef: { kind: Pod, namespace: shop, name: catalog-b, uid: b } }
  - addresses: [10.0.0.13]
    conditions: { ready: false }
    nodeName: node-1
    targetRef: { kind: Pod, namespace: shop, name: catalog-c, uid: c }
---
apiVersion: weft.dev/v1alpha1
kind: MeshService
metadata: { name: catalog, namespace: shop }
spec:
  source: { service: { name: catalog } }
  ports: [{ port: 80, protocol: HTTP }]
  tls: { mode: Strict }
  subsets:
    - { name: v1, labels: { version: v1 } }
    - { name: v2, labels: { version: v2 } }
    - { name: v3, labels: { version: v3 } }
  loadBalancing: { zones: Prefer }
  timeouts: { requestMilliseconds: 5000 }
  rateLimit: { requestsPerSecond: 100 }
  connections: { maxRequests: 50 }
status:
  conditions:
    - { type: Programmed, status: 'False', reason: Pending, message: 1 of 2 proxies has it, lastTransitionTime: '' }
---
apiVersion: weft.dev/v1alpha1
kind: TrafficSplit
metadata: { name: catalog, namespace: shop }
spec:
  service: catalog
  port: 80
  rules:
    - matches: [{ path: { type: Prefix, value: /old } }]
      redirect: { prefix: /new, status: 301 }
    - matches:
        - { path: { type: Prefix, value: /v2 }, method: GET }
        - { headers: [{ name: x-canary, value: "yes" }] }
      backends: [{ subset: v2, weight: 60 }, { subset: v3, weight: 30 }, { subset: v4, weight: 10 }]
      rewrite: { prefix: / }
      mirrors: [{ subset: v1, percent: 10 }]
      timeoutMilliseconds: 250
      retry: { attempts: 2, when: [GatewayError, ConnectFailure], perTryTimeoutMilliseconds: 100 }
    - backends: [{ subset: v1 }]
status:
  conditions: [{ type: Programmed, status: 'True', reason: Programmed, message: '', lastTransitionTime: '' }]
---
apiVersion: weft.dev/v1alpha1
kind: MeshService
metadata: { name: api, namespace: shop }
spec:
  source: { static: { endpoints: [{ address: 198.51.100.7 }] } }
  hosts: [api.example.com]
  ports: [{ port: 443, protocol: TCP }]
`;

export function worldIn(text: string): PolicyWorld {
  const objects = parseManifests(text);
  const list = <T extends KubeObject>(kind: string) => ({ upserts: ofKind<T>(objects, kind) });
  return {
    objects: {
      ...{ pods: list('Pod'), namespaces: list('Namespace'), services: list('Service') },
      policies: list('NetworkPolicy'),
    },
    nodes: ofKind(objects, 'Node'),
    meshServices: ofKind(objects, 'MeshService'),
    nodeNetworks: [],
  };
}

export function partsIn(text: string): MeshParts {
  const objects = parseManifests(text);
  const isSmi = ({ apiVersion = '' }: KubeObject) => apiVersion.startsWith('split.smi-spec.io/');
  return {
    endpointSlices: ofKind(objects, 'EndpointSlice'),
    trafficSplits: ofKind<TrafficSplit>(objects, 'TrafficSplit').filter((split) => !isSmi(split)),
    smiSplits: ofKind<SmiTrafficSplit>(objects, 'TrafficSplit').filter(isSmi),
    routeGroups: ofKind(objects, 'HTTPRouteGroup'),
    httpRoutes: ofKind(objects, 'HTTPRoute'),
    referenceGrants: ofKind(objects, 'ReferenceGrant'),
  };
}
