import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import { type Attribute, encodeMessage, type NetlinkMessage, parseMessages, u32 } from './codec.ts';
import {
  AF_NETLINK,
  NETLINK_CAP_ACK,
  NETLINK_EXT_ACK,
  NETLINK_GET_STRICT_CHK,
  NETLINK_ROUTE,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  SOL_NETLINK,
} from './constants.ts';
import { NetlinkError, parseFailure } from './error.ts';
import { bind, errno, ioctl, recv, send, sendOnPoolThread, setsockopt, socket } from './libc.ts';

export interface NetlinkRequest {
  /** For errors and logs, as an infinitive: `add route 10.42.1.0/26`. */
  readonly what: string;
  readonly type: number;
  /** Beside NLM_F_REQUEST and NLM_F_ACK. */
  readonly flags?: number;
  /** The family's fixed struct. */
  readonly header: Uint8Array;
  readonly attributes?: readonly Attribute[];
}

const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
const SIOCGIFINDEX = 0x8933;
/** struct ifreq (netdevice(7)): the name, then what is asked about. */
const IFREQ = { bytes: 40, nameBytes: 16 };
/** rtnetlink answers inside of send(): a wait means that something is broken, and must not hold the event loop for ever. */
const RECEIVE_TIMEOUT_SECONDS = 5;
/** The kernel fills datagrams of a dump up to 32 KiB (netlink_recvmsg, max_recvmsg_len). */
const datagram = Buffer.alloc(65_536);
/** A dump that a change cut in two is repeated; so many changes in a row do not happen. */
const DUMP_TRIES = 10;

/**
 * A netlink socket of the network namespace that was the thread's when it was opened, for ever. One request at a
 * time: the calls block, for microseconds.
 */
export class NetlinkSocket {
  readonly #fd: number;
  #sequence = 0;

  constructor(protocol = NETLINK_ROUTE) {
    this.#fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
    if (this.#fd < 0) throw new NetlinkError('open a netlink socket', errno());
    try {
      // sockaddr_nl of zeros but the family: the kernel chooses the port id.
      const address = Buffer.alloc(12);
      address.writeUInt16LE(AF_NETLINK);
      this.#require('bind a netlink socket', bind(this.#fd, address, address.length));
      for (const option of [NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK]) {
        this.#require(`set netlink option ${option}`, setsockopt(this.#fd, SOL_NETLINK, option, u32(1), 4));
      }
      const timeout = Buffer.alloc(16);
      timeout.writeBigInt64LE(BigInt(RECEIVE_TIMEOUT_SECONDS));
      this.#require('set the receive timeout', setsockopt(this.#fd, SOL_SOCKET, SO_RCVTIMEO, timeout, timeout.length));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Writes, and waits for the acknowledgement. @throws NetlinkError with the kernel's code and words. */
  request(request: NetlinkRequest): void {
    this.requestAll([request]);
  }

  /**
   * As `request`, of many in one system call, in their order. The kernel carries out what follows a refusal too.
   * @throws NetlinkError of the first that is refused.
   */
  requestAll(requests: readonly NetlinkRequest[]): void {
    const last = requests.at(-1);
    if (last === undefined) return;
    const messages = requests.map((request) => this.#encode(request, request === last ? NLM_F_ACK : 0));
    this.#require(last.what, send(this.#fd, Buffer.concat(messages)));
    this.#answers(...requests.map(({ what }) => what));
  }

  /** As `request`, on a pool thread. Nothing else may use this socket until it settles. */
  async requestOnPoolThread(request: NetlinkRequest): Promise<void> {
    const sent = await sendOnPoolThread(this.#fd, this.#encode(request, NLM_F_ACK));
    // errno() is the pool thread's own there; ENOBUFS is what send() has to say.
    if (sent < 0) throw new NetlinkError(request.what, constants.errno.ENOBUFS);
    this.#answers(request.what);
  }

  /** Asks for one object, whose coming is the acknowledgement. @throws NetlinkError, ENODEV and the like without it. */
  get(request: NetlinkRequest): NetlinkMessage {
    this.#require(request.what, send(this.#fd, this.#encode(request, 0)));
    for (;;) {
      for (const message of parseMessages(this.#receive(request.what))) {
        if (message.sequence !== this.#sequence) continue;
        if (message.type !== NLMSG_ERROR) return message;
        throw parseFailure(request.what, message) ?? new NetlinkError(request.what, constants.errno.ENOENT);
      }
    }
  }

  /** Of an interface of this namespace. Costs a tenth of asking for all there is to say of it. @throws NetlinkError ENODEV */
  indexOf(interfaceName: string): number {
    const request = Buffer.alloc(IFREQ.bytes);
    request.write(interfaceName, 0, IFREQ.nameBytes - 1);
    this.#require(`find link ${interfaceName}`, ioctl(this.#fd, SIOCGIFINDEX, request));
    return request.readInt32LE(IFREQ.nameBytes);
  }

  /** All objects that match the request's filter, as of one moment. */
  dump(request: NetlinkRequest): NetlinkMessage[] {
    for (let attempt = 1; ; attempt += 1) {
      this.#require(request.what, send(this.#fd, this.#encode(request, NLM_F_DUMP)));
      const { messages, interrupted } = this.#answers(request.what);
      if (!interrupted) return messages;
      if (attempt === DUMP_TRIES) throw new NetlinkError(request.what, constants.errno.EINTR);
    }
  }

  /** What the kernel has sent unasked since the last call. For sockets that ask nothing meanwhile; does not block. */
  unasked(): NetlinkMessage[] {
    const messages: NetlinkMessage[] = [];
    for (;;) {
      const size = recv(this.#fd, datagram, MSG_TRUNC | MSG_DONTWAIT);
      if (size > 0 && size <= datagram.length) {
        messages.push(...parseMessages(Buffer.from(datagram.subarray(0, size))));
        continue;
      }
      const failure = size < 0 ? errno() : constants.errno.EMSGSIZE;
      if (failure === constants.errno.EAGAIN) return messages;
      // ENOBUFS: some were lost for want of room; what is there can be read.
      const isPassing = failure === constants.errno.EINTR || failure === constants.errno.ENOBUFS;
      if (!isPassing) throw new NetlinkError('read what the kernel sends', failure);
    }
  }

  close(): void {
    closeSync(this.#fd);
  }

  #encode({ type, flags = 0, header, attributes = [] }: NetlinkRequest, mode: number): Buffer {
    this.#sequence = (this.#sequence + 1) >>> 0;
    return encodeMessage(type, NLM_F_REQUEST | mode | flags, this.#sequence, header, attributes);
  }

  /** What answers the last requests, which are `whats`, up to the acknowledgement of the last or the end of its dump. */
  #answers(...whats: readonly string[]): { readonly messages: NetlinkMessage[]; readonly interrupted: boolean } {
    const first = this.#sequence - whats.length + 1;
    const messages: NetlinkMessage[] = [];
    let interrupted = false;
    let failure: NetlinkError | undefined;
    for (;;) {
      for (const message of parseMessages(this.#receive(whats.at(-1) ?? ''))) {
        const what = whats[(message.sequence - first) >>> 0];
        if (what === undefined) continue;
        interrupted ||= (message.flags & NLM_F_DUMP_INTR) !== 0;
        if (message.type !== NLMSG_ERROR && message.type !== NLMSG_DONE) {
          messages.push(message);
          continue;
        }
        failure ??= parseFailure(what, message);
        if (message.sequence !== this.#sequence) continue;
        if (failure !== undefined) throw failure;
        return { messages, interrupted };
      }
    }
  }

  /** A copy of the next datagram. */
  #receive(what: string): Buffer {
    for (;;) {
      const size = recv(this.#fd, datagram, MSG_TRUNC);
      if (size >= 0 && size <= datagram.length) return Buffer.from(datagram.subarray(0, size));
      const failure = size < 0 ? errno() : constants.errno.EMSGSIZE;
      if (failure !== constants.errno.EINTR) throw new NetlinkError(what, failure);
    }
  }

  #require(what: string, result: number): void {
    if (result < 0) throw new NetlinkError(what, errno());
  }
}
