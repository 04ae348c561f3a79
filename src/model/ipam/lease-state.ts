import { type Cidr, type Family, familyOf, formatIp, overlaps, parseCidr, sizeOf } from '../../lib/ip.ts';
import type { PodWiring } from '../node/pod-wiring.ts';
import type { LeaseEntry } from './lease-journal.ts';

/** One interface of one pod holds one address of each family. */
export interface Lease {
  readonly podUid: string;
  readonly ifname: string;
  /** The container (sandbox) through which the pod holds it now. */
  readonly containerId: string;
  readonly netns?: string;
  readonly address: string;
  /** Of the attachment; absent: a plain one. */
  readonly wiring?: PodWiring;
}

/** An address that nobody holds, and somebody has held. */
export interface Rest {
  /** `leaseKey` of who had it last: that pod may have it back at once. */
  readonly lastHolder: string;
  /** Since the epoch. */
  readonly releasedAtMs: number;
  /** Every node that was told of the last holder has forgotten it. */
  readonly acknowledged: boolean;
}

/** A block that new leases may come from. */
export interface LeasableBlock {
  /** Of the IPBlock. */
  readonly uid: string;
  readonly cidr: string;
  readonly pool: string;
  /** Prefixes that no pod of this node is given: reserved in the pool, or known to be another node's. */
  readonly reserved: readonly string[];
}

/** A block whose texts have been read. */
export interface BlockRange extends LeasableBlock {
  readonly range: Cidr;
  /** Those of `reserved`, and of what is lent, that reach into the block. */
  readonly reservedRanges: readonly Cidr[];
  /** Counted from the block's base: every address before this one is or was somebody's, or nobody may have it. */
  readonly fresh: bigint;
}

/**
 * The addresses of one node. A value: every change copies the maps it touches, which for a node's few hundred pods
 * costs some ten microseconds.
 */
export interface LeaseState {
  /** In the order in which they are used up; without those in `closed`. Not in the journal. */
  readonly blocks: readonly BlockRange[];
  /** Uids of blocks that are being given back: nothing is leased of them any more, whatever the operator says yet. */
  readonly closed: ReadonlySet<string>;
  /** Ranges that other nodes have borrowed, by uid of their IPBlock: nothing of them is leased, whatever a block says. */
  readonly lent: ReadonlyMap<string, string>;
  /** The journal is lost, and what was given back and lent is not known again yet: nothing new is leased. */
  readonly isUnsure: boolean;
  /** There are blocks, and nothing is leased of them for that: to ask for others would not help. Not in the journal. */
  readonly isBlind: boolean;
  /** By `leaseKey`. */
  readonly leases: ReadonlyMap<string, Lease>;
  /** `leaseKey`s by `attachmentKey`, IPv4's first; only the newest attachment of each lease. */
  readonly attachments: ReadonlyMap<string, readonly string[]>;
  /** By address. Stays after the rest: an address that is neither here nor leased was never given out. */
  readonly resting: ReadonlyMap<string, Rest>;
}

export interface Attachment {
  readonly containerId: string;
  readonly ifname: string;
}

export const NO_LEASES: LeaseState = {
  blocks: [],
  closed: new Set(),
  lent: new Map(),
  isUnsure: false,
  isBlind: false,
  leases: new Map(),
  attachments: new Map(),
  resting: new Map(),
};

/** Who holds an address: `uid|ifname` for IPv4, as journals have had it from the first; `|6` behind it for IPv6. */
export function leaseKey({ podUid, ifname }: Pick<Lease, 'podUid' | 'ifname'>, family: Family): string {
  return family === 4 ? `${podUid}|${ifname}` : `${podUid}|${ifname}|6`;
}

export function keyOfLease(lease: Lease): string {
  return leaseKey(lease, familyOf(lease.address));
}

export function attachmentKey({ containerId, ifname }: Attachment): string {
  return `${containerId}/${ifname}`;
}

/** The leases of this attachment, IPv4's first; none for one that a newer sandbox of the pod has replaced. */
export function findLeases(state: LeaseState, attachment: Attachment): readonly Lease[] {
  const keys = state.attachments.get(attachmentKey(attachment)) ?? [];
  return keys.flatMap((key) => state.leases.get(key) ?? []);
}

/** The state after one entry. Never fails: an entry about something that is not there changes nothing. */
export function applyEntry(state: LeaseState, entry: LeaseEntry): LeaseState {
  switch (entry.op) {
    case 'lease': {
      const { op: _, ...lease } = entry;
      return withLease(state, lease);
    }
    case 'release':
      return withoutLeases(state, entry, entry.atMs);
    case 'rest': {
      const { address, atMs, acknowledged } = entry;
      const rest: Rest = { lastHolder: leaseKey(entry, familyOf(address)), releasedAtMs: atMs, acknowledged };
      return withRest(state, address, rest);
    }
    case 'close': {
      const closed = new Set(state.closed).add(entry.uid);
      return { ...state, closed, blocks: state.blocks.filter(({ uid }) => !closed.has(uid)) };
    }
    case 'lend':
      return withLent(state, new Map(state.lent).set(entry.uid, entry.cidr));
    case 'return': {
      const lent = new Map(state.lent);
      lent.delete(entry.uid);
      const resting = new Map(state.resting);
      const range = parseCidr(state.lent.get(entry.uid) ?? '');
      for (const address of range === undefined ? [] : addressesOf(range)) {
        resting.set(address, { lastHolder: '|', releasedAtMs: entry.atMs, acknowledged: false });
      }
      return withLent({ ...state, resting }, lent);
    }
    case 'unsure':
      return { ...state, isUnsure: true };
    case 'sure':
      return { ...state, isUnsure: false, isBlind: false };
    case 'acknowledge': {
      const resting = new Map(state.resting);
      for (const address of entry.addresses) {
        const rest = resting.get(address);
        if (rest !== undefined) resting.set(address, { ...rest, acknowledged: true });
      }
      return { ...state, resting };
    }
  }
}

/** Blocks as leases may come from them; `lent` counts whatever is said of the blocks. */
export function rangesOf(blocks: readonly LeasableBlock[], lent: ReadonlyMap<string, string>): BlockRange[] {
  return blocks.flatMap((block) => {
    const range = parseCidr(block.cidr);
    if (range === undefined) return [];
    const taken = [...block.reserved, ...lent.values()].flatMap((cidr) => parseCidr(cidr) ?? []);
    return [{ ...block, range, reservedRanges: taken.filter((part) => overlaps(part, range)), fresh: 1n }];
  });
}

/** All of them, in order: for blocks. */
export function addressesOf(range: Cidr): readonly string[] {
  const { family, base } = range;
  return Array.from({ length: Number(sizeOf(range)) }, (_, index) => formatIp({ family, value: base + BigInt(index) }));
}

function withLent(state: LeaseState, lent: ReadonlyMap<string, string>): LeaseState {
  return { ...state, lent, blocks: rangesOf(state.blocks, lent) };
}

function withLease(state: LeaseState, lease: Lease): LeaseState {
  const key = keyOfLease(lease);
  const leases = new Map(state.leases);
  const attachments = new Map(state.attachments);
  const before = leases.get(key);
  if (before !== undefined) dropFromAttachment(attachments, before);
  leases.set(key, lease);
  attachments.set(attachmentKey(lease), [...(attachments.get(attachmentKey(lease)) ?? []), key].sort());
  if (!state.resting.has(lease.address)) return { ...state, leases, attachments };
  const resting = new Map(state.resting);
  resting.delete(lease.address);
  return { ...state, leases, attachments, resting };
}

function withoutLeases(state: LeaseState, attachment: Attachment, atMs: number): LeaseState {
  const released = findLeases(state, attachment);
  if (released.length === 0) return state;
  const leases = new Map(state.leases);
  const attachments = new Map(state.attachments);
  const resting = new Map(state.resting);
  attachments.delete(attachmentKey(attachment));
  for (const lease of released) {
    const key = keyOfLease(lease);
    leases.delete(key);
    resting.set(lease.address, { lastHolder: key, releasedAtMs: atMs, acknowledged: false });
  }
  return { ...state, leases, attachments, resting };
}

/** What rests nobody holds: its holder has lost it, also when a crash cut off what it was to have instead. */
function withRest(state: LeaseState, address: string, rest: Rest): LeaseState {
  const resting = new Map(state.resting).set(address, rest);
  const held = state.leases.get(rest.lastHolder);
  if (held?.address !== address) return { ...state, resting };
  const leases = new Map(state.leases);
  const attachments = new Map(state.attachments);
  leases.delete(rest.lastHolder);
  dropFromAttachment(attachments, held);
  return { ...state, leases, attachments, resting };
}

function dropFromAttachment(attachments: Map<string, readonly string[]>, lease: Lease): void {
  const attachment = attachmentKey(lease);
  const left = (attachments.get(attachment) ?? []).filter((key) => key !== keyOfLease(lease));
  if (left.length === 0) attachments.delete(attachment);
  else attachments.set(attachment, left);
}
