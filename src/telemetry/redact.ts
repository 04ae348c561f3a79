import type { LogFields } from '../lib/logger.ts';

const SECRET_NAME = /token|secret|passw|passphrase|authorization|cookie|credential|private_?key|keypem|keydata/i;
/** Fields that only name or count a secret: `secretName`, `tokenCount`. */
const HARMLESS_NAME = /(name|namespace|count|kind|ms|seconds)$/i;
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g;
/** A JSON Web Token in compact form (RFC 7519): base64url of `{"`, three parts. */
const JSON_WEB_TOKEN = /\beyJ[\w-]{5,}\.[\w-]+\.[\w-]*/g;
const REDACTED = '[redacted]';
const MAX_DEPTH = 6;

/**
 * A copy of `fields` that may be written to a log: fields with a secret-like name are replaced whole, private keys
 * and JSON Web Tokens are cut out of any text, errors become plain objects, buffers their size, and what is nested
 * deeper than six levels is left out (which also ends cycles).
 */
export function redactFields(fields: LogFields): Record<string, unknown> {
  return redactObject(fields, 0);
}

/** Cuts private keys and JSON Web Tokens out of `text`. */
export function redactText(text: string): string {
  return text.replace(PRIVATE_KEY, REDACTED).replace(JSON_WEB_TOKEN, REDACTED);
}

function redactObject(object: object, depth: number): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(object)) {
    if (value === undefined) continue;
    const isSecret = SECRET_NAME.test(name) && !HARMLESS_NAME.test(name);
    result[name] = isSecret ? REDACTED : redactValue(value, depth + 1);
  }
  return result;
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint' || typeof value === 'symbol') return value.toString();
  if (typeof value === 'function') return '[function]';
  if (typeof value !== 'object' || value === null) return value;
  if (depth > MAX_DEPTH) return '[deeper]';
  if (value instanceof Error) return redactError(value, depth);
  if (value instanceof Uint8Array) return `[${value.byteLength} bytes]`;
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Map) return redactObject(Object.fromEntries(value), depth);
  if (Array.isArray(value) || value instanceof Set) return Array.from(value, (item) => redactValue(item, depth + 1));
  return redactObject(value, depth);
}

function redactError(error: Error, depth: number): Record<string, unknown> {
  const { cause, ...own } = redactObject(error, depth);
  return {
    name: error.name,
    message: redactText(error.message),
    ...own,
    ...(error.cause === undefined ? {} : { cause: cause ?? redactValue(error.cause, depth + 1) }),
    stack: redactText(error.stack ?? ''),
  };
}
