import { REASON } from '../../api/reasons.ts';
import {
  canonicalIp,
  type Cidr,
  containsAddress,
  type Family,
  familyOf,
  formatIp,
  type Ip,
  overlaps,
  parseCidr,
  parseIp,
  sizeOf,
} from '../../lib/ip.ts';
import type { PodWiring } from '../node/pod-wiring.ts';
import type { Problem } from '../problem.ts';
import { leasableIn } from './capacity.ts';
import type { LeaseEntry } from './lease-journal.ts';
import {
  applyEntry,
  attachmentKey,
  findLeases,
  keyOfLease,
  leaseKey,
  rangesOf,
  type Attachment,
  type BlockRange,
  type LeasableBlock,
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
  /** Absent: a plain one. */
  readonly wiring?: PodWiring;
  /** One address of each is leased, or none at all. */
  readonly families: readonly Family[];
  /** Pools that may give the addresses; absent: any. */
  readonly pools?: readonly string[];
  /** Addresses that it must be, at most one of a family. */
  readonly fixed?: readonly string[];
  /** Since the epoch. */
  readonly nowMs: number;
}

/** A change: `entries` must be on disk before `state` counts and before anybody hears of it. */
export interface LeaseChange {
  readonly state: LeaseState;
  readonly entries: readonly LeaseEntry[];
}

/** Why there is no address, and what would help. */
export interface NoAddress extends Problem {
  readonly family: Family;
  /** The one address that would do. */
  readonly fixed?: string;
  /** Waiting may help: for a block, or for an address to have rested. */
  readonly isTemporary: boolean;
}

/**
 * Addresses for the pod's interface, one of each family: those it holds, whatever sandbox asks; else those it held
 * last, if nobody has had them since (a restarted sandbox, a reboot); else ones that nobody ever had; else, of those
 * that may be reused, the ones that rest longest. A fixed address is given or refused.
 */
export function allocate(
  state: LeaseState,
  request: LeaseRequest,
): (LeaseChange & { readonly leases: readonly Lease[] }) | NoAddress {
  const { podUid, containerId, ifname, netns, wiring, nowMs } = request;
  const isHeld = ({ podUid: holder }: Lease) => holder === podUid;
  // One container is one pod's: if a lease of another says otherwise, that pod is gone.
  const holders = findLeases(state, request);
  const cleared = holders.every(isHeld) ? { state, entries: [] } : release(state, request);
  const leases: Lease[] = [];
  let { blocks } = cleared.state;
  for (const family of request.families) {
    const found = addressFor(cleared.state, request, family);
    if ('reason' in found) return found;
    const { address, fresh } = found;
    if (fresh !== undefined) blocks = blocks.map((block) => (block.uid === fresh.uid ? fresh : block));
    leases.push({
      ...{ podUid, ifname, containerId, address },
      ...(netns === undefined ? {} : { netns }),
      ...(wiring === undefined ? {} : { wiring }),
    });
  }
  const isNew = (lease: Lease) => {
    const held = state.leases.get(keyOfLease(lease));
    if (held?.containerId !== containerId || held.address !== lease.address) return true;
    return held.netns !== (netns ?? held.netns) || JSON.stringify(held.wiring) !== JSON.stringify(wiring);
  };
  const news = leases.filter(isNew).map((lease): LeaseEntry => ({ op: 'lease', ...lease }));
  const entries = [...cleared.entries, ...restsOfReplaced(cleared.state, leases, nowMs), ...news];
  const changed = change(state, entries, { leases });
  return entries.length === 0 ? changed : { ...changed, state: { ...changed.state, blocks } };
}

/** Lets the attachment's addresses rest. Changes nothing for an attachment that a newer sandbox has replaced. */
export function release(
  state: LeaseState,
  { containerId, ifname, nowMs }: Attachment & { readonly nowMs: number },
): LeaseChange {
  if (findLeases(state, { containerId, ifname }).length === 0) return { state, entries: [] };
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
  const attachments = new Map(released.map((lease) => [attachmentKey(lease), lease]));
  const entries = [...attachments.values()].map(
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
  const addresses: string[] = [];
  for (const [address, { acknowledged }] of state.resting) if (!acknowledged) addresses.push(address);
  return addresses.sort();
}

/** The blocks that new leases may come from; leases in other blocks stay until released. */
export function withBlocks(state: LeaseState, blocks: readonly LeasableBlock[]): LeaseState {
  const open = state.isUnsure ? [] : blocks.filter(({ uid }) => !state.closed.has(uid));
  return { ...state, isBlind: state.isUnsure && blocks.length > 0, blocks: rangesOf(open, state.lent) };
}

/** Whether to ask for a further block of the family: while fewer than 8 addresses could be given at once. */
export function needsBlock(state: LeaseState, family: Family, nowMs: number): boolean {
  if (state.isBlind || freshAddresses(state, family, SPARE_ADDRESSES) >= SPARE_ADDRESSES) return false;
  return freeAddresses(state, family, nowMs) < SPARE_ADDRESSES;
}

/** Addresses of the family that nobody ever had, counted up to `enough`: quicker than all that could be given. */
function freshAddresses(state: LeaseState, family: Family, enough: number): number {
  let count = 0;
  for (const block of state.blocks) {
    if (block.range.family !== family) continue;
    for (let from = block.fresh; count < enough; count += 1) {
      const index = freshIndex(state, block, from);
      if (index === undefined) break;
      from = index + 1n;
    }
  }
  return count;
}

/** Addresses of the family that could be given at once. */
export function freeAddresses(state: LeaseState, family: Family, nowMs: number): number {
  const ranges = state.blocks.filter(({ range }) => range.family === family);
  const isOurs = (address: string) => isLeasable(ranges, address);
  const leasable = ranges.reduce((sum, block) => sum + leasableIn(block.range, block.reservedRanges), 0);
  const leased = [...state.leases.values()].filter(({ address }) => isOurs(address)).length;
  const tired = [...state.resting].filter(([address, rest]) => !mayReuse(rest, nowMs) && isOurs(address)).length;
  return leasable - leased - tired;
}

/**
 * Those of `blocks` that the node can do without, given back one after the other: nothing of them is leased or rests,
 * and what is left of their family would do for twice the usual burst of pods. Of blocks that no new pod gets addresses
 * from (`isUseful` false) nothing is left.
 */
export function spareBlocks<T extends LeasableBlock>(
  state: LeaseState,
  blocks: readonly T[],
  isUseful: (block: T) => boolean,
  nowMs: number,
): readonly T[] {
  let left = state;
  return emptyBlocks(state, blocks, nowMs).filter((block) => {
    const without = { ...left, blocks: left.blocks.filter(({ uid }) => uid !== block.uid) };
    const isSpare = !isUseful(block) || freeAddresses(without, familyOf(block.cidr), nowMs) >= 2 * SPARE_ADDRESSES;
    if (isSpare) left = without;
    return isSpare;
  });
}

/** From now on, also after a crash, nothing of the block is leased. */
export function closeBlock(state: LeaseState, uid: string): LeaseChange {
  return change(state, [{ op: 'close', uid }], {});
}

/** Those of `blocks` in which nothing is leased or lent and nothing rests that may not be reused. */
function emptyBlocks<T extends LeasableBlock>(state: LeaseState, blocks: readonly T[], nowMs: number): readonly T[] {
  if (state.isUnsure) return [];
  const busy = busyAddresses(state, nowMs);
  const lent = [...state.lent.values()].flatMap((cidr) => parseCidr(cidr) ?? []);
  return blocks.filter(({ cidr }) => {
    const range = parseCidr(cidr);
    if (range === undefined || lent.some((part) => overlaps(part, range))) return false;
    return !busy.some((ip) => containsAddress(range, ip));
  });
}

/** Addresses that are held, or rest and may not be reused. */
export function busyAddresses(state: LeaseState, nowMs: number): readonly Ip[] {
  return [
    ...[...state.leases.values()].map(({ address }) => address),
    ...[...state.resting].filter(([, rest]) => !mayReuse(rest, nowMs)).map(([address]) => address),
  ].flatMap((address) => parseIp(address) ?? []);
}

function change<T extends object>(state: LeaseState, entries: readonly LeaseEntry[], more: T): LeaseChange & T {
  return { ...more, state: entries.reduce(applyEntry, state), entries };
}

interface Found {
  readonly address: string;
  /** The block that it is fresh from, as it is without it. */
  readonly fresh?: BlockRange;
}

function addressFor(state: LeaseState, request: LeaseRequest, family: Family): Found | NoAddress {
  const key = leaseKey(request, family);
  const wanted = request.fixed?.find((address) => familyOf(address) === family);
  // One address has many texts in IPv6; leases are compared by one.
  const fixed = wanted === undefined ? undefined : (canonicalIp(wanted) ?? wanted);
  const held = state.leases.get(key)?.address;
  if (fixed !== undefined) return held === fixed ? { address: fixed } : fixedAddress(state, request, fixed);
  const blocks = state.blocks.filter(
    ({ pool, range }) => range.family === family && (request.pools?.includes(pool) ?? true),
  );
  const former = held ?? formerAddress(state, blocks, key);
  if (former !== undefined) return { address: former };
  const fresh = freshAddress(state, blocks);
  if (fresh !== undefined) return fresh;
  const address = restedAddress(state, blocks, request.nowMs);
  return address === undefined ? outOfAddresses(state, blocks, family, request.nowMs) : { address };
}

/** What a pod held and holds no longer, because it must have another address now, rests. */
function restsOfReplaced(state: LeaseState, leases: readonly Lease[], nowMs: number): LeaseEntry[] {
  return leases.flatMap((lease): LeaseEntry[] => {
    const held = state.leases.get(keyOfLease(lease));
    if (held === undefined || held.address === lease.address) return [];
    const { podUid, ifname } = lease;
    return [{ op: 'rest', address: held.address, podUid, ifname, atMs: nowMs, acknowledged: false }];
  });
}

function fixedAddress(state: LeaseState, request: LeaseRequest, fixed: string): Found | NoAddress {
  const family = familyOf(fixed);
  const refuse = (reason: string, message: string, isTemporary: boolean): NoAddress => {
    return { path: 'metadata.annotations', reason, message, family, fixed, isTemporary };
  };
  const block = state.blocks.find(({ range }) => contains(range, fixed));
  if (block === undefined) {
    return refuse(REASON.addressElsewhere, `this node owns no block with the address ${fixed}; one is asked for`, true);
  }
  if ([...state.lent.values()].some((cidr) => containsText(cidr, fixed))) {
    return refuse(REASON.addressElsewhere, `another node has borrowed ${fixed}; choose another, or wait`, true);
  }
  if (!isLeasable([block], fixed)) {
    return refuse(REASON.addressReserved, `${fixed} is reserved, or the first of its block; choose another`, false);
  }
  const holder = [...state.leases.values()].find(({ address }) => address === fixed);
  if (holder !== undefined) {
    return refuse(REASON.addressTaken, `pod uid ${holder.podUid} holds ${fixed}; choose another`, true);
  }
  const rest = state.resting.get(fixed);
  const isOwn = rest?.lastHolder === leaseKey(request, family);
  if (rest !== undefined && !isOwn && !mayReuse(rest, request.nowMs)) {
    return refuse(REASON.addressResting, `${fixed} rests after its last holder; it is given in some seconds`, true);
  }
  return { address: fixed };
}

function formerAddress({ resting }: LeaseState, blocks: readonly BlockRange[], key: string): string | undefined {
  const former: [string, Rest][] = [];
  for (const entry of resting) if (entry[1].lastHolder === key) former.push(entry);
  former.sort(([, a], [, b]) => b.releasedAtMs - a.releasedAtMs);
  return former.find(([address]) => isLeasable(blocks, address))?.[0];
}

/** The first in order that nobody ever had; index 0 of a block is the tunnel's. */
function freshAddress(state: LeaseState, blocks: readonly BlockRange[]): Found | undefined {
  for (const block of blocks) {
    const { family, base } = block.range;
    const index = freshIndex(state, block, block.fresh);
    if (index === undefined) continue;
    return { address: formatIp({ family, value: base + index }), fresh: { ...block, fresh: index + 1n } };
  }
  return undefined;
}

/** The first from `from` on. */
function freshIndex(state: LeaseState, { range, reservedRanges }: BlockRange, from: bigint): bigint | undefined {
  const { family, base } = range;
  const size = sizeOf(range);
  for (let index = from; index < size; index += 1n) {
    const ip = { family, value: base + index };
    const address = formatIp(ip);
    if (state.resting.has(address) || isLeased(state, address)) continue;
    if (!reservedRanges.some((part) => containsAddress(part, ip))) return index;
  }
  return undefined;
}

function isLeased({ leases }: LeaseState, address: string): boolean {
  for (const lease of leases.values()) if (lease.address === address) return true;
  return false;
}

function restedAddress(state: LeaseState, blocks: readonly BlockRange[], nowMs: number): string | undefined {
  const rested = [...state.resting].filter(([, rest]) => mayReuse(rest, nowMs));
  rested.sort(([, a], [, b]) => a.releasedAtMs - b.releasedAtMs);
  return rested.find(([address]) => isLeasable(blocks, address))?.[0];
}

function mayReuse({ acknowledged, releasedAtMs }: Rest, nowMs: number): boolean {
  return acknowledged && nowMs - releasedAtMs >= REST_MS;
}

/** Whether one of `blocks` may give the address. */
function isLeasable(blocks: readonly BlockRange[], address: string): boolean {
  const ip = parseIp(address);
  if (ip === undefined) return false;
  const block = blocks.find(({ range }) => containsAddress(range, ip));
  if (block === undefined || ip.value === block.range.base) return false;
  return !block.reservedRanges.some((part) => containsAddress(part, ip));
}

function contains(range: Cidr, address: string): boolean {
  const ip = parseIp(address);
  return ip !== undefined && containsAddress(range, ip);
}

function containsText(cidr: string, address: string): boolean {
  const range = parseCidr(cidr);
  return range !== undefined && contains(range, address);
}

function outOfAddresses(state: LeaseState, blocks: readonly BlockRange[], family: Family, nowMs: number): NoAddress {
  const common = { path: '', family, isTemporary: true };
  if (state.isBlind) {
    const message =
      "this node's journal was lost, and it waits for an operator to say which addresses are its own to give";
    return { ...common, reason: REASON.notSynced, message };
  }
  if (blocks.length === 0) {
    const message = `this node owns no block of IPv${family} that the pod may use yet; one is asked for`;
    return { ...common, reason: REASON.noBlock, message };
  }
  const isOurs = (address: string) => blocks.some(({ range }) => contains(range, address));
  const held = [...state.leases.values()].filter(({ address }) => isOurs(address)).length;
  const resting = [...state.resting].filter(([address, rest]) => isOurs(address) && !mayReuse(rest, nowMs));
  const waiting = resting.filter(([, { acknowledged }]) => !acknowledged).length;
  const message =
    `${held} IPv${family} addresses of this node's blocks are held and ${resting.length} rest after use ` +
    `(${waiting} until every node has forgotten who had them); a further block is asked for`;
  return { ...common, reason: REASON.addressesExhausted, message };
}
