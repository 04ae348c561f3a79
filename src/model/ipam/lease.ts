import { REASON } from '../../api/reasons.ts';
import { containsAddress, formatIpv4, parseCidr4, parseIpv4, sizeOf, type Cidr4 } from '../../lib/ipv4.ts';
import type { Problem } from '../problem.ts';
import type { LeaseEntry } from './lease-journal.ts';
import {
  applyEntry,
  attachmentKey,
  findLease,
  leaseKey,
  type Attachment,
  type Lease,
  type LeaseState,
  type Rest,
} from './lease-state.ts';

/** Longer than packets and conntrack's closing states linger on the way; the acknowledgements are the real bar. */
export const REST_MS = 10_000;
/** So many addresses that can be given at once are kept ready: a burst of pods does not wait for the operator. */
const SPARE_ADDRESSES = 8;

export interface LeaseRequest extends Attachment {
  readonly podUid: string;
  readonly netns?: string;
  /** Since the epoch. */
  readonly nowMs: number;
}

/** A change: `entries` must be on disk before `state` counts and before anybody hears of it. */
export interface LeaseChange {
  readonly state: LeaseState;
  readonly entries: readonly LeaseEntry[];
}

/**
 * An address for the pod's interface: the one it holds, whatever sandbox asks; else the one it held last, if nobody has
 * had it since (a restarted sandbox, a reboot); else one that nobody ever had; else, of those that may be reused, the
 * one that rests longest.
 *
 * @returns `NoBlock` or `AddressesExhausted` when there is none: ask again when a block came or an address has rested.
 */
export function allocate(
  state: LeaseState,
  request: LeaseRequest,
): (LeaseChange & { readonly lease: Lease }) | Problem {
  const { podUid, containerId, ifname, netns, nowMs } = request;
  const key = leaseKey(request);
  const held = state.leases.get(key);
  if (held?.containerId === containerId && (netns === undefined || held.netns === netns)) {
    return { state, lease: held, entries: [] };
  }
  // One container is one pod's: if the lease of another says otherwise, that pod is gone.
  const holder = findLease(state, request);
  const cleared = holder === undefined || leaseKey(holder) === key ? { state, entries: [] } : release(state, request);
  const address =
    held?.address ??
    formerAddress(cleared.state, key) ??
    freshAddress(cleared.state) ??
    restedAddress(cleared.state, nowMs);
  if (address === undefined) return outOfAddresses(state, nowMs);
  const lease: Lease = { podUid, ifname, containerId, ...(netns === undefined ? {} : { netns }), address };
  return change(state, [...cleared.entries, { op: 'lease', ...lease }], { lease });
}

/** Lets the attachment's address rest. Changes nothing for an attachment that a newer sandbox has replaced. */
export function release(
  state: LeaseState,
  { containerId, ifname, nowMs }: Attachment & { readonly nowMs: number },
): LeaseChange {
  if (findLease(state, { containerId, ifname }) === undefined) return { state, entries: [] };
  return change(state, [{ op: 'release', containerId, ifname, atMs: nowMs }], {});
}

/** Releases every lease whose attachment is not listed. `released`: those, sorted by address text. */
export function freeUnlisted(
  state: LeaseState,
  valid: readonly Attachment[],
  nowMs: number,
): LeaseChange & { readonly released: readonly Lease[] } {
  const keep = new Set(valid.map(attachmentKey));
  const released = [...state.leases.values()]
    .filter((lease) => !keep.has(attachmentKey(lease)))
    .sort((a, b) => (a.address < b.address ? -1 : 1));
  const entries = released.map(
    ({ containerId, ifname }): LeaseEntry => ({ op: 'release', containerId, ifname, atMs: nowMs }),
  );
  return change(state, entries, { released });
}

/** Every node that was told of the last holders of these resting addresses has forgotten them, or is gone. */
export function acknowledge(state: LeaseState, addresses: readonly string[]): LeaseChange {
  const news = addresses.filter((address) => state.resting.get(address)?.acknowledged === false).sort();
  return news.length === 0 ? { state, entries: [] } : change(state, [{ op: 'acknowledge', addresses: news }], {});
}

/** Resting addresses whose removal is not acknowledged: what to ask the operators about. Sorted as text. */
export function unacknowledged(state: LeaseState): readonly string[] {
  return [...state.resting].flatMap(([address, { acknowledged }]) => (acknowledged ? [] : [address])).sort();
}

/** The blocks that new leases may come from; leases in other blocks stay until released. */
export function withBlocks(state: LeaseState, blocks: readonly string[]): LeaseState {
  return { ...state, blocks: [...blocks] };
}

/** How many further blocks to ask for now: 1 while fewer than 8 addresses could be given at once, the first block too. */
export function planBlocks(state: LeaseState, nowMs: number): 0 | 1 {
  return freeAddresses(state, nowMs) < SPARE_ADDRESSES ? 1 : 0;
}

/** Addresses that could be given at once. */
export function freeAddresses(state: LeaseState, nowMs: number): number {
  const blocks = rangesOf(state);
  const isOurs = (address: string) => blocks.some((block) => contains(block, address));
  const leasable = blocks.reduce((sum, block) => sum + sizeOf(block.length) - 1, 0);
  const leased = [...state.leases.values()].filter(({ address }) => isOurs(address)).length;
  const tired = [...state.resting].filter(([address, rest]) => !mayReuse(rest, nowMs) && isOurs(address)).length;
  return leasable - leased - tired;
}

function change<T extends object>(state: LeaseState, entries: readonly LeaseEntry[], more: T): LeaseChange & T {
  return { ...more, state: entries.reduce(applyEntry, state), entries };
}

function formerAddress({ resting, blocks }: LeaseState, key: string): string | undefined {
  const former = [...resting].filter(([, { lastHolder }]) => lastHolder === key);
  former.sort(([, a], [, b]) => b.releasedAtMs - a.releasedAtMs);
  return former.find(([address]) => blocks.some((cidr) => isLeasable(cidr, address)))?.[0];
}

/** The first in order that nobody ever had; index 0 of a block is the tunnel's. */
function freshAddress(state: LeaseState): string | undefined {
  const leased = new Set([...state.leases.values()].map(({ address }) => address));
  for (const block of rangesOf(state)) {
    for (let index = 1; index < sizeOf(block.length); index += 1) {
      const address = formatIpv4(block.base + index);
      if (!leased.has(address) && !state.resting.has(address)) return address;
    }
  }
  return undefined;
}

function restedAddress(state: LeaseState, nowMs: number): string | undefined {
  const rested = [...state.resting].filter(([, rest]) => mayReuse(rest, nowMs));
  rested.sort(([, a], [, b]) => a.releasedAtMs - b.releasedAtMs);
  return rested.find(([address]) => state.blocks.some((cidr) => isLeasable(cidr, address)))?.[0];
}

function mayReuse({ acknowledged, releasedAtMs }: Rest, nowMs: number): boolean {
  return acknowledged && nowMs - releasedAtMs >= REST_MS;
}

function rangesOf({ blocks }: LeaseState): Cidr4[] {
  return blocks.flatMap((cidr) => parseCidr4(cidr) ?? []);
}

function isLeasable(cidr: string, address: string): boolean {
  const block = parseCidr4(cidr);
  return block !== undefined && contains(block, address) && parseIpv4(address) !== block.base;
}

function contains(block: Cidr4, address: string): boolean {
  const number = parseIpv4(address);
  return number !== undefined && containsAddress(block, number);
}

function outOfAddresses(state: LeaseState, nowMs: number): Problem {
  if (state.blocks.length === 0) {
    return { path: '', reason: REASON.noBlock, message: 'this node owns no block of an IPPool yet; one is asked for' };
  }
  const resting = [...state.resting.values()].filter((rest) => !mayReuse(rest, nowMs));
  const waiting = resting.filter(({ acknowledged }) => !acknowledged).length;
  return {
    path: '',
    reason: REASON.addressesExhausted,
    message:
      `${state.leases.size} addresses of this node's blocks are held and ${resting.length} rest after use ` +
      `(${waiting} until every node has forgotten who had them); a further block is asked for`,
  };
}
