import {
  type AnyRef,
  type HeldResource,
  type NodeUpdate,
  refId,
  type Watermark,
} from '../../src/model/node/desired-update.ts';
import type { NodeStateSink } from '../../src/stream/agent-ports.ts';

interface Entry {
  readonly id: string;
  readonly held: HeldResource;
}

/** What nodes of this process were told last, by `refId`: nearly all of it is the same for all nodes, and kept once. */
const LATEST = new Map<string, Entry>();

/** Versions only: bodies are the agents' memory, which is not what is measured here. */
export class VersionsSink implements NodeStateSink {
  readonly #held = new Map<string, HeldResource>();
  readonly #onUpdate: (update: NodeUpdate) => void;
  #watermark: Watermark = {};
  isInStep = false;
  lastUpdateMs = 0;

  constructor(onUpdate: (update: NodeUpdate) => void) {
    this.#onUpdate = onUpdate;
  }

  async apply(update: NodeUpdate) {
    const { upserts, setPatches, removals, watermark, complete } = update;
    for (const resource of upserts) this.#keep(resource);
    for (const { key, toVersion } of setPatches) this.#keep({ kind: 'addressSet', key, version: toVersion });
    for (const ref of removals) this.#held.delete(refId(ref));
    this.#watermark = watermark;
    this.isInStep = complete;
    this.lastUpdateMs = Date.now();
    this.#onUpdate(update);
    return [];
  }

  get size(): number {
    return this.#held.size;
  }

  held(): Iterable<HeldResource> {
    return this.#held.values();
  }

  versionOf(ref: AnyRef): string | undefined {
    return this.#held.get(refId(ref))?.version;
  }

  watermark(): Watermark {
    return this.#watermark;
  }

  #keep({ kind, key, version }: HeldResource): void {
    const id = refId({ kind, key });
    const known = LATEST.get(id);
    const entry = known?.held.version === version ? known : { id, held: { kind, key, version } };
    LATEST.set(id, entry);
    this.#held.set(entry.id, entry.held);
  }
}
