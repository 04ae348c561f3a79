import { describe, expect, test } from '@jest/globals';
import type { MeshService, MeshServiceSpec } from '../../../src/api/generated/meshservice.ts';
import type { Pod, Service } from '../../../src/api/kubernetes.ts';
import { callPolicy } from '../../../src/model/mesh/call-policy.ts';
import { indexMesh, type MeshInput } from '../../../src/model/mesh/mesh-index.ts';
import { problemsOfMeshService } from '../../../src/model/mesh/mesh-problems.ts';
import { translatePodMesh } from '../../../src/model/mesh/pod-mesh.ts';
import { translateSending } from '../../../src/model/mesh/sending.ts';

function meshService(more: Partial<MeshServiceSpec>, name = 'web'): MeshService {
  return {
    metadata: { name, namespace: 'shop' },
    spec: { source: { service: { name } }, ports: [{ port: 80, protocol: 'HTTP' }], ...more },
  };
}

function service(name: string, portName: string): Service {
  const ports = [{ name: portName, port: 80, targetPort: 8080 }];
  return { metadata: { name, namespace: 'shop' }, spec: { clusterIP: '10.96.0.1', selector: { app: 'web' }, ports } };
}

function indexOf(services: readonly Service[], meshServices: readonly MeshService[]) {
  const input: MeshInput = {
    ...{
      endpointSlices: [],
      pods: [],
      trafficSplits: [],
      httpRoutes: [],
      referenceGrants: [],
      trustDomain: 'cluster.local',
    },
    ...{ services, meshServices },
  };
  return indexMesh(input);
}

const everything: Partial<MeshServiceSpec> = {
  loadBalancing: { policy: 'RingHash', hash: { by: 'Header', name: 'x' }, sessionCookie: { name: 'a' } },
  connections: { max: 1, maxPendingRequests: 1, maxRequests: 1, maxRequestsPerConnection: 1, idleMilliseconds: 1 },
  healthCheck: {},
  rateLimit: { requestsPerSecond: 1 },
  outlierDetection: {},
};

describe('how calls are sent', () => {
  test('is left to Envoy where a MeshService says nothing of it', () => {
    expect(translateSending('HTTP', undefined)).toEqual({});
    expect(translateSending('HTTP', meshService({}))).toEqual({});
    expect(callPolicy('TCP', meshService({}))).toEqual({});
  });

  test('is said to need HTTP where every port of the Service is TCP, field by field', () => {
    const mesh = meshService({ ...everything, ports: [{ port: 80, protocol: 'TCP' }] });
    const problems = problemsOfMeshService(indexOf([service('web', 'http')], [mesh]), mesh);
    expect(problems.map(({ path, reason }) => `${path} ${reason}`)).toEqual([
      'spec.loadBalancing.hash.by NeedsHttp',
      'spec.loadBalancing.sessionCookie NeedsHttp',
      'spec.connections.maxRequests NeedsHttp',
      'spec.connections.maxRequestsPerConnection NeedsHttp',
      'spec.connections.idleMilliseconds NeedsHttp',
      'spec.healthCheck NeedsHttp',
      'spec.rateLimit NeedsHttp',
    ]);
  });

  test('is understood where one port of the Service speaks HTTP', () => {
    const mesh = meshService(everything);
    expect(problemsOfMeshService(indexOf([service('web', 'http')], [mesh]), mesh)).toEqual([]);
  });

  test('goes by the source address on TCP too, and by nothing else there', () => {
    const hash = (by: 'SourceAddress' | 'Query') =>
      meshService({ loadBalancing: { policy: 'Maglev', hash: by === 'Query' ? { by, name: 'q' } : { by } } });
    expect(callPolicy('TCP', hash('SourceAddress'))).toEqual({ hash: { by: 'SourceAddress' } });
    expect(callPolicy('TCP', hash('Query'))).toEqual({});
  });

  test('asks the health service of gRPC ports, and a path of others', () => {
    const mesh = meshService({ healthCheck: { path: '/healthz' } });
    expect(translateSending('GRPC', mesh).healthCheck).not.toHaveProperty('path');
    expect(translateSending('HTTP2', mesh).healthCheck).toMatchObject({ path: '/healthz' });
    expect(translateSending('TCP', mesh)).toEqual({});
  });
});

describe('the rate limit of a port of a pod', () => {
  const pod: Pod = {
    metadata: { name: 'web-1', namespace: 'shop', labels: { app: 'web', 'weft.dev/proxy': 'injected' } },
    spec: { containers: [{ name: 'web' }] },
  };

  function limitOf(services: readonly Service[], meshServices: readonly MeshService[]) {
    const index = indexOf(services, meshServices);
    return translatePodMesh(pod, { index, services, proxyUid: 1337 })?.inbound[0]?.rateLimit;
  }

  const web = service('web', 'http');
  const slow = meshService({ rateLimit: { requestsPerSecond: 10 } });

  test('lets as many through at once as a second has, unless burst says otherwise', () => {
    expect(limitOf([web], [slow])).toEqual({ requestsPerSecond: 10, burst: 10 });
    const rateLimit = { requestsPerSecond: 10, burst: 3 };
    expect(limitOf([web], [meshService({ rateLimit })])).toEqual(rateLimit);
  });

  test('is the lower one of two Services that lead to it, in either order', () => {
    const both = [web, service('other', 'http')];
    const meshes = [slow, meshService({ rateLimit: { requestsPerSecond: 20, burst: 5 } }, 'other')];
    expect(limitOf(both, meshes)).toEqual({ requestsPerSecond: 10, burst: 5 });
    expect(limitOf([...both].reverse(), meshes)).toEqual({ requestsPerSecond: 10, burst: 5 });
  });

  test('is none where two Services make the port TCP', () => {
    expect(limitOf([web, service('other', 'tcp')], [slow])).toBeUndefined();
    expect(limitOf([service('other', 'tcp'), web], [slow])).toBeUndefined();
  });
});
