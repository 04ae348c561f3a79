import type { Node, ServiceCIDR } from '../../api/kubernetes.ts';
import { type Cidr, formatCidr, hostCidr, overlaps, parseCidr, parseIp, sizeOf } from '../../lib/ip.ts';

/** Addresses that somebody beside pods has. */
export interface ForeignRange {
  readonly cidr: string;
  readonly of: 'node' | 'services';
  /** Of the Node, or of the ServiceCIDR. */
  readonly name: string;
}

/** Addresses of Nodes, and ranges that Services get theirs from. */
export function foreignRanges(nodes: readonly Node[], serviceCidrs: readonly ServiceCIDR[]): readonly ForeignRange[] {
  const addresses = nodes.flatMap(({ metadata, status }) =>
    (status?.addresses ?? [])
      .filter(({ address }) => parseIp(address) !== undefined)
      .map(({ address }): ForeignRange => ({ cidr: hostCidr(address), of: 'node', name: metadata.name })),
  );
  const services = serviceCidrs.flatMap(({ metadata, spec }) =>
    (spec.cidrs ?? []).map((cidr): ForeignRange => ({ cidr, of: 'services', name: metadata.name })),
  );
  return [...services, ...addresses];
}

/** Those that share an address with the range, each once. */
export function overlapping(cidr: string, foreign: readonly ForeignRange[]): readonly ForeignRange[] {
  const range = parseCidr(cidr);
  if (range === undefined) return [];
  const found = foreign.filter((other) => {
    const taken = parseCidr(other.cidr);
    return taken !== undefined && overlaps(taken, range);
  });
  return [...new Map(found.map((one) => [`${one.of} ${one.name} ${one.cidr}`, one])).values()];
}

/** The blocks of a pool that have an address of these, as prefixes: nobody is given such a block. */
export function foreignBlocks(cidr: string, blockSize: number, foreign: readonly ForeignRange[]): readonly string[] {
  return overlapping(cidr, foreign).flatMap((one): string[] => {
    const taken = parseCidr(one.cidr);
    if (taken === undefined) return [];
    const length = Math.min(taken.length, blockSize);
    const block: Cidr = {
      ...taken,
      base: taken.base - (taken.base % sizeOf({ family: taken.family, length })),
      length,
    };
    return [formatCidr(block)];
  });
}
