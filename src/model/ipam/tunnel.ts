import type { IPBlock } from '../../api/generated/ipblock.ts';
import { formatIpv4, parseCidr4 } from '../../lib/ipv4.ts';

/**
 * The address of a node's VXLAN device: the first of its oldest block, which is never leased, and neither is that of
 * any other block, so that the choice of the oldest may change when a block goes.
 *
 * @param blocks those of one node, in any order.
 * @returns undefined until the node owns a block.
 */
export function tunnelAddressOf(blocks: readonly IPBlock[]): string | undefined {
  const [oldest] = [...blocks].sort(byAge);
  const range = oldest === undefined ? undefined : parseCidr4(oldest.spec.cidr);
  return range === undefined ? undefined : formatIpv4(range.base);
}

/** By creation, then by name. A block that is not stored yet has no time and comes last. */
function byAge(a: IPBlock, b: IPBlock): number {
  return compareText(createdAt(a), createdAt(b)) || compareText(a.metadata.name, b.metadata.name);
}

function createdAt({ metadata }: IPBlock): string {
  return metadata.creationTimestamp ?? '9999';
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
