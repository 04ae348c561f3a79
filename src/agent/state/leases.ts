import path from 'node:path';
import type { Clock } from '../../lib/clock.ts';
import { acknowledge, allocate, planBlocks, release, unacknowledged, withBlocks } from '../../model/ipam/lease.ts';
import { type LeaseEntry, parseJournalEntry } from '../../model/ipam/lease-journal.ts';
import { entriesOf, rebuild, replay } from '../../model/ipam/lease-replay.ts';
import { findLease, type Lease, type LeaseState } from '../../model/ipam/lease-state.ts';
import { hostInterfaceName } from '../../model/node/names.ts';
import type { Problem } from '../../model/problem.ts';
import type { LeaseBook, PodAttachment } from '../cni/attach.ts';
import type { Attachment } from '../cni/request.ts';
import { Journal } from './journal.ts';

/** This node's addresses: the pure lease table, with each change in the journal before it counts. */
export class NodeLeases implements LeaseBook {
  readonly #journal: Journal;
  readonly #clock: Clock;
  #state: LeaseState;

  /**
   * @param live what pods' own interfaces show, asked only when the journal is lost.
   * @param blocks of this node as last known.
   */
  constructor(folder: string, clock: Clock, blocks: readonly string[], live: () => readonly Lease[]) {
    const { journal, entries, lost } = Journal.open(path.join(folder, 'leases.journal'));
    this.#journal = journal;
    this.#clock = clock;
    const rebuilt = lost ? rebuild(blocks, live(), clock.now()) : undefined;
    if (rebuilt !== undefined) journal.rewrite(rebuilt);
    const known = rebuilt ?? entries.flatMap((entry) => parseJournalEntry(entry) ?? []);
    this.#state = withBlocks(replay(known, clock.now()), blocks);
  }

  setBlocks(blocks: readonly string[]): void {
    this.#state = withBlocks(this.#state, blocks);
  }

  /** Whether a further block should be asked for. */
  get needsBlock(): boolean {
    return planBlocks(this.#state, this.#clock.now()) > 0;
  }

  allocate(request: Attachment & { readonly podUid: string; readonly netns: string }): PodAttachment | Problem {
    const answer = allocate(this.#state, { ...request, nowMs: this.#clock.now() });
    if ('reason' in answer) return answer;
    this.#commit(answer.entries, answer.state);
    return attachmentOf(answer.lease);
  }

  release(attachment: Attachment): void {
    const { containerId, ifname } = attachment;
    const { state, entries } = release(this.#state, { containerId, ifname, nowMs: this.#clock.now() });
    this.#commit(entries, state);
  }

  find(attachment: Attachment): PodAttachment | undefined {
    const lease = findLease(this.#state, attachment);
    return lease === undefined ? undefined : attachmentOf(lease);
  }

  all(): readonly PodAttachment[] {
    return [...this.#state.leases.values()].map(attachmentOf);
  }

  /** Resting addresses that some node may still know by their last holder. */
  unacknowledged(): readonly string[] {
    return unacknowledged(this.#state);
  }

  acknowledge(addresses: readonly string[]): void {
    const { state, entries } = acknowledge(this.#state, addresses);
    this.#commit(entries, state);
  }

  #commit(entries: readonly LeaseEntry[], state: LeaseState): void {
    for (const entry of entries) this.#journal.append(entry);
    this.#state = state;
    if (this.#journal.isLong) this.#journal.rewrite(entriesOf(state));
  }
}

function attachmentOf({ podUid, containerId, ifname, netns = '', address }: Lease): PodAttachment {
  return { podUid, containerId, ifname, netns, address, hostInterface: hostInterfaceName(containerId, ifname) };
}
