import type { MeshService, MeshServiceSource } from '../../api/generated/meshservice.ts';
import { objectKey } from '../../api/meta.ts';
import type { StoreReader } from '../../kube/store.ts';
import type { SourceState } from '../../model/mesh/found-instance.ts';

/** What a registry says of one source. */
export interface WatchedSource {
  state(): SourceState;
  close(): void;
}

/** Undefined for a source that is found in no registry. @param changed called when `state` may answer differently. */
export type WatchSource = (
  source: MeshServiceSource,
  namespace: string,
  changed: () => void,
) => WatchedSource | undefined;

/** Follows, for every MeshService whose endpoints are in a registry, what that says of it. Only the leader does. */
export class FoundSources {
  readonly #watch: WatchSource;
  readonly #changed: (key: string) => void;
  readonly #watched = new Map<string, { readonly spec: string; readonly source: WatchedSource }>();
  readonly #stop: () => void;

  /** @param changed called with the key of a MeshService when `stateOf` may answer differently. */
  constructor(meshServices: StoreReader<MeshService>, watch: WatchSource, changed: (key: string) => void) {
    this.#watch = watch;
    this.#changed = changed;
    for (const mesh of meshServices.list()) this.#follow(objectKey(mesh), mesh);
    this.#stop = meshServices.onChange((key, _before, after) => this.#follow(key, after));
  }

  /** Undefined for a MeshService whose endpoints are in no registry. */
  stateOf(key: string): SourceState | undefined {
    return this.#watched.get(key)?.source.state();
  }

  close(): void {
    this.#stop();
    for (const { source } of this.#watched.values()) source.close();
    this.#watched.clear();
  }

  #follow(key: string, mesh: MeshService | undefined): void {
    const spec = JSON.stringify(mesh?.spec.source);
    const before = this.#watched.get(key);
    if (before?.spec === spec) return;
    // Opened first: what both are found in goes on without a new beginning.
    const source =
      mesh === undefined
        ? undefined
        : this.#watch(mesh.spec.source, mesh.metadata.namespace ?? 'default', () => this.#changed(key));
    before?.source.close();
    if (source === undefined) this.#watched.delete(key);
    else this.#watched.set(key, { spec, source });
  }
}
