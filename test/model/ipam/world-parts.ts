import { containsAddress, type Family, parseCidr, parseIp } from '../../../src/lib/ip.ts';
import type { PoolState } from '../../../src/model/ipam/blocks.ts';
import type { LeaseEntry } from '../../../src/model/ipam/lease-journal.ts';
import { NO_LEASES, type LeasableBlock, type Lease, type LeaseState } from '../../../src/model/ipam/lease-state.ts';

export const RESERVED = ['10.0.0.9/32', 'fd00::a/127'];
/** 4 blocks of 3 addresses of each family for 3 machines: all is used, given back and used again within a few steps. */
export const POOLS: Readonly<Record<Family, PoolState>> = {
  4: { name: 'small', uid: 'pool-1', cidr: '10.0.0.0/28', blockSize: 30, reserved: RESERVED.slice(0, 1) },
  6: { name: 'small6', uid: 'pool-2', cidr: 'fd00::/124', blockSize: 126, reserved: RESERVED.slice(1) },
};

/** What a pod may be told to have; `fixed` in part in blocks of one machine, reserved, or the first of a block. */
export interface Wish {
  readonly families: readonly Family[];
  readonly fixed: readonly string[];
}

export interface Machine {
  readonly name: string;
  /** The disk: undefined when the journal is lost. */
  journal: LeaseEntry[] | undefined;
  /** The agent's memory: undefined while it is down. */
  agent: LeaseState | undefined;
  /** What runs: pods by uid, and the addresses that each really uses. */
  readonly live: Map<string, readonly Lease[]>;
  /** Pods that have no sandbox now: their next ADD is still to come. */
  readonly waiting: Set<string>;
  readonly wishes: Map<string, Wish>;
  /** Sandboxes that newer ones of the same pod replaced, whose DEL is still to come. */
  readonly stale: Set<string>;
  /** How new what it was told of blocks is, in changes of the API server: it is never told older things again. */
  toldAt: number;
  /** As it was told. */
  told: readonly LeasableBlock[];
}

export function newMachine(name: string): Machine {
  const nothing = { live: new Map(), waiting: new Set<string>(), wishes: new Map(), stale: new Set<string>() };
  return { name, journal: [], agent: NO_LEASES, ...nothing, toldAt: 0, told: [] };
}

export interface StoredBlock {
  readonly uid: string;
  readonly spec: {
    readonly cidr: string;
    readonly pool: string;
    readonly nodeName: string;
    readonly nodeUid: string;
    /** Borrowed; while it is `nodeName` too, the lender has not agreed. */
    readonly lender?: string;
  };
}

/** What an operator has last read, and how new that is. */
export interface View {
  readonly at: number;
  readonly blocks: readonly StoredBlock[];
}

/** A range on its way to a borrower: how far some operator has come with it. */
export interface Borrowing {
  readonly lender: Machine;
  readonly borrower: Machine;
  /** Of the whole block. */
  readonly blockUid: string;
  readonly cidr: string;
  /** What is done next. */
  next: 'create' | 'look' | 'agree' | 'hand over';
  /** Of the IPBlock, once it is created. */
  uid?: string;
}

/** `within journal`: of the lines of a change only the first is on disk. */
export type CrashPoint = 'none' | 'before journal' | 'within journal' | 'after journal';

export function cidrsOf(blocks: readonly LeasableBlock[]): string[] {
  return blocks.map(({ cidr }) => cidr);
}

export function isWithin(cidr: string, address: string): boolean {
  const [range, ip] = [parseCidr(cidr), parseIp(address)];
  return range !== undefined && ip !== undefined && containsAddress(range, ip);
}

/** All blocks are of four addresses. */
export function isTunnelAddress(address: string): boolean {
  return (parseIp(address)?.value ?? 0n) % 4n === 0n;
}
