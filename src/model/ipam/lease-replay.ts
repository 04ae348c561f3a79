import { parseCidr } from '../../lib/ip.ts';
import type { LeaseEntry } from './lease-journal.ts';
import { addressesOf, applyEntry, keyOfLease, NO_LEASES, type Lease, type LeaseState } from './lease-state.ts';

/**
 * What the journal says is true. The blocks are not in it: see `withBlocks`.
 *
 * @param nowMs since the epoch. A clock that was set back lets nothing rest until a far future: no release is later
 *              than now.
 */
export function replay(entries: readonly LeaseEntry[], nowMs: number): LeaseState {
  const state = entries.reduce(applyEntry, NO_LEASES);
  const resting = [...state.resting].map(
    ([address, rest]) => [address, { ...rest, releasedAtMs: Math.min(rest.releasedAtMs, nowMs) }] as const,
  );
  return { ...state, resting: new Map(resting) };
}

/** The shortest journal that says the same: a lease entry for each lease, a rest entry for each resting address. */
export function entriesOf(state: LeaseState): readonly LeaseEntry[] {
  const rests = [...state.resting].map(([address, { lastHolder, releasedAtMs, acknowledged }]): LeaseEntry => {
    const [podUid = '', ifname = ''] = lastHolder.split('|');
    return { op: 'rest', address, podUid, ifname, atMs: releasedAtMs, acknowledged };
  });
  const leases = [...state.leases.values()].map((lease): LeaseEntry => ({ op: 'lease', ...lease }));
  const closes = [...state.closed].map((uid): LeaseEntry => ({ op: 'close', uid }));
  const lends = [...state.lent].map(([uid, cidr]): LeaseEntry => ({ op: 'lend', uid, cidr }));
  const unsure: readonly LeaseEntry[] = state.isUnsure ? [{ op: 'unsure' }] : [];
  return [...closes, ...unsure, ...lends, ...rests, ...leases];
}

/**
 * The entries to begin a new journal with when the old one is lost: leases are what the pods' own namespaces show, and
 * every other address of the node's blocks rests from now on, unacknowledged, as it may have been somebody's a moment
 * ago. What was lent is to be asked. Do this before the first ADD.
 */
export function rebuild(blocks: readonly string[], live: readonly Lease[], nowMs: number): readonly LeaseEntry[] {
  const held = new Set(live.map(({ address }) => address));
  const rests = blocks.flatMap((cidr): LeaseEntry[] => {
    const block = parseCidr(cidr);
    if (block === undefined) return [];
    return addressesOf(block)
      .slice(1)
      .filter((address) => !held.has(address))
      .map((address) => ({ op: 'rest', address, podUid: '', ifname: '', atMs: nowMs, acknowledged: false }));
  });
  const leases = live.map((lease): LeaseEntry => ({ op: 'lease', ...lease }));
  leases.sort((a, b) => (textOf(a) < textOf(b) ? -1 : 1));
  return [{ op: 'unsure' }, ...rests, ...leases];
}

function textOf(entry: LeaseEntry): string {
  return entry.op === 'lease' ? keyOfLease(entry) : '';
}
