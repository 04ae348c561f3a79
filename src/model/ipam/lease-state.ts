import type { LeaseEntry } from './lease-journal.ts';

/** One interface of one pod holds one address. */
export interface Lease {
  readonly podUid: string;
  readonly ifname: string;
  /** The container (sandbox) through which the pod holds it now. */
  readonly containerId: string;
  readonly netns?: string;
  readonly address: string;
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

/**
 * The addresses of one node. A value: every change copies the maps it touches, which for a node's few hundred pods
 * costs some ten microseconds.
 */
export interface LeaseState {
  /** CIDRs of blocks that new leases may come from, in the order in which they are used up. Not in the journal. */
  readonly blocks: readonly string[];
  /** By `leaseKey`. */
  readonly leases: ReadonlyMap<string, Lease>;
  /** `leaseKey` by `attachmentKey`; only the newest attachment of each lease. */
  readonly attachments: ReadonlyMap<string, string>;
  /** By address. Stays after the rest: an address that is neither here nor leased was never given out. */
  readonly resting: ReadonlyMap<string, Rest>;
}

export interface Attachment {
  readonly containerId: string;
  readonly ifname: string;
}

export const NO_LEASES: LeaseState = { blocks: [], leases: new Map(), attachments: new Map(), resting: new Map() };

export function leaseKey({ podUid, ifname }: Pick<Lease, 'podUid' | 'ifname'>): string {
  return `${podUid}|${ifname}`;
}

export function attachmentKey({ containerId, ifname }: Attachment): string {
  return `${containerId}/${ifname}`;
}

/** The lease that this attachment holds; undefined for one that a newer sandbox of the pod has replaced. */
export function findLease(state: LeaseState, attachment: Attachment): Lease | undefined {
  const key = state.attachments.get(attachmentKey(attachment));
  return key === undefined ? undefined : state.leases.get(key);
}

/** The state after one entry. Never fails: an entry about something that is not there changes nothing. */
export function applyEntry(state: LeaseState, entry: LeaseEntry): LeaseState {
  switch (entry.op) {
    case 'lease': {
      const { op: _, ...lease } = entry;
      return withLease(state, lease);
    }
    case 'release':
      return withoutLease(state, entry, entry.atMs);
    case 'rest': {
      const { address, atMs, acknowledged } = entry;
      const rest: Rest = { lastHolder: leaseKey(entry), releasedAtMs: atMs, acknowledged };
      return { ...state, resting: new Map(state.resting).set(address, rest) };
    }
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

function withLease(state: LeaseState, lease: Lease): LeaseState {
  const key = leaseKey(lease);
  const leases = new Map(state.leases);
  const attachments = new Map(state.attachments);
  const resting = new Map(state.resting);
  const before = leases.get(key);
  if (before !== undefined) attachments.delete(attachmentKey(before));
  leases.set(key, lease);
  attachments.set(attachmentKey(lease), key);
  resting.delete(lease.address);
  return { ...state, leases, attachments, resting };
}

function withoutLease(state: LeaseState, attachment: Attachment, atMs: number): LeaseState {
  const lease = findLease(state, attachment);
  if (lease === undefined) return state;
  const key = leaseKey(lease);
  const leases = new Map(state.leases);
  const attachments = new Map(state.attachments);
  leases.delete(key);
  attachments.delete(attachmentKey(attachment));
  const rest: Rest = { lastHolder: key, releasedAtMs: atMs, acknowledged: false };
  return { ...state, leases, attachments, resting: new Map(state.resting).set(lease.address, rest) };
}
