import path from 'node:path';
import type { Clock } from '../../lib/clock.ts';
import type { Family } from '../../lib/ip.ts';
import type { RestingAddress } from '../../model/ipam/inspection.ts';
import {
  acknowledge,
  allocate,
  closeBlock,
  needsBlock,
  type NoAddress,
  release,
  spareBlocks,
  unacknowledged,
  withBlocks,
} from '../../model/ipam/lease.ts';
import { type LeaseEntry, parseJournalEntry } from '../../model/ipam/lease-journal.ts';
import {
  endLoans,
  learnLost,
  lend,
  type LendAnswer,
  type Loan,
  type LoansAnswer,
  proposeLoan,
} from '../../model/ipam/loan.ts';
import { entriesOf, rebuild, replay } from '../../model/ipam/lease-replay.ts';
import {
  applyEntry,
  attachmentKey,
  findLeases,
  keyOfLease,
  type LeasableBlock,
  type Lease,
  type LeaseState,
} from '../../model/ipam/lease-state.ts';
import { hostInterfaceName, POD_INTERFACE_PREFIX } from '../../model/node/names.ts';
import { isPlain, type PodWiring } from '../../model/node/pod-wiring.ts';
import type { Allocation, LeaseBook, LeaseWish, PodAttachment } from '../cni/attach.ts';
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
  constructor(folder: string, clock: Clock, blocks: readonly LeasableBlock[], live: () => readonly Lease[]) {
    const { journal, entries, lost } = Journal.open(path.join(folder, 'leases.journal'));
    this.#journal = journal;
    this.#clock = clock;
    const cidrs = blocks.map(({ cidr }) => cidr);
    const rebuilt = lost ? rebuild(cidrs, live(), clock.now()) : undefined;
    if (rebuilt !== undefined) journal.rewrite(rebuilt);
    const known = rebuilt ?? entries.flatMap((entry) => parseJournalEntry(entry) ?? []);
    this.#state = replay(known, clock.now());
    this.setBlocks(blocks);
  }

  setBlocks(blocks: readonly LeasableBlock[]): void {
    this.#state = withBlocks(this.#state, blocks);
  }

  /** Whether a further block of the family should be asked for, so that addresses are ready before pods come. */
  needsBlock(family: Family): boolean {
    return needsBlock(this.#state, family, this.#clock.now());
  }

  /** Those of `blocks`, all of this node's, that it can do without. See `spareBlocks` of the model. */
  spareBlocks<T extends LeasableBlock>(blocks: readonly T[], isUseful: (block: T) => boolean): readonly T[] {
    return spareBlocks(this.#state, blocks, isUseful, this.#clock.now());
  }

  /** Resolves when nothing of the block will be leased, whatever happens. */
  async closeBlock(uid: string): Promise<void> {
    const { state, entries } = closeBlock(this.#state, uid);
    await this.#write(entries, state);
  }

  /** Whether what this node has lent is to be asked, as its journal was lost. */
  get isUnsure(): boolean {
    return this.#state.isUnsure;
  }

  /** Nothing is leased of blocks that there are, until it is known whether they are this node's: others would not help. */
  get isBlind(): boolean {
    return this.#state.isBlind;
  }

  /** Uids of the IPBlocks that are cut from this node's. */
  lent(): readonly string[] {
    return [...this.#state.lent.keys()];
  }

  proposeLoan(block: string): LendAnswer {
    return proposeLoan(this.#state, block, this.#clock.now());
  }

  /** Resolves when nothing of the range will be leased, whatever happens; text: why it is not lent. */
  async lend(loan: Loan): Promise<string | undefined> {
    const change = lend(this.#state, loan, this.#clock.now());
    if (typeof change === 'string') return change;
    await this.#write(change.entries, change.state);
    return undefined;
  }

  /** Those loans have ended. */
  endLoans(uids: readonly string[]): void {
    const { state, entries } = endLoans(this.#state, uids, this.#clock.now());
    this.#commit(entries, state);
  }

  /** What was lost with the journal is known again; `told`: as `learnLost` of the model. To be followed by `setBlocks`. */
  learnLost(answer: LoansAnswer, told: readonly string[]): void {
    const { state, entries } = learnLost(this.#state, answer, told);
    this.#commit(entries, state);
  }

  allocate(wish: LeaseWish): Allocation | NoAddress {
    const answer = allocate(this.#state, { ...wish, nowMs: this.#clock.now() });
    if ('reason' in answer) return answer;
    const written = this.#write(answer.entries, answer.state);
    return { attachment: attachmentOf(answer.leases), written };
  }

  release(attachment: Attachment): void {
    const { containerId, ifname } = this.find(attachment) ?? attachment;
    const { state, entries } = release(this.#state, { containerId, ifname, nowMs: this.#clock.now() });
    this.#commit(entries, state);
  }

  /** Leases that were rebuilt from a live interface are found by that interface's name: its container is not known. */
  find({ containerId, ifname }: Attachment): PodAttachment | undefined {
    const rebuilt = { containerId: hostInterfaceName(containerId, ifname), ifname };
    const named = findLeases(this.#state, { containerId, ifname });
    const leases = named.length > 0 ? named : findLeases(this.#state, rebuilt);
    return leases.length === 0 ? undefined : attachmentOf(leases);
  }

  /** Gives rebuilt leases to the pods that the API knows at their addresses; returns those that found their pod. */
  adopt(pods: Iterable<{ readonly uid: string; readonly addresses: readonly string[] }>): readonly PodAttachment[] {
    const orphans = this.#attachments().filter(([first]) => first?.podUid.startsWith(UNKNOWN_POD));
    if (orphans.length === 0) return [];
    const byAddress = new Map([...pods].flatMap(({ uid, addresses }) => addresses.map((of) => [of, uid] as const)));
    return orphans.flatMap((leases) => {
      const podUid = leases.map(({ address }) => byAddress.get(address)).find((uid) => uid !== undefined);
      if (podUid === undefined) return [];
      const adopted = leases.map((lease): Lease => ({ ...lease, podUid }));
      const [first] = adopted;
      if (first === undefined || adopted.some((lease) => this.#state.leases.has(keyOfLease(lease)))) return [];
      const { containerId, ifname } = first;
      const entries: LeaseEntry[] = [
        { op: 'release', containerId, ifname, atMs: this.#clock.now() },
        ...adopted.map((lease): LeaseEntry => ({ op: 'lease', ...lease })),
      ];
      this.#commit(entries, entries.reduce(applyEntry, this.#state));
      return [attachmentOf(adopted)];
    });
  }

  all(): readonly PodAttachment[] {
    return this.#attachments().map(attachmentOf);
  }

  /** Resting addresses that some node may still know by their last holder. */
  unacknowledged(): readonly string[] {
    return unacknowledged(this.#state);
  }

  /** Addresses that nobody holds and somebody has held. */
  resting(): readonly RestingAddress[] {
    return [...this.#state.resting].map(([address, { lastHolder, releasedAtMs, acknowledged }]) => {
      const [lastPodUid = ''] = lastHolder.split('|');
      return { address, lastPodUid, restsForMs: this.#clock.now() - releasedAtMs, isAcknowledged: acknowledged };
    });
  }

  acknowledge(addresses: readonly string[]): void {
    const { state, entries } = acknowledge(this.#state, addresses);
    this.#commit(entries, state);
  }

  /** The leases of each attachment, IPv4's first. */
  #attachments(): (readonly Lease[])[] {
    const groups = Map.groupBy(this.#state.leases.values(), attachmentKey);
    return [...groups.values()].map(([first]) => (first === undefined ? [] : findLeases(this.#state, first)));
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
export function rebuiltLease(hostInterface: string, address: string, wiring: PodWiring = {}): Lease {
  const lease = { podUid: `${UNKNOWN_POD}${hostInterface}`, ifname: 'eth0', containerId: hostInterface, address };
  return isPlain(wiring) ? lease : { ...lease, wiring };
}

/** @param leases of one attachment, at least one. */
function attachmentOf(leases: readonly Lease[]): PodAttachment {
  const [first] = leases;
  if (first === undefined) throw new Error('an attachment has at least one lease');
  const { podUid, containerId, ifname, netns = '', wiring } = first;
  const isRebuilt = containerId.startsWith(POD_INTERFACE_PREFIX) && containerId.length === HOST_INTERFACE_LENGTH;
  const hostInterface = isRebuilt ? containerId : hostInterfaceName(containerId, ifname);
  const addresses = leases.map(({ address }) => address);
  const plain = { podUid, containerId, ifname, netns, addresses, hostInterface };
  return wiring === undefined ? plain : { ...plain, wiring };
}
