import { type Attribute, parseAttributes, readText, text, u32 } from './codec.ts';
import {
  NLM_F_CREATE,
  NLM_F_REPLACE,
  RTM_DELQDISC,
  RTM_GETQDISC,
  RTM_NEWQDISC,
  TC_H_ROOT,
  TC_LINKLAYER_ETHERNET,
  TCA_KIND,
  TCA_OPTIONS,
  TCA_TBF_BURST,
  TCA_TBF_PARMS,
  TCA_TBF_RATE64,
} from './constants.ts';
import type { NetlinkRequest, NetlinkSocket } from './socket.ts';

/** A token bucket at the root of an interface: what leaves by it is held back to this rate. */
export interface RateLimit {
  readonly interfaceIndex: number;
  readonly bytesPerSecond: number;
}

const TBF = 'tbf';
const HANDLE = 0x10000;
/** A bucket of a tenth of a second, and of one packet with segmentation offload at least. */
const BURST_SECONDS = 0.1;
const LEAST_BURST_BYTES = 65_536;
/** So long packets wait at most for their turn; then they are dropped, and TCP slows down. */
const QUEUE_SECONDS = 0.05;
const MOST_BYTES = 2 ** 31 - 1;

/** Sets the limit, in the place of an earlier one. */
export function encodeRateLimit({ interfaceIndex, bytesPerSecond }: RateLimit): NetlinkRequest {
  const burst = Math.min(MOST_BYTES, Math.max(LEAST_BURST_BYTES, Math.ceil(bytesPerSecond * BURST_SECONDS)));
  const limit = Math.min(MOST_BYTES, burst + Math.ceil(bytesPerSecond * QUEUE_SECONDS));
  // struct tc_tbf_qopt: two tc_ratespec (the second, the peak rate, is not used), then limit, buffer and mtu.
  const parameters = Buffer.alloc(36);
  parameters.writeUInt8(TC_LINKLAYER_ETHERNET, 1);
  parameters.writeUInt32LE(Math.min(bytesPerSecond, 0xffffffff), 8);
  parameters.writeUInt32LE(limit, 24);
  const rate = Buffer.alloc(8);
  rate.writeBigUInt64LE(BigInt(bytesPerSecond));
  const options: Attribute[] = [
    [TCA_TBF_PARMS, parameters],
    [TCA_TBF_BURST, u32(burst)],
    [TCA_TBF_RATE64, rate],
  ];
  return {
    what: `limit interface #${interfaceIndex} to ${bytesPerSecond} bytes a second`,
    type: RTM_NEWQDISC,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    header: tcHeader(interfaceIndex, HANDLE),
    attributes: [
      [TCA_KIND, text(TBF)],
      [TCA_OPTIONS, options],
    ],
  };
}

/** ENOENT or EINVAL when there is none. */
export function encodeRateLimitRemoval(interfaceIndex: number): NetlinkRequest {
  const what = `take the limit off interface #${interfaceIndex}`;
  return { what, type: RTM_DELQDISC, header: tcHeader(interfaceIndex, HANDLE) };
}

/** Undefined for an interface without a limit of this kind. */
export function findRateLimit(socket: NetlinkSocket, interfaceIndex: number): number | undefined {
  const request = { what: 'list queueing disciplines', type: RTM_GETQDISC, header: tcHeader(interfaceIndex, 0, 0) };
  for (const { body } of socket.dump(request)) {
    const attributes = parseAttributes(body, 20);
    if (body.readInt32LE(4) !== interfaceIndex || readText(attributes.get(TCA_KIND)) !== TBF) continue;
    const options = parseAttributes(attributes.get(TCA_OPTIONS) ?? Buffer.alloc(0));
    const wide = options.get(TCA_TBF_RATE64)?.readBigUInt64LE();
    return wide === undefined ? options.get(TCA_TBF_PARMS)?.readUInt32LE(8) : Number(wide);
  }
  return undefined;
}

/** struct tcmsg: family, three bytes of padding, index, handle, parent, info. */
function tcHeader(interfaceIndex: number, handle: number, parent = TC_H_ROOT): Buffer {
  const header = Buffer.alloc(20);
  header.writeInt32LE(interfaceIndex, 4);
  header.writeUInt32LE(handle, 8);
  header.writeUInt32LE(parent, 12);
  return header;
}
