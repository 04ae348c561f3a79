import type { MeshService } from '../../api/generated/meshservice.ts';
import { objectKey } from '../../api/meta.ts';
import { shortHash } from '../../lib/hash.ts';
import { canonicalIp } from '../../lib/ip.ts';
import { byAge } from './by-age.ts';

/** Hexadecimal digits that tell services apart: the last three bytes of both ranges. */
const DIGITS = 6;

/**
 * The addresses that names lead to where no Service has one, of both families, by key of the MeshService. From
 * 240.0.0.0/8, which is reserved (RFC 1112, section 4), and 100::/64, which is for discarding (RFC 6666): nothing else
 * is there. They follow from the key, so they outlive operators; of two that clash, the younger gets another.
 */
export function assignVirtualAddresses(meshServices: readonly MeshService[]): ReadonlyMap<string, readonly string[]> {
  const taken = new Set([0]);
  const assigned = new Map<string, readonly string[]>();
  for (const key of [...meshServices].sort(byAge).map(objectKey)) {
    const value = firstFree(key, taken);
    taken.add(value);
    assigned.set(key, addressesOf(value));
  }
  return assigned;
}

function firstFree(key: string, taken: ReadonlySet<number>): number {
  for (let attempt = 0; ; attempt++) {
    const value = Number.parseInt(shortHash(attempt === 0 ? key : `${key} ${attempt}`, DIGITS), 16);
    if (!taken.has(value)) return value;
  }
}

function addressesOf(value: number): readonly string[] {
  const [a, b, c] = [value >> 16, (value >> 8) & 0xff, value & 0xff];
  const ipv6 = canonicalIp(`100::${a.toString(16)}:${(value & 0xffff).toString(16)}`);
  return [`240.${a}.${b}.${c}`, ...(ipv6 === undefined ? [] : [ipv6])];
}
