import { expect, test } from '@jest/globals';
import { trimNode, trimObject, trimPod } from '../../src/kube/trim.ts';

const metadata = {
  name: 'web',
  namespace: 'shop',
  uid: 'u1',
  resourceVersion: '7',
  labels: { app: 'web' },
  annotations: { 'weft.dev/ip-pools': 'main', 'kubectl.kubernetes.io/last-applied-configuration': '{}' },
  managedFields: [{ manager: 'kubectl' }],
};
const kept = {
  name: 'web',
  namespace: 'shop',
  uid: 'u1',
  resourceVersion: '7',
  labels: { app: 'web' },
  annotations: { 'weft.dev/ip-pools': 'main' },
};

test('a pod is kept with what policy, addresses and mesh read of it, and nothing else', () => {
  const pod = {
    metadata,
    spec: {
      nodeName: 'n1',
      containers: [
        { name: 'main', image: 'x', env: [{ name: 'A', value: 'b' }], ports: [{ name: 'http', containerPort: 80 }] },
      ],
      initContainers: [{ name: 'proxy', restartPolicy: 'Always', volumeMounts: [], securityContext: { runAsUser: 7 } }],
      volumes: [{ name: 'v' }],
      tolerations: [{ operator: 'Exists' }],
    },
    status: { phase: 'Running' as const, podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }], containerStatuses: [{}] },
  };
  expect(trimPod(pod)).toEqual({
    metadata: kept,
    spec: {
      nodeName: 'n1',
      containers: [{ name: 'main', ports: [{ name: 'http', containerPort: 80 }] }],
      initContainers: [{ name: 'proxy', restartPolicy: 'Always', securityContext: { runAsUser: 7 } }],
    },
    status: { phase: 'Running', podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }] },
  });
});

test('a node is kept without its images, with its taints as they are', () => {
  const taints = [{ key: 'a', effect: 'NoSchedule', value: 'b', timeAdded: '2026-01-01T00:00:00Z' }];
  const addresses = [{ type: 'InternalIP', address: '192.0.2.1' }];
  const node = {
    metadata,
    spec: { taints, podCIDR: '10.0.0.0/24' },
    status: { addresses, images: [{ names: ['x'] }], conditions: [{ type: 'Ready', status: 'True', message: 'fine' }] },
  };
  expect(trimNode(node)).toEqual({
    metadata: kept,
    spec: { taints },
    status: { addresses, conditions: [{ type: 'Ready', status: 'True' }] },
  });
});

test('anything else loses its bookkeeping only', () => {
  expect(trimObject({ metadata, data: { a: 'b' } })).toEqual({ metadata: kept, data: { a: 'b' } });
});
