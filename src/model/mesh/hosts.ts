import type { MeshService } from '../../api/generated/meshservice.ts';
import { objectKey } from '../../api/meta.ts';
import { REASON } from '../../api/reasons.ts';
import type { Problem } from '../problem.ts';
import { meshServiceFor, type MeshIndex, sourceServiceKey } from './mesh-index.ts';

/** The names that lead to the MeshService, sorted: its `hosts`, but for those that an older one has. */
export function hostsOf(index: MeshIndex, mesh: MeshService): readonly string[] {
  const key = objectKey(mesh);
  return (mesh.spec.hosts ?? []).filter((host) => ownerOf(index, mesh, host) === key).sort();
}

/** Names that lead elsewhere. */
export function problemsOfHosts(index: MeshIndex, mesh: MeshService): readonly Problem[] {
  return (mesh.spec.hosts ?? []).flatMap((host, position): Problem[] => {
    const owner = ownerOf(index, mesh, host);
    if (owner === undefined || owner === objectKey(mesh)) return [];
    const message = `must not be a name of another MeshService; ${owner} is older and has '${host}'`;
    return [{ path: `spec.hosts[${position}]`, reason: REASON.conflict, message }];
  });
}

/** Key of the oldest that has the name and counts for its service. */
function ownerOf(index: MeshIndex, { metadata }: MeshService, host: string): string | undefined {
  const candidates = index.meshServicesNamed(metadata.namespace ?? 'default', host);
  const counting = candidates.find((mesh) => meshServiceFor(index, sourceServiceKey(mesh)) === mesh);
  return counting === undefined ? undefined : objectKey(counting);
}
