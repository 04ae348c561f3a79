import { ownTransactions } from './own-transactions.ts';
import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import { encodeMessage, parseMessages, u32 } from '../netlink/codec.ts';
import {
  AF_NETLINK,
  NETLINK_CAP_ACK,
  NETLINK_EXT_ACK,
  NLM_F_ACK,
  NLM_F_REQUEST,
  NLMSG_ERROR,
  SOL_NETLINK,
} from '../netlink/constants.ts';
import { NetlinkError, parseFailure } from '../netlink/error.ts';
import { bind, errno, recv, send, setsockopt, socket } from '../netlink/libc.ts';
import {
  NETLINK_NETFILTER,
  NFNL_MSG_BATCH_BEGIN,
  NFNL_MSG_BATCH_END,
  NFNL_SUBSYS_NFTABLES,
  NFPROTO_INET,
  nfgenmsg,
} from './nfnetlink.ts';
import { type Culprit, NftError } from './nft-error.ts';

/** One command of a transaction on `inet weft`. */
export interface BatchMessage {
  readonly type: number;
  /** Beside NLM_F_REQUEST. */
  readonly flags: number;
  /** Encoded attributes. */
  readonly attributes: Buffer;
  /** For errors, as an infinitive: `add elements to s_1f`. */
  readonly what: string;
  readonly culprit?: Culprit | undefined;
}

const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;
/** A batch is one datagram, and must fit whole: 20,000 verdict elements are about 2 MB. */
const SEND_BUFFER_BYTES = 16 * 1024 * 1024;
const MSG_DONTWAIT = 0x40;
const replies = Buffer.alloc(65_536);

/** Transactions of nf_tables, in the network namespace that was the thread's when this was made. */
export class BatchSocket {
  readonly #fd: number;
  #sequence = 0;
  readonly #own = ownTransactions();

  constructor() {
    this.#fd = socket(AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_NETFILTER);
    if (this.#fd < 0) throw new NetlinkError('open an nfnetlink socket', errno());
    const address = Buffer.alloc(12);
    address.writeUInt16LE(AF_NETLINK);
    const failed =
      bind(this.#fd, address, address.length) < 0 ||
      setsockopt(this.#fd, SOL_NETLINK, NETLINK_CAP_ACK, u32(1), 4) < 0 ||
      setsockopt(this.#fd, SOL_NETLINK, NETLINK_EXT_ACK, u32(1), 4) < 0 ||
      setsockopt(this.#fd, SOL_SOCKET, SO_SNDBUFFORCE, u32(SEND_BUFFER_BYTES), 4) < 0;
    if (!failed) return;
    const error = new NetlinkError('set up an nfnetlink socket', errno());
    this.close();
    throw error;
  }

  /**
   * All of `messages` or none of them. The kernel works inside of send(), so this blocks for as long as it takes.
   * @throws NftError `Refused` with the culprit of the first message that the kernel did not take.
   */
  commit(messages: readonly BatchMessage[]): void {
    if (messages.length === 0) return;
    const first = this.#sequence + 1;
    this.#sequence += messages.length + 2;
    const frame = nfgenmsg(0, NFNL_SUBSYS_NFTABLES);
    const header = nfgenmsg(NFPROTO_INET);
    const datagram = Buffer.concat([
      encodeMessage(NFNL_MSG_BATCH_BEGIN, NLM_F_REQUEST, first, frame, []),
      ...messages.map(({ type, flags, attributes }, index) => {
        const acknowledge = index === messages.length - 1 ? NLM_F_ACK : 0;
        const body = Buffer.concat([header, attributes]);
        return encodeMessage(type, NLM_F_REQUEST | flags | acknowledge, first + 1 + index, body, []);
      }),
      encodeMessage(NFNL_MSG_BATCH_END, NLM_F_REQUEST, this.#sequence, frame, []),
    ]);
    this.#drain();
    if (send(this.#fd, datagram) < 0) throw refusal(new NetlinkError('send an nftables batch', errno()), messages[0]);
    this.#expectAcknowledgement(messages, first);
    this.#own.count += 1;
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** The replies are queued by the time send() returns: there is nothing to wait for. */
  #expectAcknowledgement(messages: readonly BatchMessage[], first: number): void {
    let isAcknowledged = false;
    for (;;) {
      const size = recv(this.#fd, replies, MSG_DONTWAIT);
      if (size < 0) {
        const failure = errno();
        if (failure === constants.errno.EINTR) continue;
        if (failure === constants.errno.EAGAIN && isAcknowledged) return;
        throw refusal(new NetlinkError('commit an nftables batch', failure), undefined);
      }
      for (const reply of parseMessages(replies.subarray(0, size))) {
        if (reply.type !== NLMSG_ERROR || reply.sequence < first) continue;
        const message = messages[reply.sequence - first - 1];
        const failure = parseFailure(message?.what ?? 'commit an nftables batch', reply);
        if (failure !== undefined) throw refusal(failure, message);
        isAcknowledged = true;
      }
    }
  }

  /** Drops what an earlier, failed batch left unread. */
  #drain(): void {
    while (recv(this.#fd, replies, MSG_DONTWAIT) >= 0);
  }
}

function refusal(cause: NetlinkError, message: BatchMessage | undefined): NftError {
  return new NftError('Refused', cause.message, message?.culprit, cause);
}
