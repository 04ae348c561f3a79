/** Numbers of include/uapi/linux/netfilter/{nfnetlink,nf_tables,nfnetlink_conntrack}.h, and the header they share. */
export const NETLINK_NETFILTER = 12;
export const NFPROTO_UNSPEC = 0;
export const NFPROTO_INET = 1;
export const NFPROTO_IPV4 = 2;
export const NFPROTO_BRIDGE = 7;
export const NFPROTO_IPV6 = 10;
const NFNL_SUBSYS_CTNETLINK = 1;
export const NFNL_SUBSYS_NFTABLES = 10;
export const NFNL_MSG_BATCH_BEGIN = 0x10;
export const NFNL_MSG_BATCH_END = 0x11;

export const NFT_MSG_GETTABLE = nftMessage(1);
export const NFT_MSG_GETCHAIN = nftMessage(4);
export const NFT_MSG_DELCHAIN = nftMessage(5);
export const NFT_MSG_NEWRULE = nftMessage(6);
export const NFT_MSG_GETRULE = nftMessage(7);
export const NFT_MSG_DELRULE = nftMessage(8);
export const NFT_MSG_NEWSET = nftMessage(9);
export const NFT_MSG_DELSET = nftMessage(11);
export const NFT_MSG_NEWSETELEM = nftMessage(12);
export const NFT_MSG_GETSETELEM = nftMessage(13);
export const NFT_MSG_DELSETELEM = nftMessage(14);
export const NFT_MSG_GETGEN = nftMessage(16);
export const IPCTNL_MSG_CT_GET = (NFNL_SUBSYS_CTNETLINK << 8) | 1;
export const IPCTNL_MSG_CT_DELETE = (NFNL_SUBSYS_CTNETLINK << 8) | 2;
export const IPCTNL_MSG_CT_GET_STATS = (NFNL_SUBSYS_CTNETLINK << 8) | 5;

const NFNL_SUBSYS_ULOG = 4;
export const NFULNL_MSG_PACKET = NFNL_SUBSYS_ULOG << 8;
export const NFULNL_MSG_CONFIG = (NFNL_SUBSYS_ULOG << 8) | 1;

function nftMessage(number: number): number {
  return (NFNL_SUBSYS_NFTABLES << 8) | number;
}

/** struct nfgenmsg: family, version, and the subsystem of a batch in network byte order. */
export function nfgenmsg(family: number, subsystem = 0): Buffer {
  return Buffer.of(family, 0, subsystem >> 8, subsystem & 255);
}

/** nf_tables speaks network byte order throughout, rtnetlink does not. */
export function u32be(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}
