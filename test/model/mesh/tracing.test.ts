import { describe, expect, test } from '@jest/globals';
import type { MeshServiceSpec } from '../../../src/api/generated/meshservice.ts';
import type { Pod, Service } from '../../../src/api/kubernetes.ts';
import { indexMesh, type MeshInput } from '../../../src/model/mesh/mesh-index.ts';
import { problemsOfMeshService } from '../../../src/model/mesh/mesh-problems.ts';
import { translatePodMesh } from '../../../src/model/mesh/pod-mesh.ts';
import { translateService } from '../../../src/model/mesh/service.ts';
import { tracingOf } from '../../../src/model/mesh/tracing.ts';

const service = (name: string, appProtocol = 'http'): Service => ({
  metadata: { name, namespace: 'shop' },
  spec: { clusterIP: '10.96.0.1', selector: { app: name }, ports: [{ name: 'main', port: 80, appProtocol }] },
});
const pod = (name: string): Pod => ({
  metadata: { name, namespace: 'shop', labels: { app: name, 'weft.dev/proxy': 'injected' } },
  spec: { containers: [] },
});
const mesh = (telemetry: NonNullable<MeshServiceSpec['telemetry']>) => ({
  metadata: { name: 'web', namespace: 'shop' },
  spec: { source: { service: { name: 'web' } }, ports: [], telemetry },
});

function world(more: Partial<MeshInput> = {}): MeshInput {
  return {
    services: [service('web'), service('db', 'tcp'), service('collector')],
    ...{ endpointSlices: [], pods: [], meshServices: [], trafficSplits: [], httpRoutes: [], referenceGrants: [] },
    ...{ trustDomain: 'cluster.local', tracing: tracingOf('shop/collector:80', 5), ...more },
  };
}

/** As the caller's proxy is told, and the called pod's own. */
function tracesOf(name: string, input: MeshInput) {
  const index = indexMesh(input);
  const own = translatePodMesh(pod(name), { index, services: input.services, proxyUid: 1337 });
  return [translateService(index, `shop/${name}`)?.ports[0]?.traces, own?.inbound[0]?.traces];
}

describe('who tells of calls', () => {
  const told = { collector: 'shop/collector:80', percent: 5 };

  test.each<[string, string, MeshInput, object | undefined]>([
    ['of HTTP', 'web', world(), told],
    [
      'as its MeshService says',
      'web',
      world({ meshServices: [mesh({ tracing: { percent: 0 } })] }),
      { ...told, percent: 0 },
    ],
    ['of a MeshService that says nothing of it', 'web', world({ meshServices: [mesh({ accessLog: {} })] }), told],
    ['not of TCP', 'db', world(), undefined],
    ['not of the collector, which would tell of the telling', 'collector', world(), undefined],
    ['not without a collector', 'web', { ...world(), tracing: undefined } as never, undefined],
  ])('%s', (_, name, input, expected) => {
    expect(tracesOf(name, input)).toEqual([expected, expected]);
  });
});

test('a MeshService that speaks of traces where there is no collector is told so', () => {
  const one = mesh({ tracing: { percent: 1 } });
  const { tracing: _, ...without } = world({ meshServices: [one] });
  expect(problemsOfMeshService(indexMesh(without), one).map(({ path }) => path)).toEqual(['spec.telemetry.tracing']);
  expect(problemsOfMeshService(indexMesh(world({ meshServices: [one] })), one)).toEqual([]);
});
