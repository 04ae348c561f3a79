import { shortHash } from '../../lib/hash.ts';

/** What the table keeps of a resource: who compiled it does not matter, only what it says. */
export interface Content {
  /** Equal for equal content, in every process. Opaque to those who hold it. */
  readonly version: string;
  readonly body: unknown;
  /** JSON text of the body, UTF-8; made once. */
  encode(): Uint8Array;
}

/** A resource that is replaced whole. */
export function plainContent(body: unknown): Content {
  const text = canonicalJson(body);
  const [version, bytes] = [shortHash(text), new TextEncoder().encode(text)];
  return { version, body, encode: () => bytes };
}

/** JSON whose object keys are sorted and whose absent values are left out: equal content, equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
