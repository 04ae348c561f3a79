/** IPv4 and IPv6 addresses as unsigned numbers of 32 or 128 bits, prefixes as {family, base, length}. */
export type Family = 4 | 6;

export interface Ip {
  readonly family: Family;
  readonly value: bigint;
}

export interface Cidr {
  readonly family: Family;
  /** First address of the range. */
  readonly base: bigint;
  /** Prefix length, up to `bitsOf(family)`. */
  readonly length: number;
}

export function bitsOf(family: Family): 32 | 128 {
  return family === 4 ? 32 : 128;
}

/** Of a text that is an address or a prefix; what it is not is not looked for. */
export function familyOf(text: string): Family {
  return text.includes(':') ? 6 : 4;
}

/**
 * Dotted quad without leading zeros (RFC 6943, 3.1.1), or IPv6 in any of its forms (RFC 4291, 2.2) without a zone.
 * Undefined when `text` is neither.
 */
export function parseIp(text: string): Ip | undefined {
  const value = familyOf(text) === 4 ? parseQuad(text) : parseGroups(text);
  return value === undefined ? undefined : { family: familyOf(text), value };
}

/** The one form of RFC 5952 for IPv6. */
export function formatIp({ family, value }: Ip): string {
  return family === 4 ? formatQuad(Number(value)) : formatGroups(value);
}

/** Two texts of the same address become equal. Undefined when `text` is no address. */
export function canonicalIp(text: string): string | undefined {
  const ip = parseIp(text);
  return ip === undefined ? undefined : formatIp(ip);
}

/** Address and prefix length, the host bits zero. Undefined otherwise. */
export function parseCidr(text: string): Cidr | undefined {
  const cidr = parseLooseCidr(text);
  const slash = text.indexOf('/');
  return cidr === undefined || parseIp(text.slice(0, slash))?.value !== cidr.base ? undefined : cidr;
}

/** As `parseCidr`, but host bits may be set, as the API server allows in a NetworkPolicy; they are cleared. */
export function parseLooseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/');
  const ip = slash < 0 ? undefined : parseIp(text.slice(0, slash));
  if (ip === undefined || !/^(0|[1-9]\d{0,2})$/.test(text.slice(slash + 1))) return undefined;
  const length = Number(text.slice(slash + 1));
  if (length > bitsOf(ip.family)) return undefined;
  const hostBits = BigInt(bitsOf(ip.family) - length);
  return { family: ip.family, base: (ip.value >> hostBits) << hostBits, length };
}

export function formatCidr({ family, base, length }: Cidr): string {
  return `${formatIp({ family, value: base })}/${length}`;
}

/** The prefix that holds this address alone: `/32` or `/128`. */
export function hostCidr(address: string): string {
  return `${address}/${bitsOf(familyOf(address))}`;
}

/** Addresses in it. */
export function sizeOf({ family, length }: Pick<Cidr, 'family' | 'length'>): bigint {
  return 1n << BigInt(bitsOf(family) - length);
}

export function lastAddress(cidr: Cidr): bigint {
  return cidr.base + sizeOf(cidr) - 1n;
}

export function containsAddress(cidr: Cidr, { family, value }: Ip): boolean {
  return cidr.family === family && value >= cidr.base && value <= lastAddress(cidr);
}

export function overlaps(a: Cidr, b: Cidr): boolean {
  return a.family === b.family && a.base <= lastAddress(b) && b.base <= lastAddress(a);
}

/** By family, then by address: an order for texts that people read. Text that is no address comes last. */
export function compareIps(a: string, b: string): number {
  const [x, y] = [parseIp(a), parseIp(b)];
  if (x === undefined || y === undefined) return x === y ? 0 : x === undefined ? 1 : -1;
  return x.family - y.family || (x.value < y.value ? -1 : x.value > y.value ? 1 : 0);
}

/** Unspecified, loopback, link-local, multicast, broadcast, and IPv4 within IPv6. */
const OF_NO_MACHINE = [
  ...['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3'],
  ...['::/127', '::ffff:0:0/96', 'fe80::/10', 'ff00::/8'],
].flatMap((range) => parseCidr(range) ?? []);

/** Whether an address can be that of another machine, or of a pod. */
export function isOfMachine(text: string): boolean {
  const ip = parseIp(text);
  return ip !== undefined && !OF_NO_MACHINE.some((range) => containsAddress(range, ip));
}

function parseQuad(text: string): bigint | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    value = value * 256 + Number(part);
  }
  return BigInt(value);
}

function formatQuad(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}

function parseGroups(text: string): bigint | undefined {
  const halves = text.split('::');
  if (halves.length > 2 || text === '') return undefined;
  const head = groupsOf(halves[0] ?? '');
  const tail = groupsOf(halves[1] ?? '');
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  // A double colon stands for at least one group (RFC 5952, 4.2.2, is about writing; readers take one too).
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...Array.from({ length: missing }, () => 0), ...tail];
  return groups.reduce((sum, group) => (sum << 16n) | BigInt(group), 0n);
}

/** Of one side of a double colon; undefined when it is malformed. */
function groupsOf(text: string): number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const last = parts.at(-1) ?? '';
  const quad = last.includes('.') ? parseQuad(last) : undefined;
  if (last.includes('.') && quad === undefined) return undefined;
  const plain = quad === undefined ? parts : parts.slice(0, -1);
  if (!plain.every((part) => /^[0-9a-f]{1,4}$/i.test(part))) return undefined;
  const groups = plain.map((part) => Number.parseInt(part, 16));
  return quad === undefined ? groups : [...groups, Number(quad >> 16n), Number(quad & 0xffffn)];
}

function formatGroups(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) => Number((value >> BigInt(112 - 16 * index)) & 0xffffn));
  const { start, length } = longestZeros(groups);
  const text = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
  if (length < 2) return text(groups);
  return `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`;
}

/** The first of the longest runs. */
function longestZeros(groups: readonly number[]): { readonly start: number; readonly length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (const [index, group] of groups.entries()) {
    if (group !== 0) start = index + 1;
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start };
  }
  return best;
}
