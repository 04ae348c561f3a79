import type { IPBlock } from '../../api/generated/ipblock.ts';
import { formatIp, parseCidr } from '../../lib/ip.ts';

/**
 * The addresses of a node's VXLAN device, IPv4's first: of each family the first of its oldest block, which is never
 * leased, and neither is that of any other block, so that the choice of the oldest may change when a block goes. What
 * is borrowed comes last, as it is to be given back.
 *
 * @param blocks those of one node, in any order.
 * @returns none of a family until the node owns a block of it.
 */
export function tunnelAddressesOf(blocks: readonly IPBlock[]): readonly string[] {
  const ranges = [...blocks].sort(byAge).flatMap(({ spec }) => parseCidr(spec.cidr) ?? []);
  return ([4, 6] as const).flatMap((family) => {
    const oldest = ranges.find((range) => range.family === family);
    return oldest === undefined ? [] : [formatIp({ family, value: oldest.base })];
  });
}

/** By creation, then by name. A block that is not stored yet has no time and comes last. */
function byAge(a: IPBlock, b: IPBlock): number {
  const isBorrowed = ({ spec }: IPBlock) => Number(spec.lender !== undefined);
  return (
    isBorrowed(a) - isBorrowed(b) ||
    compareText(createdAt(a), createdAt(b)) ||
    compareText(a.metadata.name, b.metadata.name)
  );
}

function createdAt({ metadata }: IPBlock): string {
  return metadata.creationTimestamp ?? '9999';
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
