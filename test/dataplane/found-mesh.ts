import type { MeshService, MeshServiceStatus } from '../../src/api/generated/meshservice.ts';
import type { Registries } from '../../src/discovery/registries.ts';
import { compileMesh } from '../../src/model/mesh/compile-mesh.ts';
import { mergeConditions } from '../../src/model/status/conditions.ts';
import { registryStatus } from '../../src/model/status/registry.ts';
import type { MeshLab } from './mesh-lab.ts';

/** What the operator makes of a MeshService whose endpoints are in a registry: its status, and what nodes are told. */
export class FoundMesh {
  status: MeshServiceStatus | undefined;
  readonly #lab: MeshLab;
  readonly #mesh: MeshService;
  readonly #watched: ReturnType<Registries['watch']>;

  constructor(lab: MeshLab, mesh: MeshService, registries: Registries) {
    this.#lab = lab;
    this.#mesh = mesh;
    this.#watched = registries.watch(mesh.spec.source, 'shop', () => this.#tell());
    this.#tell();
  }

  get condition() {
    return this.status?.conditions?.find(({ type }) => type === 'SourceReachable');
  }

  close(): void {
    this.#watched?.close();
  }

  #tell(): void {
    const mesh = { ...this.#mesh, ...(this.status === undefined ? {} : { status: this.status }) };
    const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
    const { condition, ...facts } = registryStatus(mesh, this.#watched?.state() ?? {}, now);
    const before = this.status?.conditions ?? [];
    this.status = { ...facts, conditions: mergeConditions(before, [condition], { observedGeneration: 1, now }) };
    const { services, endpoints } = compileMesh({
      ...{ services: [], endpointSlices: [], pods: [], trafficSplits: [], httpRoutes: [], referenceGrants: [] },
      meshServices: [{ ...this.#mesh, status: this.status }],
      trustDomain: 'cluster.local',
    });
    for (const [key, body] of endpoints) this.#lab.set('endpoints', key, body);
    for (const [key, body] of services) this.#lab.set('service', key, body);
  }
}
