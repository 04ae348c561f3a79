import type { IPBlock } from '../../api/generated/ipblock.ts';
import type { IPPool } from '../../api/generated/ippool.ts';
import { CONDITION, REASON } from '../../api/reasons.ts';
import { parseCidr } from '../../lib/ip.ts';
import { isBorrowed } from '../../model/ipam/borrowed.ts';
import { blockSizeOf, leasableAddresses, usableBlocks } from '../../model/ipam/capacity.ts';
import { type ForeignRange, foreignBlocks, overlapping } from '../../model/ipam/foreign-ranges.ts';
import type { DesiredCondition } from '../../model/status/conditions.ts';
import type { PoolRange } from './ranges.ts';

/** What the reconciler found out about a pool. */
export interface PoolFacts {
  /** All blocks that carry the pool's uid. */
  readonly blocks: readonly IPBlock[];
  /** Addresses in use, as the nodes report. */
  readonly allocated: number;
  /** Pools that had the range first; empty: it is reserved for this pool. */
  readonly conflicts: readonly PoolRange[];
  /** Addresses of Nodes and Services within the range. */
  readonly foreign: readonly ForeignRange[];
}

export interface PoolStatus {
  readonly capacity: number;
  readonly allocated: number;
  readonly blocks: number;
  readonly conditions: readonly DesiredCondition[];
  readonly [field: string]: unknown;
}

/** The pool's status: pure, so the same facts give the same conditions. */
export function poolStatus(pool: IPPool, facts: PoolFacts): PoolStatus {
  return {
    capacity: leasableAddresses(pool.spec),
    allocated: facts.allocated,
    blocks: facts.blocks.filter((block) => !isBorrowed(block)).length,
    conditions: [readyCondition(pool, facts), overlappingCondition(facts), exhaustedCondition(pool, facts)],
  };
}

function readyCondition(pool: IPPool, { blocks, conflicts }: PoolFacts): DesiredCondition {
  const type = CONDITION.ready;
  if (parseCidr(pool.spec.cidr) === undefined) {
    const message = `spec.cidr '${pool.spec.cidr}' must be a range without host bits, such as 10.244.0.0/16`;
    return { type, status: 'False', reason: REASON.invalidRange, message };
  }
  if (pool.metadata.deletionTimestamp !== undefined) {
    const nodes = [...new Set(blocks.map((block) => block.spec.nodeName))].sort();
    const message =
      nodes.length === 0
        ? 'no node owns a block of the pool any more'
        : `deletion waits for ${blocks.length} blocks of ${nodes.length} nodes: ${listOf(nodes)}`;
    return { type, status: 'False', reason: REASON.deleting, message };
  }
  if (conflicts.length > 0)
    return { type, status: 'False', reason: REASON.overlaps, message: overlapMessage(conflicts) };
  if (pool.spec.disabled === true) {
    const message = 'no new block is given out because spec.disabled is true; blocks in use stay';
    return { type, status: 'False', reason: REASON.disabled, message };
  }
  return { type, status: 'True', reason: REASON.reserved, message: 'the range belongs to this pool alone' };
}

function overlappingCondition({ conflicts, foreign }: PoolFacts): DesiredCondition {
  const type = CONDITION.overlapping;
  if (conflicts.length > 0)
    return { type, status: 'True', reason: REASON.overlaps, message: overlapMessage(conflicts) };
  if (foreign.length > 0) {
    const reason = foreign.some((one) => one.of === 'services') ? REASON.overlapsServices : REASON.overlapsNodes;
    return { type, status: 'True', reason, message: foreignMessage(foreign) };
  }
  const message = 'no other pool, node or Service has an address of this range';
  return { type, status: 'False', reason: REASON.noOverlap, message };
}

function exhaustedCondition(pool: IPPool, { blocks, foreign }: PoolFacts): DesiredCondition {
  const type = CONDITION.exhausted;
  const { cidr, reserved = [] } = pool.spec;
  const lost = foreignBlocks(cidr, blockSizeOf(pool.spec), foreign);
  const capacity = usableBlocks({ ...pool.spec, reserved: [...reserved, ...lost] });
  const owned = blocks.filter(
    (block) => !isBorrowed(block) && overlapping(block.spec.cidr, foreign).length === 0,
  ).length;
  const message = `${owned} of ${capacity} blocks belong to nodes`;
  if (owned < capacity) return { type, status: 'False', reason: REASON.blocksFree, message };
  const next =
    pool.spec.borrowing === 'Disabled'
      ? 'spec.borrowing is Disabled, so that further nodes get no addresses: add a pool'
      : 'further nodes borrow free addresses of those: add a pool';
  return { type, status: 'True', reason: REASON.noFreeBlock, message: `${message}; ${next}` };
}

/** Who else has addresses of the range, and what becomes of that. */
export function foreignMessage(foreign: readonly ForeignRange[]): string {
  const whose = foreign.map(
    ({ cidr, of, name }) => `${of === 'node' ? `node '${name}'` : `Services '${name}'`} (${cidr})`,
  );
  return (
    `the range has addresses of ${listOf(whose.sort())}; blocks with such an address are not given out, and blocks ` +
    'that are must be emptied: move the pods to another pool, and disable this one'
  );
}

function overlapMessage(conflicts: readonly PoolRange[]): string {
  const others = conflicts.map(({ name, cidr }) => `'${name}' (${cidr})`).sort();
  return `the range overlaps with pool ${listOf(others)}, which was first; choose another range for this pool`;
}

function listOf(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(', ');
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown;
}
