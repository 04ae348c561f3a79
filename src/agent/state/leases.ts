import path from 'node:path';
import type { Clock } from '../../lib/clock.ts';
import { acknowledge, allocate, planBlocks, release, unacknowledged, withBlocks } from '../../model/ipam/lease.ts';
import { type LeaseEntry, parseJournalEntry } from '../../model/ipam/lease-journal.ts';
import { entriesOf, rebuild, replay } from '../../model/ipam/lease-replay.ts';
import { applyEntry, findLease, type Lease, leaseKey, type LeaseState } from '../../model/ipam/lease-state.ts';
import { hostInterfaceName, POD_INTERFACE_PREFIX } from '../../model/node/names.ts';
import type { Problem } from '../../model/problem.ts';
import type { Allocation, LeaseBook, PodAttachment } from '../cni/attach.ts';
import type { Attachment } from '../cni/request.ts';
import { Journal } from './journal.ts';

const UNKNOWN_POD = 'unknown/';
/** IFNAMSIZ less the terminator: container ids are longer. */
const HOST_INTERFACE_LENGTH = 15;

/** This node's addresses: the pure lease table, with each change in the journal. */
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

  allocate(request: Attachment & { readonly podUid: string; readonly netns: string }): Allocation | Problem {
    const answer = allocate(this.#state, { ...request, nowMs: this.#clock.now() });
    if ('reason' in answer) return answer;
    const written = this.#write(answer.entries, answer.state);
    return { attachment: attachmentOf(answer.lease), written };
  }

  release(attachment: Attachment): void {
    const { containerId, ifname } = this.find(attachment) ?? attachment;
    const { state, entries } = release(this.#state, { containerId, ifname, nowMs: this.#clock.now() });
    this.#commit(entries, state);
  }

  /** A lease that was rebuilt from a live interface is found by that interface's name: its container is not known. */
  find({ containerId, ifname }: Attachment): PodAttachment | undefined {
    const rebuilt = { containerId: hostInterfaceName(containerId, ifname), ifname };
    const lease = findLease(this.#state, { containerId, ifname }) ?? findLease(this.#state, rebuilt);
    return lease === undefined ? undefined : attachmentOf(lease);
  }

  /** Gives rebuilt leases to the pods that the API knows at their addresses; returns those that found their pod. */
  adopt(pods: Iterable<{ readonly uid: string; readonly address?: string }>): readonly PodAttachment[] {
    const orphans = [...this.#state.leases.values()].filter(({ podUid }) => podUid.startsWith(UNKNOWN_POD));
    if (orphans.length === 0) return [];
    const byAddress = new Map([...pods].map(({ uid, address = '' }) => [address, uid]));
    return orphans.flatMap((orphan) => {
      const podUid = byAddress.get(orphan.address);
      if (podUid === undefined || this.#state.leases.has(leaseKey({ podUid, ifname: orphan.ifname }))) return [];
      const { containerId, ifname } = orphan;
      const entries: LeaseEntry[] = [
        { op: 'release', containerId, ifname, atMs: this.#clock.now() },
        { op: 'lease', ...orphan, podUid },
      ];
      this.#commit(entries, entries.reduce(applyEntry, this.#state));
      return [attachmentOf({ ...orphan, podUid })];
    });
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

  /** For changes that a crash may undo: what is released, or forgotten, is found again. */
  #commit(entries: readonly LeaseEntry[], state: LeaseState): void {
    this.#write(entries, state).catch(() => undefined);
  }

  /** The state counts for this process at once; it survives it when the promise resolves. */
  async #write(entries: readonly LeaseEntry[], state: LeaseState): Promise<void> {
    this.#state = state;
    if (entries.length === 0) return;
    const written = this.#journal.append(entries);
    if (this.#journal.isLong) this.#journal.rewrite(entriesOf(state));
    await written;
  }
}

/** A lease as a live interface shows it: whose it is has to be found out. */
export function rebuiltLease(hostInterface: string, address: string): Lease {
  return { podUid: `${UNKNOWN_POD}${hostInterface}`, ifname: 'eth0', containerId: hostInterface, address };
}

function attachmentOf({ podUid, containerId, ifname, netns = '', address }: Lease): PodAttachment {
  const isRebuilt = containerId.startsWith(POD_INTERFACE_PREFIX) && containerId.length === HOST_INTERFACE_LENGTH;
  const hostInterface = isRebuilt ? containerId : hostInterfaceName(containerId, ifname);
  return { podUid, containerId, ifname, netns, address, hostInterface };
}
