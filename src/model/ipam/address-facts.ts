import type { IPBlock } from '../../api/generated/ipblock.ts';
import type { IPPool } from '../../api/generated/ippool.ts';
import type { Node, Pod } from '../../api/kubernetes.ts';
import { canonicalIp, type Family, parseCidr, parseIp, sizeOf } from '../../lib/ip.ts';
import type { AttachmentInspection, NodeInspection } from './inspection.ts';

/** Everything that is known of addresses at one moment: API objects, nodes' journals and kernels. */
export interface AddressFacts {
  readonly pools: readonly IPPool[];
  readonly blocks: readonly IPBlock[];
  readonly nodes: readonly Node[];
  readonly pods: readonly Pod[];
  /** By node; text: why the node could not be asked. */
  readonly inspections: ReadonlyMap<string, NodeInspection | string>;
  /** By uid of the IPBlock: for how long its Node has been known to be gone, and nobody to hold it. */
  readonly quarantinedMs: ReadonlyMap<string, number>;
}

/** A lease, and on which node. */
export interface PlacedLease {
  readonly node: string;
  readonly attachment: AttachmentInspection;
}

/** Nodes that could be asked, by name. */
export function inspectedNodes({ inspections }: AddressFacts): readonly (readonly [string, NodeInspection])[] {
  return [...inspections].flatMap(([node, seen]) => (typeof seen === 'string' ? [] : [[node, seen] as const]));
}

export function allLeases(facts: AddressFacts): readonly PlacedLease[] {
  return inspectedNodes(facts).flatMap(([node, { attachments }]) =>
    attachments.map((attachment) => ({ node, attachment })),
  );
}

/** Addresses of a pod of the pod network, canonical; none of one on its node's own network, or that has ended. */
export function addressesOfPod({ spec, status }: Pod): readonly string[] {
  if (spec.hostNetwork === true || status?.phase === 'Succeeded' || status?.phase === 'Failed') return [];
  return (status?.podIPs ?? []).flatMap(({ ip }) => canonicalIp(ip) ?? []);
}

export function podName({ metadata }: Pod): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}

/** What has an address, found in as many steps as there are prefix lengths. */
export class RangeIndex<T> {
  /** By family and size of the ranges, the narrowest first; within by first address. */
  readonly #sizes: readonly {
    readonly family: Family;
    readonly size: bigint;
    readonly ranges: ReadonlyMap<bigint, T>;
  }[];

  /** Of two items with the same range the later one counts. */
  constructor(items: readonly T[], cidrOf: (item: T) => string) {
    const ranges = items.flatMap((item) => {
      const range = parseCidr(cidrOf(item));
      return range === undefined ? [] : [{ range, item }];
    });
    const groups = Map.groupBy(ranges, ({ range }) => `${range.family}/${range.length}`);
    this.#sizes = [...groups.values()]
      .flatMap((group) => {
        const [first] = group;
        if (first === undefined) return [];
        const { family } = first.range;
        const entries = group.map(({ range, item }) => [range.base, item] as const);
        return [{ family, size: sizeOf(first.range), ranges: new Map(entries) }];
      })
      .sort((a, b) => (a.size < b.size ? -1 : 1));
  }

  /** Of ranges within each other the narrowest first. */
  all(address: string): readonly T[] {
    const ip = parseIp(address);
    if (ip === undefined) return [];
    return this.#sizes.flatMap(({ family, size, ranges }) => {
      const item = family === ip.family ? ranges.get(ip.value - (ip.value % size)) : undefined;
      return item === undefined ? [] : [item];
    });
  }

  find(address: string): T | undefined {
    return this.all(address)[0];
  }
}
