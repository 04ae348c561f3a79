import { expect, test } from '@jest/globals';
import type { Service } from '../../../src/api/kubernetes.ts';
import type { SmiTrafficSplit } from '../../../src/api/smi.ts';
import { indexMesh, type MeshInput } from '../../../src/model/mesh/mesh-index.ts';
import { problemsOfSmiSplit } from '../../../src/model/mesh/smi-problems.ts';

const service = (name: string, portName = 'http'): Service => ({
  metadata: { name, namespace: 'shop' },
  spec: { clusterIP: '10.96.0.1', selector: { app: name }, ports: [{ name: portName, port: 80 }] },
});

function split(spec: Partial<SmiTrafficSplit['spec']>, name = 'web'): SmiTrafficSplit {
  return {
    metadata: { name, namespace: 'shop', uid: name, creationTimestamp: `2026-01-01T00:00:0${name.length}Z` },
    spec: { service: 'web', backends: [{ service: 'web-v1', weight: 1 }], ...spec },
  };
}

function problemsOf(one: SmiTrafficSplit, more: Partial<MeshInput> = {}): readonly string[] {
  const input: MeshInput = {
    ...{ services: [service('web'), service('web-v1')], endpointSlices: [], pods: [], meshServices: [] },
    ...{ trafficSplits: [], httpRoutes: [], referenceGrants: [], trustDomain: 'cluster.local', smiSplits: [one] },
    ...more,
  };
  const index = { ...indexMesh(input), routeGroup: () => undefined };
  return problemsOfSmiSplit(index, one).map(({ path, reason, message }) => `${path} ${reason} ${message}`);
}

test('a split that is in force has none', () => {
  expect(problemsOf(split({}))).toEqual([]);
  expect(problemsOf(split({ service: 'web.shop.svc.cluster.local' }))).toEqual([]);
});

test.each<[string, SmiTrafficSplit, Partial<MeshInput>, RegExp]>([
  ['a root that is not there', split({ service: 'none' }), {}, /^spec.service ServiceNotFound .*'shop\/none'/],
  ['a root of another namespace', split({ service: 'web.other' }), {}, /^spec.service UnsupportedValue .*'shop'/],
  ['a backend that is not there', split({ backends: [{ service: 'web-v9', weight: 1 }] }), {}, /web-v9.*\(port 80\)$/],
  [
    'a group that is not there',
    split({ matches: [{ name: 'phones' }] }),
    {},
    /^spec.matches\[0\].name .*'shop\/phones'/,
  ],
  ['an older split', split({}, 'web-again'), { smiSplits: [split({}), split({}, 'web-again')] }, /Conflict/],
])('%s is said', (_, one, more, expected) => {
  expect(problemsOf(one, more)).toEqual([expect.stringMatching(expected)]);
});
