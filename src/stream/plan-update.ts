import type { AnyRef, SetPatch, Watermark } from '../model/node/desired-update.ts';

/** What nodes should hold. `model/node/desired.ts` is one. All answers are of one moment. */
export interface DesiredSource {
  /** Everything up to here is known: of a list, an event or a bookmark, whichever is newest. */
  watermark(): Watermark;
  /** The newest objects that the state was computed from; never more than `watermark`. */
  contents(): Watermark;
  resourcesOf(node: string): readonly AnyRef[];
  /** Undefined: the node should not hold it. */
  version(node: string, ref: AnyRef): string | undefined;
  /** JSON text of the body, UTF-8. */
  encoded(node: string, ref: AnyRef): Uint8Array | undefined;
  /** Undefined when the node must be sent the whole set. */
  setPatch(node: string, key: string, fromVersion: string): SetPatch | undefined;
}

export interface EncodedResource extends AnyRef {
  readonly version: string;
  readonly body: Uint8Array;
}

export interface PlannedUpdate {
  readonly upserts: EncodedResource[];
  readonly setPatches: SetPatch[];
  readonly removals: AnyRef[];
  /** Those of the given references that need no further update. */
  readonly settled: AnyRef[];
}

/** A larger state is sent in several updates, each acknowledged before the next. */
export const UPDATE_LIMIT_BYTES = 1_000_000;

/** The version of a resource that the node holds. */
export interface Held {
  get(ref: AnyRef): string | undefined;
}

/**
 * The next step towards what the node should hold: as much as fits, at least one; removals, in reverse order, only once
 * nothing that is to be added is left. No more of `refs` is looked at than that takes.
 *
 * @param refs  what may differ between `held` and desired, referents before those who refer to them.
 */
export function planUpdate(
  node: string,
  refs: Iterable<AnyRef>,
  held: Held,
  desired: DesiredSource,
  limitBytes: number,
): PlannedUpdate {
  const plan: PlannedUpdate = { upserts: [], setPatches: [], removals: [], settled: [] };
  const surplus: AnyRef[] = [];
  let bytes = 0;
  const fits = (size: number) => {
    if (bytes > 0 && bytes + size > limitBytes) return false;
    bytes += size;
    return true;
  };
  for (const ref of refs) {
    const [version, has] = [desired.version(node, ref), held.get(ref)];
    if (version === undefined && has !== undefined) {
      surplus.push(ref);
      continue;
    }
    if (version !== undefined && version !== has) {
      const patch = patchFor(node, ref, has, desired);
      const body = patch === undefined ? desired.encoded(node, ref) : undefined;
      if (!fits(patch === undefined ? sizeOf(ref) + (body?.byteLength ?? 0) : sizeOfPatch(patch))) return plan;
      if (patch !== undefined) plan.setPatches.push(patch);
      else if (body !== undefined) plan.upserts.push({ ...ref, version, body });
    }
    plan.settled.push(ref);
  }
  for (const ref of surplus.reverse()) {
    if (!fits(sizeOf(ref))) return plan;
    plan.removals.push(ref);
    plan.settled.push(ref);
  }
  return plan;
}

function patchFor(node: string, ref: AnyRef, from: string | undefined, desired: DesiredSource): SetPatch | undefined {
  return ref.kind === 'addressSet' && from !== undefined ? desired.setPatch(node, ref.key, from) : undefined;
}

/** Kind, version and framing besides the key. */
const OVERHEAD_BYTES = 64;

function sizeOf(ref: AnyRef): number {
  return ref.key.length + OVERHEAD_BYTES;
}

function sizeOfPatch({ key, add, remove }: SetPatch): number {
  return [...add, ...remove].reduce((sum, member) => sum + member.length + 2, key.length + OVERHEAD_BYTES);
}
