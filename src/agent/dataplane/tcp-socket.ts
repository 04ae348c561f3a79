import { closeSync } from 'node:fs';
import { NetlinkError } from './netlink/error.ts';
import { bind, connect, errno, listen, setsockopt, socket } from './netlink/libc.ts';
import { inNetns } from './netns.ts';

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_MARK = 36;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const EINPROGRESS = 115;
const EAFNOSUPPORT = 97;
const BACKLOG = 128;
const TYPE = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;

/**
 * Listens on `port` of all addresses, of both families where there are two, in the network namespace at `netnsPath`.
 * Hand the descriptor to `net.Server.listen({ fd })`.
 *
 * @throws NetnsError; NetlinkError with code EADDRINUSE when the port is taken there.
 */
export function listenTcp(netnsPath: string, port: number): number {
  const what = `listen on port ${port} in ${netnsPath}`;
  return inNetns(netnsPath, () => {
    const dual = socket(AF_INET6, TYPE, 0);
    if (dual < 0 && errno() !== EAFNOSUPPORT) throw new NetlinkError(what, errno());
    const fd = dual < 0 ? socket(AF_INET, TYPE, 0) : dual;
    if (fd < 0) throw new NetlinkError(what, errno());
    return orClose(fd, what, () => {
      const address = dual < 0 ? ipv4Address(port, [0, 0, 0, 0]) : ipv6Any(port);
      const isOpen =
        (dual < 0 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, uint32(0), 4) === 0) &&
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, uint32(1), 4) === 0;
      return isOpen && bind(fd, address, address.length) === 0 && listen(fd, BACKLOG) === 0;
    });
  });
}

/**
 * A connection, perhaps still on its way, to `port` of 127.0.0.1 in the network namespace at `netnsPath`, whose packets
 * carry `mark` there. Hand the descriptor to `new net.Socket({ fd })`.
 *
 * @throws NetnsError; NetlinkError with code ECONNREFUSED when nobody listens there.
 */
export function connectTcp(netnsPath: string, port: number, mark: number): number {
  const what = `connect to port ${port} in ${netnsPath}`;
  return inNetns(netnsPath, () => {
    const fd = socket(AF_INET, TYPE, 0);
    if (fd < 0) throw new NetlinkError(what, errno());
    return orClose(fd, what, () => {
      const address = ipv4Address(port, [127, 0, 0, 1]);
      if (setsockopt(fd, SOL_SOCKET, SO_MARK, uint32(mark), 4) < 0) return false;
      return connect(fd, address, address.length) === 0 || errno() === EINPROGRESS;
    });
  });
}

function orClose(fd: number, what: string, open: () => boolean): number {
  if (open()) return fd;
  const failure = new NetlinkError(what, errno());
  closeSync(fd);
  throw failure;
}

/** struct sockaddr_in: family, port in network order, address, padding. */
function ipv4Address(port: number, address: readonly number[]): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16LE(AF_INET, 0);
  bytes.writeUInt16BE(port, 2);
  bytes.set(address, 4);
  return bytes;
}

/** struct sockaddr_in6 of `::`: family, port in network order, flow, address, scope. */
function ipv6Any(port: number): Buffer {
  const bytes = Buffer.alloc(28);
  bytes.writeUInt16LE(AF_INET6, 0);
  bytes.writeUInt16BE(port, 2);
  return bytes;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
