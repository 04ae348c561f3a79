import { formatIp } from '../../lib/ip.ts';

/** Messages of the DNS (RFC 1035, section 4) as far as finding addresses needs them. */
export const RECORD_TYPE = { A: 1, CNAME: 5, AAAA: 28, SRV: 33 } as const;
export const RESPONSE_CODE = { noError: 0, nameError: 3 } as const;

const CLASS_IN = 1;
/** Of the header. */
const RECURSION_DESIRED = 0x0100;
const IS_RESPONSE = 0x8000;
const IS_TRUNCATED = 0x0200;
const HEADER_BYTES = 12;
/** A compressed name refers backwards; more jumps than this are a circle. */
const MOST_JUMPS = 128;

export type QuestionType = 'A' | 'AAAA' | 'SRV';

export interface DnsRecord {
  /** In lower case, without a dot behind it; so are `target` and `alias`. */
  readonly name: string;
  readonly ttlSeconds: number;
  readonly data:
    | { readonly type: 'address'; readonly address: string }
    | { readonly type: 'alias'; readonly alias: string }
    | {
        readonly type: 'service';
        readonly priority: number;
        readonly weight: number;
        readonly port: number;
        readonly target: string;
      };
}

export interface DnsAnswer {
  readonly id: number;
  readonly code: number;
  readonly isTruncated: boolean;
  readonly answers: readonly DnsRecord[];
  /** What the server added unasked: addresses of targets. */
  readonly additional: readonly DnsRecord[];
}

/** One question, with recursion asked for. @throws RangeError for what is no name. */
export function encodeQuestion(id: number, name: string, type: QuestionType): Buffer {
  const labels = name
    .replace(/\.$/, '')
    .split('.')
    .map((label) => {
      const text = Buffer.from(label);
      if (text.length === 0 || text.length > 63) throw new RangeError(`'${name}' is no DNS name`);
      return Buffer.concat([Buffer.of(text.length), text]);
    });
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(RECURSION_DESIRED, 2);
  header.writeUInt16BE(1, 4);
  return Buffer.concat([header, ...labels, Buffer.of(0, 0, RECORD_TYPE[type], 0, CLASS_IN)]);
}

/** Undefined for what is no answer, or cut off in its middle. Records of other types are passed over. */
export function parseAnswer(message: Buffer): DnsAnswer | undefined {
  try {
    return readAnswer(message);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** @throws RangeError where the message ends too early. */
function readAnswer(message: Buffer): DnsAnswer | undefined {
  const flags = message.readUInt16BE(2);
  if ((flags & IS_RESPONSE) === 0) return undefined;
  const [questions, answers, authorities, additional] = [4, 6, 8, 10].map((at) => message.readUInt16BE(at));
  let at = HEADER_BYTES;
  for (let count = questions ?? 0; count > 0; count--) at = readName(message, at).next + 4;
  const section = (count: number) => {
    const records: DnsRecord[] = [];
    for (; count > 0; count--) {
      const { record, next } = readRecord(message, at);
      if (record !== undefined) records.push(record);
      at = next;
    }
    return records;
  };
  const head = { id: message.readUInt16BE(0), code: flags & 0xf, isTruncated: (flags & IS_TRUNCATED) !== 0 };
  // What was cut off may end within a record.
  if (head.isTruncated) return { ...head, answers: [], additional: [] };
  const found = section(answers ?? 0);
  section(authorities ?? 0);
  return { ...head, answers: found, additional: section(additional ?? 0) };
}

function readRecord(message: Buffer, start: number): { readonly record: DnsRecord | undefined; readonly next: number } {
  const { name, next: at } = readName(message, start);
  const [type, kind] = [message.readUInt16BE(at), message.readUInt16BE(at + 2)];
  const length = message.readUInt16BE(at + 8);
  const next = at + 10 + length;
  if (next > message.length) throw new RangeError('the record ends behind the message');
  const data = kind === CLASS_IN ? readData(message, type, at + 10, length) : undefined;
  // A lifetime with its first bit set is none (RFC 2181, section 8).
  const ttl = message.readUInt32BE(at + 4);
  return { record: data && { name, ttlSeconds: ttl > 0x7fff_ffff ? 0 : ttl, data }, next };
}

function readData(message: Buffer, type: number, at: number, length: number): DnsRecord['data'] | undefined {
  switch (type) {
    case RECORD_TYPE.A:
    case RECORD_TYPE.AAAA: {
      if (length !== (type === RECORD_TYPE.A ? 4 : 16)) return undefined;
      const value = BigInt(`0x${message.toString('hex', at, at + length)}`);
      return { type: 'address', address: formatIp({ family: length === 4 ? 4 : 6, value }) };
    }
    case RECORD_TYPE.CNAME:
      return { type: 'alias', alias: readName(message, at).name };
    case RECORD_TYPE.SRV: {
      const [priority, weight, port] = [0, 2, 4].map((offset) => message.readUInt16BE(at + offset));
      const target = readName(message, at + 6).name;
      return { type: 'service', priority: priority ?? 0, weight: weight ?? 0, port: port ?? 0, target };
    }
    default:
      return undefined;
  }
}

/** @returns `next`: what is behind the name where it stands, not where it refers to. */
function readName(message: Buffer, start: number): { readonly name: string; readonly next: number } {
  const labels: string[] = [];
  let at = start;
  let next: number | undefined;
  for (let jumps = 0; jumps <= MOST_JUMPS; ) {
    const length = message.readUInt8(at);
    if (length === 0) return { name: labels.join('.').toLowerCase(), next: next ?? at + 1 };
    if (length >= 0xc0) {
      next ??= at + 2;
      at = message.readUInt16BE(at) & 0x3fff;
      jumps++;
      continue;
    }
    if (at + 1 + length > message.length) throw new RangeError('the name ends behind the message');
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    if (labels.length > MOST_JUMPS) break;
    at += 1 + length;
  }
  throw new RangeError('the name refers to itself');
}
