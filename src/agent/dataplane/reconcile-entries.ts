import { hasCode } from './netlink/error.ts';
import type { NetlinkRequest, NetlinkSocket } from './netlink/socket.ts';

/** How one kind of kernel entry is told apart, written and removed. */
export interface EntryKind<T> {
  /** What the kernel holds only once: writing an entry replaces the one with its key. */
  readonly key: (entry: T) => string;
  /** Equal text is an equal entry. */
  readonly text: (entry: T) => string;
  readonly encode: (entry: T) => NetlinkRequest;
  readonly encodeRemoval: (entry: T) => NetlinkRequest;
}

export interface EntryPlan {
  readonly writes: readonly NetlinkRequest[];
  readonly removals: readonly NetlinkRequest[];
}

/** The least that makes `present` into `wanted`; of wanted entries with the same key the last counts. Pure. */
export function planEntries<T>(kind: EntryKind<T>, wanted: readonly T[], present: readonly T[]): EntryPlan {
  const byKey = new Map(wanted.map((entry) => [kind.key(entry), entry]));
  const there = new Set(present.map(kind.text));
  return {
    writes: [...byKey.values()].filter((entry) => !there.has(kind.text(entry))).map(kind.encode),
    removals: present.filter((entry) => !byKey.has(kind.key(entry))).map(kind.encodeRemoval),
  };
}

/** Codes with which the kernel says that there is nothing to remove. */
const GONE = ['ESRCH', 'ENOENT', 'ENODEV'];

/** Carries out requests in order; says what it did. A removal of what has gone meanwhile is success. */
export function applyRequests(socket: NetlinkSocket, requests: readonly NetlinkRequest[], removing: boolean): string[] {
  for (const request of requests) {
    try {
      socket.request(request);
    } catch (error) {
      if (!removing || !hasCode(error, ...GONE)) throw error;
    }
  }
  return requests.map(({ what }) => what);
}
