import { inNetns } from '../netns.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import { LOG_BYTES, LOG_GROUP, type LoggedPacket, parseLogged } from './logged-packet.ts';
import { NETLINK_NETFILTER, NFPROTO_UNSPEC, NFULNL_MSG_CONFIG, NFULNL_MSG_PACKET, nfgenmsg } from './nfnetlink.ts';

// nfnetlink_log.h.
const NFULA_CFG_CMD = 1;
const NFULA_CFG_MODE = 2;
const NFULNL_CFG_CMD_BIND = 1;
const NFULNL_COPY_PACKET = 2;

/** Hears of the packets that rules with the action Log match, in one network namespace. */
export class PolicyLog {
  readonly #socket: NetlinkSocket;

  /** @throws NetlinkError: EBUSY while somebody else, an earlier agent perhaps, has the group. */
  constructor(netnsPath = '/proc/thread-self/ns/net') {
    this.#socket = inNetns(netnsPath, () => new NetlinkSocket(NETLINK_NETFILTER));
    try {
      const header = nfgenmsg(NFPROTO_UNSPEC, LOG_GROUP);
      const mode = Buffer.alloc(6);
      mode.writeUInt32BE(LOG_BYTES);
      mode.writeUInt8(NFULNL_COPY_PACKET, 4);
      const bind = [NFULA_CFG_CMD, Buffer.of(NFULNL_CFG_CMD_BIND)] as const;
      for (const attribute of [bind, [NFULA_CFG_MODE, mode] as const]) {
        const what = 'listen to what policies log';
        this.#socket.request({ what, type: NFULNL_MSG_CONFIG, header, attributes: [attribute] });
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** What was logged since the last call, in order. The kernel hands packets over within a second. */
  take(): LoggedPacket[] {
    const packets = this.#socket.unasked().filter(({ type }) => type === NFULNL_MSG_PACKET);
    return packets.flatMap(({ body }) => parseLogged(body) ?? []);
  }

  close(): void {
    this.#socket.close();
  }
}
