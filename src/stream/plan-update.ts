import type { AnyRef, SetPatch, Watermark } from '../model/node/desired-update.ts';
import { RESOURCE_ORDER } from '../model/node/ir.ts';

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
 * The next step towards what the node should hold: referents before those who refer to them, as much as fits, at least
 * one; removals, in reverse order, only once nothing that is to be added is left.
 *
 * @param refs  what may differ between `held` and desired.
 */
export function planUpdate(
  node: string,
  refs: Iterable<AnyRef>,
  held: Held,
  desired: DesiredSource,
  limitBytes: number,
): PlannedUpdate {
  const plan: PlannedUpdate = { upserts: [], setPatches: [], removals: [], settled: [] };
  let bytes = 0;
  const fits = (size: number) => {
    if (bytes > 0 && bytes + size > limitBytes) return false;
    bytes += size;
    return true;
  };
  const { lacking, surplus } = compare(node, refs, held, desired, plan.settled);
  for (const ref of lacking.sort(byOrder)) {
    const patch = patchFor(node, ref, held, desired);
    const body = patch === undefined ? desired.encoded(node, ref) : undefined;
    const version = desired.version(node, ref);
    if (!fits(patch === undefined ? sizeOf(ref) + (body?.byteLength ?? 0) : sizeOfPatch(patch))) return plan;
    if (patch !== undefined) plan.setPatches.push(patch);
    else if (body !== undefined && version !== undefined) plan.upserts.push({ ...ref, version, body });
    plan.settled.push(ref);
  }
  for (const ref of surplus.sort((a, b) => byOrder(b, a))) {
    if (!fits(sizeOf(ref))) return plan;
    plan.removals.push(ref);
    plan.settled.push(ref);
  }
  return plan;
}

function compare(
  node: string,
  refs: Iterable<AnyRef>,
  held: Held,
  desired: DesiredSource,
  same: AnyRef[],
): { readonly lacking: AnyRef[]; readonly surplus: AnyRef[] } {
  const lacking: AnyRef[] = [];
  const surplus: AnyRef[] = [];
  for (const ref of refs) {
    const [wanted, has] = [desired.version(node, ref), held.get(ref)];
    if (wanted === has) same.push(ref);
    else if (wanted !== undefined) lacking.push(ref);
    else surplus.push(ref);
  }
  return { lacking, surplus };
}

function patchFor(node: string, ref: AnyRef, held: Held, desired: DesiredSource): SetPatch | undefined {
  const from = held.get(ref);
  return ref.kind === 'addressSet' && from !== undefined ? desired.setPatch(node, ref.key, from) : undefined;
}

const RANK: ReadonlyMap<string, number> = new Map(RESOURCE_ORDER.map((kind, index) => [kind, index]));

/** Kinds that this version does not know are only ever removed, and last. */
function byOrder(a: AnyRef, b: AnyRef): number {
  const ranks = (RANK.get(a.kind) ?? -1) - (RANK.get(b.kind) ?? -1);
  return ranks !== 0 ? ranks : a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}

/** Kind, version and framing besides the key. */
const OVERHEAD_BYTES = 64;

function sizeOf(ref: AnyRef): number {
  return ref.key.length + OVERHEAD_BYTES;
}

function sizeOfPatch({ key, add, remove }: SetPatch): number {
  return [...add, ...remove].reduce((sum, member) => sum + member.length + 2, key.length + OVERHEAD_BYTES);
}
