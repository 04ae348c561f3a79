import koffi from 'koffi';

/**
 * The system calls that Node does not offer, from the C library this process already runs on (glibc or musl).
 * All but `sendOnPoolThread` run on the calling thread. Return values are C's: -1 on failure, and then `errno()`
 * right after the call.
 */
const self = koffi.load(null);

export const socket: (domain: number, type: number, protocol: number) => number = self.func(
  'int socket(int domain, int type, int protocol)',
);
export const bind: (fd: number, address: Uint8Array, length: number) => number = self.func(
  'int bind(int fd, const void *address, uint32_t length)',
);
export const connect: (fd: number, address: Uint8Array, length: number) => number = self.func(
  'int connect(int fd, const void *address, uint32_t length)',
);
export const listen: (fd: number, backlog: number) => number = self.func('int listen(int fd, int backlog)');
export const ioctl: (fd: number, request: number, argument: Uint8Array) => number = self.func(
  'int ioctl(int fd, unsigned long request, void *argument)',
);
export const setns: (fd: number, kind: number) => number = self.func('int setns(int fd, int kind)');
export const setsockopt: (fd: number, level: number, name: number, value: Uint8Array, length: number) => number =
  self.func('int setsockopt(int fd, int level, int name, const void *value, uint32_t length)');
export const getsockopt: (fd: number, level: number, name: number, value: Uint8Array, length: Uint8Array) => number =
  self.func('int getsockopt(int fd, int level, int name, void *value, void *length)');

// koffi knows no ssize_t; int64 is what it is on every 64-bit Linux.
const sendRaw = self.func('int64_t send(int fd, const void *data, size_t length, int flags)');
const recvRaw = self.func('int64_t recv(int fd, void *data, size_t length, int flags)');

export function send(fd: number, data: Uint8Array): number {
  return Number(sendRaw(fd, data, data.length, 0));
}

/** `send` on a thread of libuv's pool: for requests that keep the kernel busy for milliseconds. */
export function sendOnPoolThread(fd: number, data: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    sendRaw.async(fd, data, data.length, 0, (error: unknown, sent: number | bigint) => {
      if (error) reject(error);
      else resolve(Number(sent));
    });
  });
}

export function recv(fd: number, into: Uint8Array, flags: number): number {
  return Number(recvRaw(fd, into, into.length, flags));
}

/** Of the last call that returned -1. */
export function errno(): number {
  return koffi.errno();
}
