import { hasCode } from './netlink/error.ts';
import type { Link } from './netlink/link.ts';
import { encodeRateLimit, encodeRateLimitRemoval, findRateLimit } from './netlink/qdisc.ts';
import type { NetlinkSocket } from './netlink/socket.ts';

/**
 * Holds back what leaves by the link: a pod's own end limits what it sends, the node's end what it gets. The rate is in
 * bits a second; undefined takes a limit away.
 *
 * @param isNew whether the link has just been made, and has none.
 */
export function correctRateLimit(
  socket: NetlinkSocket,
  { index }: Link,
  bitsPerSecond: number | undefined,
  isNew: boolean,
): void {
  const wanted = bytesOf(bitsPerSecond);
  if (isNew && wanted === undefined) return;
  const present = isNew ? undefined : findRateLimit(socket, index);
  if (present === wanted) return;
  if (wanted !== undefined) {
    socket.request(encodeRateLimit({ interfaceIndex: index, bytesPerSecond: wanted }));
    return;
  }
  try {
    socket.request(encodeRateLimitRemoval(index));
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'EINVAL')) throw error;
  }
}

/** What differs, as a sentence. */
export function rateLimitFaults(socket: NetlinkSocket, link: Link, bitsPerSecond: number | undefined): string[] {
  const [wanted, present] = [bytesOf(bitsPerSecond), findRateLimit(socket, link.index)];
  if (wanted === present) return [];
  const show = (bytes: number | undefined) => (bytes === undefined ? 'no limit' : `${bytes} bytes a second`);
  return [`${link.name} has ${show(present)} instead of ${show(wanted)}`];
}

function bytesOf(bitsPerSecond: number | undefined): number | undefined {
  return bitsPerSecond === undefined ? undefined : Math.max(1, Math.round(bitsPerSecond / 8));
}
