import { closeSync, openSync, statSync } from 'node:fs';
import { errnoName } from './netlink/error.ts';
import { errno, setns } from './netlink/libc.ts';
import { NetlinkSocket } from './netlink/socket.ts';
import { systemErrorCode } from './system-error.ts';

/** A network namespace that cannot be entered. */
export class NetnsError extends Error {
  /** `ENOENT` when nothing is at the path, `EINVAL` when what is there is no network namespace. */
  readonly code: string;

  constructor(path: string, code: string, options?: ErrorOptions) {
    const reasons: Readonly<Record<string, string>> = {
      ENOENT: 'there is nothing at this path',
      EINVAL: 'what is there is no network namespace',
    };
    super(`cannot enter network namespace '${path}': ${reasons[code] ?? code}`, options);
    this.name = 'NetnsError';
    this.code = code;
  }
}

const CLONE_NEWNET = 0x40000000;
const OWN = '/proc/thread-self/ns/net';

/**
 * Runs `work` with the calling thread inside the network namespace at `path`, then brings it back; calls may nest.
 * Sockets that `work` opens belong to that namespace for ever; /proc/sys/net is that namespace's meanwhile.
 *
 * `work` must not start threads: no promises of the file system, DNS or crypto, no Worker, nothing of libuv's pool,
 * because a thread made meanwhile would stay in the namespace. A promise as its result is refused.
 *
 * @throws NetnsError when the namespace cannot be entered. When the way back fails the process ends: everything that
 * followed would write to a pod's network instead of the node's.
 */
export function inNetns<T>(path: string, work: () => T): T {
  const fd = openNetnsFile(path);
  try {
    return inNetnsOf(fd, path, work);
  } finally {
    closeSync(fd);
  }
}

/** Tells whether two paths are the same namespace: device and inode of the namespace's file. */
export function netnsId(path: string): string {
  try {
    const { dev, ino } = statSync(path);
    return `${dev}:${ino}`;
  } catch (cause) {
    throw new NetnsError(path, systemErrorCode(cause) ?? 'EIO', { cause });
  }
}

/** An open network namespace with an rtnetlink socket in it. It lives as long as this is open, whoever leaves it. */
export class Netns {
  readonly path: string;
  readonly rtnetlink: NetlinkSocket;
  readonly fd: number;
  readonly #isOwn: boolean;

  private constructor(path: string, fd: number, isOwn: boolean) {
    this.path = path;
    this.fd = fd;
    this.#isOwn = isOwn;
    this.rtnetlink = this.openSocket();
  }

  /** Without `path`: the namespace this process is in. @throws NetnsError */
  static open(path = OWN): Netns {
    const fd = openNetnsFile(path);
    try {
      return new Netns(path, fd, path === OWN && where === undefined);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** As `inNetns`, and at no cost where the thread is at home there. */
  run<T>(work: () => T): T {
    return this.#isOwn && where === undefined ? synchronous(work) : inNetnsOf(this.fd, this.path, work);
  }

  /** A further rtnetlink socket, the caller's to close: for requests that run beside others. */
  openSocket(): NetlinkSocket {
    return this.run(() => new NetlinkSocket());
  }

  close(): void {
    this.rtnetlink.close();
    closeSync(this.fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Where the thread is, of namespaces that it has entered and not left; undefined: at home. */
let where: number | undefined;
/** Of the namespace that the thread was in when it first left it; open as long as the process runs. */
let home: number | undefined;

function inNetnsOf<T>(fd: number, path: string, work: () => T): T {
  home ??= openSync(OWN, 'r');
  const before = where;
  if (setns(fd, CLONE_NEWNET) < 0) throw new NetnsError(path, errnoName(errno()));
  where = fd;
  try {
    return synchronous(work);
  } finally {
    where = before;
    if (setns(before ?? home, CLONE_NEWNET) < 0) process.abort();
  }
}

function synchronous<T>(work: () => T): T {
  const result = work();
  if (isThenable(result)) throw new TypeError('inNetns runs synchronous work only');
  return result;
}

/** Of a namespace that is only named to the kernel; the caller's to close. @throws NetnsError */
function openNetnsFile(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (cause) {
    throw new NetnsError(path, systemErrorCode(cause) ?? 'EIO', { cause });
  }
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value;
}
