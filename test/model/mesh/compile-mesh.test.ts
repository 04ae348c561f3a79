import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { compileMesh } from '../../../src/model/mesh/compile-mesh.ts';
import type { MeshInput } from '../../../src/model/mesh/mesh-index.ts';
import { expectGolden, goldenCases, goldenInput } from '../../support/golden.ts';
import type { TrafficSplit } from '../../../src/api/generated/trafficsplit.ts';
import type { KubeObject } from '../../../src/api/meta.ts';
import type { SmiTrafficSplit } from '../../../src/api/smi.ts';
import type { GRPCRoute, HTTPRoute } from '../../../src/api/kubernetes.ts';
import { httpRouteOf } from '../../../src/model/mesh/grpc-route.ts';
import { ofKind, parseManifests } from '../../support/manifests.ts';

const DIR = path.join(import.meta.dirname, 'compile-mesh');

function meshInput(text: string, isReversed = false): MeshInput {
  const objects = isReversed ? parseManifests(text).reverse() : parseManifests(text);
  return {
    services: ofKind(objects, 'Service'),
    endpointSlices: ofKind(objects, 'EndpointSlice'),
    pods: ofKind(objects, 'Pod'),
    meshServices: ofKind(objects, 'MeshService'),
    trafficSplits: ofKind<TrafficSplit>(objects, 'TrafficSplit').filter((split) => !isSmi(split)),
    smiSplits: ofKind<SmiTrafficSplit>(objects, 'TrafficSplit').filter(isSmi),
    routeGroups: ofKind(objects, 'HTTPRouteGroup'),
    referenceGrants: ofKind(objects, 'ReferenceGrant'),
    httpRoutes: [
      ...ofKind<HTTPRoute>(objects, 'HTTPRoute'),
      ...ofKind<GRPCRoute>(objects, 'GRPCRoute').map(httpRouteOf),
    ],
    trustDomain: 'cluster.local',
  };
}

function isSmi({ apiVersion = '' }: KubeObject): boolean {
  return apiVersion.startsWith('split.smi-spec.io/');
}

function plain(mesh: ReturnType<typeof compileMesh>) {
  const { services, endpoints, problems } = mesh;
  return {
    services: Object.fromEntries(services),
    endpoints: Object.fromEntries(endpoints),
    problems: Object.fromEntries(problems),
  };
}

describe('compileMesh', () => {
  test.each(goldenCases(DIR))('%s', (name) => {
    const input = meshInput(goldenInput(DIR, name));
    const before = structuredClone(input);
    expectGolden(DIR, name, plain(compileMesh(input)));
    expect(input).toEqual(before);
  });

  test.each(goldenCases(DIR))('%s, with its objects in another order', (name) => {
    const text = goldenInput(DIR, name);
    expect(compileMesh(meshInput(text, true))).toEqual(compileMesh(meshInput(text)));
  });
});
