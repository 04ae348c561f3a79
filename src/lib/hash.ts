import { createHash } from 'node:crypto';

/** The first `length` hexadecimal digits of the SHA-256 of `text` (UTF-8). 16 digits: 2^32 names before a likely clash. */
export function shortHash(text: string, length = 16): string {
  return createHash('sha256').update(text).digest('hex').slice(0, length);
}
