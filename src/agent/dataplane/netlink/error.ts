import { constants } from 'node:os';
import { NLM_F_ACK_TLVS, NLMSG_DONE, NLMSGERR_ATTR_MSG } from './constants.ts';
import { type NetlinkMessage, parseAttributes, readText } from './codec.ts';

const CODES = new Map<number, string>();
// Some numbers have two names (EAGAIN and EWOULDBLOCK): the first is the usual one.
for (const [name, number] of Object.entries(constants.errno)) if (!CODES.has(number)) CODES.set(number, name);

/** `ENODEV` for 19; the number itself when it has no name. */
export function errnoName(errno: number): string {
  return CODES.get(errno) ?? `errno ${errno}`;
}

/** The kernel's refusal of one request. The message says what was tried, and the kernel's own words when it had any. */
export class NetlinkError extends Error {
  /** `ENODEV`, `EEXIST` … */
  readonly code: string;
  readonly errno: number;

  /** @param what what was tried and on what, as an infinitive: `create link weft0123456789a`. */
  constructor(what: string, errno: number, kernelText?: string) {
    const code = errnoName(errno);
    super(`cannot ${what}: ${kernelText === undefined ? code : `${kernelText} (${code})`}`);
    this.name = 'NetlinkError';
    this.code = code;
    this.errno = errno;
  }
}

export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof NetlinkError && codes.includes(error.code);
}

/** With NETLINK_CAP_ACK the echo of the request is its header alone. */
const ECHO_BYTES = 16;

/** The error in an NLMSG_ERROR or NLMSG_DONE message; undefined when it says success. */
export function parseFailure(what: string, { type, flags, body }: NetlinkMessage): NetlinkError | undefined {
  const errno = body.length >= 4 ? -body.readInt32LE(0) : 0;
  if (errno === 0) return undefined;
  const offset = 4 + (type === NLMSG_DONE ? 0 : ECHO_BYTES);
  const words = (flags & NLM_F_ACK_TLVS) === 0 ? undefined : parseAttributes(body, offset).get(NLMSGERR_ATTR_MSG);
  return new NetlinkError(what, errno, readText(words));
}
