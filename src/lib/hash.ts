import { hash } from 'node:crypto';

/** The first `length` hexadecimal digits of the SHA-256 of `text` (UTF-8). 16 digits: 2^32 names before a likely clash. */
export function shortHash(text: string, length = 16): string {
  return hash('sha256', text).slice(0, length);
}
