import { closeSync } from 'node:fs';
import { NetlinkError } from './netlink/error.ts';
import { bind, errno, getsockopt, listen, socket } from './netlink/libc.ts';
import { inNetns } from './netns.ts';

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** sizeof(sun_path), less the leading NUL of an abstract name (unix(7)). */
const MAX_NAME_BYTES = 107;
const BACKLOG = 128;

/**
 * Listens on the abstract unix socket `@name` of the network namespace at `netnsPath`: only processes in that
 * namespace can connect, and only until the descriptor is closed. Hand the descriptor to `net.Server.listen({ fd })`.
 *
 * @throws NetnsError; NetlinkError with code EADDRINUSE when the name is taken there.
 */
export function listenUnixAbstract(netnsPath: string, name: string): number {
  const path = Buffer.from(name);
  if (path.length === 0 || path.length > MAX_NAME_BYTES) {
    throw new RangeError(`the name of an abstract socket must have 1 to ${MAX_NAME_BYTES} bytes: '${name}'`);
  }
  // struct sockaddr_un: family, then the name behind a NUL; the length given to bind() ends it.
  const address = Buffer.concat([Buffer.of(AF_UNIX, 0, 0), path]);
  const what = `listen on @${name} in ${netnsPath}`;
  return inNetns(netnsPath, () => {
    const fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) throw new NetlinkError(what, errno());
    if (bind(fd, address, address.length) < 0 || listen(fd, BACKLOG) < 0) {
      const failure = new NetlinkError(what, errno());
      closeSync(fd);
      throw failure;
    }
    return fd;
  });
}

/** The user id of the process that connected the unix socket `fd`, as the kernel noted it then, in this user namespace. */
export function peerUid(fd: number): number {
  // struct ucred: pid, uid, gid.
  const credentials = Buffer.alloc(12);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(credentials.length);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, length) < 0) {
    throw new NetlinkError(`read who connected descriptor ${fd}`, errno());
  }
  return credentials.readUInt32LE(4);
}
