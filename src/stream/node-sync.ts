import { refId, type AnyRef, type HeldResource, type Watermark } from '../model/node/desired-update.ts';
import { HeldVersions } from '../model/node/held-versions.ts';
import { OpenRefs } from './open-refs.ts';
import { planUpdate, type DesiredSource, type PlannedUpdate } from './plan-update.ts';
import { isBehind } from './watermark.ts';

export interface SequencedUpdate extends PlannedUpdate {
  readonly seq: number;
  /** What this replica knows everything up to, and what the content was computed from. */
  readonly watermark: Watermark;
  readonly contents: Watermark;
  readonly syncDone: boolean;
}

/** What an agent says became of an update, its own replica's or another's. */
export interface AckIr {
  /** The sequence number of this replica's update; undefined: another replica's. */
  readonly ownSeq: number | undefined;
  readonly applied: readonly HeldResource[];
  readonly removed: readonly AnyRef[];
  readonly failed: readonly AnyRef[];
}

/**
 * One connection to one node, without the wire: what the node holds, what may differ from what it should hold, and
 * what to send next. One update is in flight at a time; all that changes meanwhile is merged into the next one, made
 * from the state of that later moment.
 */
export class NodeSync {
  readonly #node: string;
  readonly #desired: DesiredSource;
  readonly #held: HeldVersions;
  /** What may differ. Kept only while primary; a new primary compares everything. */
  readonly #open = new OpenRefs();
  readonly #failed = new Map<string, AnyRef>();
  #isPrimary = false;
  /** What a claim must reach; undefined while somebody is primary, or a claim is under way. */
  #vacancy: Watermark | undefined;
  #owesSyncDone = false;
  #inFlight: number | undefined;
  #seq = 0;

  constructor(node: string, desired: DesiredSource, held: Iterable<HeldResource>) {
    this.#node = node;
    this.#desired = desired;
    this.#held = new HeldVersions(held);
  }

  get isPrimary(): boolean {
    return this.#isPrimary;
  }

  /** The agent's word on who is primary. */
  setPrimary(isPrimary: boolean, vacancy: Watermark | undefined): void {
    this.#vacancy = vacancy;
    if (isPrimary === this.#isPrimary) return;
    this.#isPrimary = isPrimary;
    this.#inFlight = undefined;
    this.#failed.clear();
    this.#open.clear();
    this.#owesSyncDone = isPrimary;
    if (!isPrimary) return;
    this.mark(this.#held.refs());
    this.mark(this.#desired.resourcesOf(this.#node));
  }

  /** The watermark to claim with, once for each vacancy, as soon as this replica has caught up with the node. */
  takeClaim(): Watermark | undefined {
    const watermark = this.#desired.watermark();
    if (this.#vacancy === undefined || isBehind(watermark, this.#vacancy)) return undefined;
    this.#vacancy = undefined;
    return watermark;
  }

  mark(refs: Iterable<AnyRef>): void {
    if (!this.#isPrimary) return;
    for (const ref of refs) this.#open.add(ref);
  }

  /** What to send now, if anything. @param limitBytes of one update; more than that is sent in several. */
  next(limitBytes: number): SequencedUpdate | undefined {
    if (!this.#isPrimary || this.#inFlight !== undefined) return undefined;
    if (this.#open.isEmpty && !this.#owesSyncDone) return undefined;
    const plan = planUpdate(this.#node, this.#open.inOrder(), this.#held, this.#desired, limitBytes);
    for (const ref of plan.settled) this.#open.delete(ref);
    const isEmpty = plan.upserts.length + plan.setPatches.length + plan.removals.length === 0;
    if (isEmpty && !this.#owesSyncDone) return undefined;
    const syncDone = this.#open.isEmpty;
    if (syncDone) this.#owesSyncDone = false;
    this.#seq += 1;
    this.#inFlight = this.#seq;
    return {
      ...plan,
      seq: this.#seq,
      watermark: this.#desired.watermark(),
      contents: this.#desired.contents(),
      syncDone,
    };
  }

  acknowledge({ ownSeq, applied, removed, failed }: AckIr): void {
    for (const resource of applied) this.#held.set(resource);
    for (const ref of removed) this.#held.delete(ref);
    for (const { kind, key } of failed) {
      const ref = { kind, key };
      // A version that nothing equals: whatever the node has of it, it is sent whole, or removed.
      this.#held.set({ ...ref, version: '' });
      if (this.#isPrimary) this.#failed.set(refId(ref), ref);
    }
    if (ownSeq !== undefined && ownSeq === this.#inFlight) this.#inFlight = undefined;
  }

  get hasFailed(): boolean {
    return this.#failed.size > 0;
  }

  /** Opens again what the node could not apply. */
  retryFailed(): void {
    this.mark(this.#failed.values());
    this.#failed.clear();
  }
}
