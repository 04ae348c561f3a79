import { objectKey, type KubeObject } from '../../api/meta.ts';
import type { EndpointsIr, ServiceIr } from '../node/ir.ts';
import type { Problem } from '../problem.ts';
import { translateEndpoints } from './endpoints.ts';
import { routeOrigin } from './http-route.ts';
import { indexMesh, type MeshIndex, type MeshInput, sourceServiceKey } from './mesh-index.ts';
import { problemsOfHttpRoute, problemsOfMeshService, problemsOfTrafficSplit } from './mesh-problems.ts';
import { translateService } from './service.ts';
import { splitOrigin } from './traffic-split.ts';

export interface Mesh {
  /** By `namespace/name`. */
  readonly services: ReadonlyMap<string, ServiceIr>;
  /** By cluster key, see `EndpointsIr`. */
  readonly endpoints: ReadonlyMap<string, EndpointsIr>;
  /** By `KIND namespace/name`; an entry for every object of Weft's mesh kinds, empty when nothing is wrong. */
  readonly problems: ReadonlyMap<string, readonly Problem[]>;
}

/**
 * The whole mesh from scratch. Every part depends on one key, so that whoever is told of a change may translate what
 * the key says only: `translateService` and `translateEndpoints` by Service, `problemsOf…` by object.
 */
export function compileMesh(input: MeshInput): Mesh {
  const index = indexMesh(input);
  const keys = [...new Set([...input.services.map(objectKey), ...input.meshServices.map(sourceServiceKey)])].sort();
  return {
    services: new Map(
      keys.flatMap((key) => {
        const service = translateService(index, key);
        return service === undefined ? [] : [[key, service] as const];
      }),
    ),
    endpoints: new Map(keys.flatMap((key) => [...translateEndpoints(index, key)])),
    problems: compileProblems(input, index),
  };
}

function compileProblems(input: MeshInput, index: MeshIndex): Mesh['problems'] {
  const entries: (readonly [string, readonly Problem[]])[] = [
    ...input.meshServices.map((mesh) => [meshServiceOrigin(mesh), problemsOfMeshService(index, mesh)] as const),
    ...input.trafficSplits.map((split) => [splitOrigin(split), problemsOfTrafficSplit(index, split)] as const),
    ...input.httpRoutes.map((route) => [routeOrigin(route), problemsOfHttpRoute(index, route)] as const),
  ];
  return new Map(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

export function meshServiceOrigin(mesh: KubeObject): string {
  return `MeshService ${objectKey(mesh)}`;
}
