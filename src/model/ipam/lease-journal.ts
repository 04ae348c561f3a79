import { parsePodWiring, type PodWiring } from '../node/pod-wiring.ts';

/**
 * What the agent's journal says of addresses, one entry a change. An entry is on disk before the change counts; the
 * state of leases is nothing but the entries applied in order (`applyEntry`), so that a restart cannot differ.
 */
export type LeaseEntry =
  /** The pod holds the address now, through this attachment; an earlier attachment of the pod is forgotten. */
  | {
      readonly op: 'lease';
      readonly podUid: string;
      readonly ifname: string;
      readonly containerId: string;
      /** Path of the network namespace; absent when the runtime's is not known. */
      readonly netns?: string;
      readonly address: string;
      /** Of the attachment; absent: a plain one. */
      readonly wiring?: PodWiring;
    }
  /** The address of this attachment's pod is free again, and rests. */
  | { readonly op: 'release'; readonly containerId: string; readonly ifname: string; readonly atMs: number }
  /** An address rests, and who had it; written when a journal is rewritten or rebuilt. */
  | {
      readonly op: 'rest';
      readonly address: string;
      readonly podUid: string;
      readonly ifname: string;
      readonly atMs: number;
      readonly acknowledged: boolean;
    }
  /** A block that is being given back: nothing of it is leased any more. */
  | { readonly op: 'close'; readonly uid: string }
  /** The range is another node's from now on, until that IPBlock is gone. */
  | { readonly op: 'lend'; readonly uid: string; readonly cidr: string }
  /** That IPBlock is gone; its addresses rest. */
  | { readonly op: 'return'; readonly uid: string; readonly atMs: number }
  /** What was lent is not known: a journal was lost. */
  | { readonly op: 'unsure' }
  /** It is known again, by the entries before. */
  | { readonly op: 'sure' }
  /** Every node that knew of these addresses' last holders has forgotten them. */
  | { readonly op: 'acknowledge'; readonly addresses: readonly string[] };

/** An entry as read from disk; undefined when it is none, such as one of a newer version's. */
export function parseJournalEntry(value: unknown): LeaseEntry | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const fields = value as Readonly<Record<string, unknown>>;
  const { op, uid, cidr, podUid, ifname, containerId, netns, address, addresses, atMs, acknowledged } = fields;
  const wiring = parsePodWiring(fields['wiring']);
  switch (op) {
    case 'lease':
      if (!isText(podUid) || !isText(ifname) || !isText(containerId) || !isText(address)) return undefined;
      return {
        ...{ op, podUid, ifname, containerId, address },
        ...(isText(netns) ? { netns } : {}),
        ...(wiring === undefined ? {} : { wiring }),
      };
    case 'release':
      if (!isText(ifname) || !isText(containerId) || !isTime(atMs)) return undefined;
      return { op, containerId, ifname, atMs };
    case 'rest':
      if (!isText(address) || !isText(podUid) || !isText(ifname) || !isTime(atMs)) return undefined;
      return { op, address, podUid, ifname, atMs, acknowledged: acknowledged === true };
    case 'close':
      return isText(uid) ? { op, uid } : undefined;
    case 'lend':
      return isText(uid) && isText(cidr) ? { op, uid, cidr } : undefined;
    case 'return':
      return isText(uid) && isTime(atMs) ? { op, uid, atMs } : undefined;
    case 'unsure':
    case 'sure':
      return { op };
    case 'acknowledge':
      if (!Array.isArray(addresses) || !addresses.every(isText)) return undefined;
      return { op, addresses };
    default:
      return undefined;
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}
