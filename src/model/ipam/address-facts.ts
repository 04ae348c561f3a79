import type { IPBlock } from '../../api/generated/ipblock.ts';
import type { IPPool } from '../../api/generated/ippool.ts';
import type { Node, Pod } from '../../api/kubernetes.ts';
import { canonicalIp, type Cidr, containsAddress, type Ip, parseCidr, parseIp } from '../../lib/ip.ts';
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

/** Finds what holds an address; of several the first. Texts are read once. */
export class RangeIndex<T> {
  readonly #ranges: readonly { readonly range: Cidr; readonly item: T }[];

  constructor(items: readonly T[], cidrOf: (item: T) => string) {
    this.#ranges = items.flatMap((item) => {
      const range = parseCidr(cidrOf(item));
      return range === undefined ? [] : [{ range, item }];
    });
  }

  find(address: string | Ip): T | undefined {
    const ip = typeof address === 'string' ? parseIp(address) : address;
    if (ip === undefined) return undefined;
    return this.#ranges.find(({ range }) => containsAddress(range, ip))?.item;
  }
}
