import type { DeadLease } from './inspection.ts';

/** What can be wrong with addresses; each is explained in the reference. */
export const FINDING = {
  /** A lease of a pod that is no more. */
  leakedLease: 'LeakedLease',
  heldTwice: 'HeldTwice',
  addressWithoutLease: 'AddressWithoutLease',
  /** Link, addresses or routes of a lease are not as they were made. */
  notWired: 'NotWired',
  strayLink: 'StrayLink',
  strayRoute: 'StrayRoute',
  leaseOutsideBlocks: 'LeaseOutsideBlocks',
  blockOutsidePool: 'BlockOutsidePool',
  blocksOverlap: 'BlocksOverlap',
  /** The node holds what is not its own, or not what is. */
  blockMismatch: 'BlockMismatch',
  quarantined: 'Quarantined',
  poolMiscounts: 'PoolMiscounts',
  nodeNotAsked: 'NodeNotAsked',
} as const;

export type FindingKind = (typeof FINDING)[keyof typeof FINDING];

export interface Finding {
  /** Two looks mean the same thing by it. */
  readonly key: string;
  readonly kind: FindingKind;
  /** Nothing has to be done: it is shown, and the check succeeds. */
  readonly isNote: boolean;
  /** The address, block, link or pool. */
  readonly subject: string;
  readonly node: string;
  readonly message: string;
  /** What to do, or what will happen by itself. */
  readonly nextStep: string;
  /** How `--fix` puts it right; absent: not at all. */
  readonly repair?: Repair;
}

export type Repair =
  /** The node takes the lease back, unless something uses it. */
  | { readonly how: 'release'; readonly lease: DeadLease }
  /** The node compares its links and routes with its leases. */
  | { readonly how: 'rewire' }
  /** The pool's leases are counted anew. */
  | { readonly how: 'recount' };

interface FindingParts extends Omit<Finding, 'key' | 'isNote' | 'node'> {
  readonly node?: string;
  readonly isNote?: boolean;
  /** Tells two findings of the same kind and subject apart. */
  readonly detail?: string;
}

export function finding({ node = '', isNote = false, detail = '', ...parts }: FindingParts): Finding {
  return { ...parts, node, isNote, key: [parts.kind, node, parts.subject, detail].join(' ') };
}

/** What both looks have found, in the words of the later one: what moved in between was no finding. */
export function agreed(earlier: readonly Finding[], later: readonly Finding[]): readonly Finding[] {
  const keys = new Set(earlier.map(({ key }) => key));
  return later.filter(({ key }) => keys.has(key));
}
