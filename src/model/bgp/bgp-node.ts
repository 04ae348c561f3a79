import type { Node } from '../../api/kubernetes.ts';
import { REASON } from '../../api/reasons.ts';
import { type Family, familyOf, formatIp } from '../../lib/ip.ts';
import { shortHash } from '../../lib/hash.ts';
import { nodeAddressesOf } from '../node/translate-node.ts';
import type { Problem } from '../problem.ts';

/** Of a Node: the autonomous system that it is in, where that is another than the BGPConfiguration's. */
const AS_ANNOTATION = 'weft.dev/bgp-as-number';
/** RFC 7607 and RFC 7300 keep 0 and the last one from use. */
const LAST_AS = 4_294_967_294;

/** What of a Node matters for BGP: equal texts of it are equal neighbours. */
export interface BgpNode {
  readonly name: string;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly addresses: readonly string[];
  /** Absent: the BGPConfiguration's. */
  readonly asNumber?: number;
}

export function bgpNodeOf(node: Node): BgpNode {
  const { name, uid = '', labels = {} } = node.metadata;
  const asNumber = asNumberOf(node);
  return { name, uid, labels, addresses: nodeAddressesOf(node), ...(typeof asNumber === 'number' ? { asNumber } : {}) };
}

/** Why the Node's own AS number does not count; the BGPConfiguration's does then. */
export function asNumberProblem(node: Node): Problem | undefined {
  const asNumber = asNumberOf(node);
  return typeof asNumber === 'object' ? asNumber : undefined;
}

export function addressOfFamily({ addresses }: BgpNode, family: Family): string | undefined {
  return addresses.find((address) => familyOf(address) === family);
}

/** The node's IPv4 address; of a node without one, as good as unique by the Node's UID. */
export function routerIdOf(node: BgpNode): string {
  const own = addressOfFamily(node, 4);
  if (own !== undefined) return own;
  const value = BigInt(`0x${shortHash(node.uid, 8)}`);
  return formatIp({ family: 4, value: value === 0n ? 1n : value });
}

function asNumberOf({ metadata: { annotations } }: Node): number | Problem | undefined {
  const text = annotations?.[AS_ANNOTATION];
  if (text === undefined) return undefined;
  const value = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  if (value > 0 && value <= LAST_AS) return value;
  return {
    path: `metadata.annotations['${AS_ANNOTATION}']`,
    reason: REASON.invalidAsNumber,
    message: `'${text}' is no AS number: write one of 1 to ${LAST_AS}, for example 64513, or take the annotation away`,
  };
}
