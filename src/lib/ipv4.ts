/** IPv4 addresses as unsigned 32-bit numbers, prefixes as {base, length}. */
export interface Cidr4 {
  /** First address of the range. */
  readonly base: number;
  /** Prefix length, 0..32. */
  readonly length: number;
}

/** Dotted quad, no leading zeros (RFC 6943, 3.1.1). Undefined when `text` is no IPv4 address. */
export function parseIpv4(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part)) return undefined;
    const octet = Number(part);
    if (octet > 255) return undefined;
    value = value * 256 + octet;
  }
  return value;
}

export function formatIpv4(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

/** `a.b.c.d/n` whose host bits are zero. Undefined otherwise. */
export function parseCidr4(text: string): Cidr4 | undefined {
  const slash = text.indexOf('/');
  if (slash < 0 || !/^(0|[1-9]\d?)$/.test(text.slice(slash + 1))) return undefined;
  const base = parseIpv4(text.slice(0, slash));
  const length = Number(text.slice(slash + 1));
  if (base === undefined || length > 32 || base % sizeOf(length) !== 0) return undefined;
  return { base, length };
}

export function formatCidr4({ base, length }: Cidr4): string {
  return `${formatIpv4(base)}/${length}`;
}

/** Addresses in a prefix of `length`. */
export function sizeOf(length: number): number {
  return 2 ** (32 - length);
}

export function lastAddress(cidr: Cidr4): number {
  return cidr.base + sizeOf(cidr.length) - 1;
}

export function containsAddress(cidr: Cidr4, address: number): boolean {
  return address >= cidr.base && address <= lastAddress(cidr);
}

export function overlaps(a: Cidr4, b: Cidr4): boolean {
  return a.base <= lastAddress(b) && b.base <= lastAddress(a);
}
