import { canonicalIp, containsAddress, parseCidr, parseIp } from '../../lib/ip.ts';
import { type AddressFacts, addressesOfPod, allLeases, inspectedNodes, podName, RangeIndex } from './address-facts.ts';
import { lentRanges } from './borrowed.ts';
import { disjointRanges, leasableAddresses, leasableIn, usableBlocks } from './capacity.ts';
import type { RestingAddress } from './inspection.ts';
import { REST_MS } from './lease.ts';

export interface PoolUsage {
  readonly pool: string;
  readonly cidr: string;
  readonly blocks: number;
  /** At most 2^53 - 1, as `capacity`. */
  readonly blocksInAll: number;
  readonly held: number;
  readonly resting: number;
  readonly capacity: number;
}

export interface BlockUsage {
  readonly block: string;
  readonly pool: string;
  readonly node: string;
  /** The node out of whose block it is borrowed; absent: of none. */
  readonly lender?: string;
  /** Absent of a node that could not be asked. */
  readonly use?: { readonly held: number; readonly resting: number; readonly free: number };
}

export interface Usage {
  readonly pools: readonly PoolUsage[];
  readonly blocks: readonly BlockUsage[];
  /** Nodes that could not be asked, and why; what they hold is not counted. */
  readonly notAsked: readonly { readonly node: string; readonly reason: string }[];
}

/** How full pools, and the blocks of nodes, are. Pure. */
export function usageOf(facts: AddressFacts): Usage {
  const blocks = new RangeIndex(facts.blocks, ({ spec }) => spec.cidr);
  const held = new Set(allLeases(facts).flatMap(({ attachment }) => attachment.addresses));
  const resting = inspectedNodes(facts).flatMap(([, seen]) => seen.resting.filter(isTired));
  const heldIn = countBy(held, (address) => blocks.find(address)?.spec.cidr);
  const restingIn = countBy(resting, ({ address }) => blocks.find(address)?.spec.cidr);
  const pools = new Map(facts.pools.map((pool) => [pool.metadata.uid, pool]));
  const lent = lentRanges(facts.blocks);
  const rows = facts.blocks.map(({ spec }): BlockUsage => {
    const lender = spec.lender === undefined ? {} : { lender: spec.lender };
    const row = { block: spec.cidr, pool: spec.poolName, node: spec.nodeName, ...lender };
    const range = parseCidr(spec.cidr);
    const isAsked = typeof (facts.inspections.get(spec.nodeName) ?? '') !== 'string';
    if (range === undefined || !isAsked) return row;
    const leasable = leasableIn(
      range,
      disjointRanges([...(pools.get(spec.poolUid)?.spec.reserved ?? []), ...(lent.get(spec.cidr) ?? [])]),
    );
    const use = { held: heldIn.get(spec.cidr) ?? 0, resting: restingIn.get(spec.cidr) ?? 0 };
    return { ...row, use: { ...use, free: Math.max(0, leasable - use.held - use.resting) } };
  });
  return {
    pools: facts.pools.map(({ metadata, spec }) => {
      const own = rows.filter(({ pool }) => pool === metadata.name);
      const sum = (which: 'held' | 'resting') => own.reduce((total, { use }) => total + (use?.[which] ?? 0), 0);
      const counts = { held: sum('held'), resting: sum('resting'), capacity: leasableAddresses(spec) };
      const blocks = own.filter(({ lender }) => lender === undefined).length;
      return { pool: metadata.name, cidr: spec.cidr, blocks, blocksInAll: usableBlocks(spec), ...counts };
    }),
    blocks: rows.sort(
      (a, b) => compareText(a.node, b.node) || compareText(a.pool, b.pool) || compareText(a.block, b.block),
    ),
    notAsked: [...facts.inspections].flatMap(([node, seen]) => {
      return typeof seen === 'string' ? [{ node, reason: seen }] : [];
    }),
  };
}

export interface AddressUsage {
  readonly address: string;
  readonly state: 'held' | 'resting' | 'free' | 'reserved' | 'unclaimed' | 'outside' | 'unknown';
  readonly pool: string;
  readonly block: string;
  readonly node: string;
  /** Who has it, or had it last, and what can be said beside. */
  readonly holders: readonly string[];
}

/** Who has the address. Text: it is no address. */
export function whoHas(facts: AddressFacts, text: string): AddressUsage | string {
  const address = canonicalIp(text);
  const ip = address === undefined ? undefined : parseIp(address);
  if (address === undefined || ip === undefined) return `'${text}' must be an IP address, such as 10.244.7.7`;
  const pool = new RangeIndex(facts.pools, ({ spec }) => spec.cidr).find(address);
  const block = new RangeIndex(facts.blocks, ({ spec }) => spec.cidr).find(address)?.spec;
  const where = { address, pool: pool?.metadata.name ?? '', block: block?.cidr ?? '', node: block?.nodeName ?? '' };
  const holders = holdersOf(facts, address);
  if (holders.length > 0) return { ...where, state: 'held', holders };
  const rests = inspectedNodes(facts).flatMap(([, { resting }]) => resting.filter((rest) => rest.address === address));
  const tired = rests.filter(isTired);
  if (tired.length > 0) return { ...where, state: 'resting', holders: tired.map(restText) };
  if (pool === undefined) return { ...where, state: 'outside', holders: [] };
  const isReserved = disjointRanges(pool.spec.reserved ?? []).some((part) => containsAddress(part, ip));
  if (isReserved || block?.cidr.startsWith(`${address}/`) === true) return { ...where, state: 'reserved', holders: [] };
  if (block === undefined) return { ...where, state: 'unclaimed', holders: [] };
  if (typeof (facts.inspections.get(block.nodeName) ?? '') === 'string') {
    return { ...where, state: 'unknown', holders: [`node '${block.nodeName}' could not be asked`] };
  }
  return { ...where, state: 'free', holders: rests.map(restText) };
}

/** Pods by name where the API has them; a lease of none by what is known of it. */
function holdersOf(facts: AddressFacts, address: string): readonly string[] {
  const pods = new Map(facts.pods.map((pod) => [pod.metadata.uid ?? '', pod]));
  const leases = allLeases(facts).filter(({ attachment }) => attachment.addresses.includes(address));
  const byLease = leases.map(({ node, attachment: { podUid, ifname, containerId } }) => {
    const pod = pods.get(podUid);
    const who = pod === undefined ? `pod uid ${podUid}, which the API does not have` : `pod ${podName(pod)}`;
    return `${who}, on ${node}, ${ifname} of container ${containerId}`;
  });
  const leased = new Set(leases.map(({ attachment }) => attachment.podUid));
  const shown = facts.pods.filter(
    (pod) => addressesOfPod(pod).includes(address) && !leased.has(pod.metadata.uid ?? ''),
  );
  return [...byLease, ...shown.map((pod) => `pod ${podName(pod)}, on ${pod.spec.nodeName}, by its status alone`)];
}

/** Whether nobody else may be given it yet. */
function isTired({ restsForMs, isAcknowledged }: RestingAddress): boolean {
  return !isAcknowledged || restsForMs < REST_MS;
}

function restText({ lastPodUid, restsForMs, isAcknowledged }: RestingAddress): string {
  const who = lastPodUid === '' ? 'somebody' : `pod uid ${lastPodUid}`;
  const known = isAcknowledged ? '' : ', and some node has not forgotten that yet';
  return `${who} had it until ${Math.floor(restsForMs / 1000)} s ago${known}`;
}

function countBy<T, K>(items: Iterable<T>, keyOf: (item: T) => K): ReadonlyMap<K, number> {
  const counts = new Map<K, number>();
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1);
  return counts;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
