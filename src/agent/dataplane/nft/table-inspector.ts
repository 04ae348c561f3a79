import { type Attribute, parseAttributes, readText, text } from '../netlink/codec.ts';
import { hasCode } from '../netlink/error.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import { NETLINK_NETFILTER, NFPROTO_INET, NFT_MSG_GETCHAIN, NFT_MSG_GETGEN, nfgenmsg } from './nfnetlink.ts';

// nf_tables.h.
const NFTA_GEN_ID = 1;
const NFTA_CHAIN = { table: 1, handle: 2, name: 3, use: 6 };
const NFTA_SET = { table: 1, name: 2 };
const NFT_MSG_GETSET = NFT_MSG_GETCHAIN + 6;

/** Reads one table of family `inet`, in the network namespace that was the thread's when this was made. */
export class TableInspector {
  readonly #socket = new NetlinkSocket(NETLINK_NETFILTER);
  readonly #table: string;

  constructor(table: string) {
    this.#table = table;
  }

  /** Goes up by one with each transaction of anybody in this network namespace. */
  generation(): number {
    const request = { what: 'read the nftables generation', type: NFT_MSG_GETGEN, header: nfgenmsg(0) };
    return parseAttributes(this.#socket.get(request).body, 4).get(NFTA_GEN_ID)?.readUInt32BE() ?? 0;
  }

  /**
   * Of each chain its handle, which is never used twice, and its use, which counts its rules and who leads to it: when
   * all are as before, nobody has replaced or flushed the table, a chain or a map that leads to chains.
   */
  chains(): Map<string, string> {
    const chains = this.#dump(NFT_MSG_GETCHAIN, NFTA_CHAIN.table);
    return new Map(chains.map((of) => [readText(of.get(NFTA_CHAIN.name)) ?? '', markOf(of)]));
  }

  /** Of one chain the same; undefined when it is not there. Costs microseconds. */
  chain(name: string): string | undefined {
    try {
      const { body } = this.#socket.get({
        what: `read chain ${name}`,
        type: NFT_MSG_GETCHAIN,
        header: nfgenmsg(NFPROTO_INET),
        attributes: [
          [NFTA_CHAIN.table, text(this.#table)],
          [NFTA_CHAIN.name, text(name)],
        ],
      });
      return markOf(parseAttributes(body, 4));
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  sets(): string[] {
    return this.#dump(NFT_MSG_GETSET, NFTA_SET.table).flatMap((of) => readText(of.get(NFTA_SET.name)) ?? []);
  }

  close(): void {
    this.#socket.close();
  }

  #dump(type: number, ofTable: number): ReadonlyMap<number, Buffer>[] {
    const attributes: Attribute[] = [[ofTable, text(this.#table)]];
    const request = { what: 'list nftables objects', type, header: nfgenmsg(NFPROTO_INET), attributes };
    return this.#socket
      .dump(request)
      .map(({ body }) => parseAttributes(body, 4))
      .filter((of) => readText(of.get(ofTable)) === this.#table);
  }
}

function markOf(chain: ReadonlyMap<number, Buffer>): string {
  return [NFTA_CHAIN.handle, NFTA_CHAIN.use].map((type) => chain.get(type)?.toString('hex')).join(':');
}
