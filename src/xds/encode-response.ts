import type { Batch } from './subscription.ts';

/** Of DeltaDiscoveryResponse, Resource and google.protobuf.Any; all are of lengths, and their tags one byte. */
const RESPONSE = { systemVersionInfo: 1, resources: 2, typeUrl: 4, nonce: 5, removedResources: 6 } as const;
const RESOURCE = { version: 1, resource: 2, name: 3 } as const;
const ANY = { typeUrl: 1, value: 2 } as const;
const LENGTH_DELIMITED = 2;

type Upsert = Batch['upserts'][number];

/**
 * envoy.service.discovery.v3.DeltaDiscoveryResponse, written into one buffer of the right size: when proxies start, a
 * node sends them all that there is at once, and each copy of that would be memory the agent keeps.
 */
export function encodeResponse(typeUrl: string, nonce: string, { upserts, removals }: Batch): Buffer {
  const sizes = upserts.map((upsert) => resourceSizes(upsert, typeUrl));
  const texts: (readonly [number, string])[] = [
    [RESPONSE.systemVersionInfo, nonce],
    [RESPONSE.typeUrl, typeUrl],
    [RESPONSE.nonce, nonce],
    ...removals.map((name) => [RESPONSE.removedResources, name] as const),
  ];
  const size =
    sizes.reduce((sum, { resource }) => sum + fieldSize(resource), 0) +
    texts.reduce((sum, [, text]) => sum + fieldSize(Buffer.byteLength(text)), 0);
  const writer = new Writer(size);
  for (const [field, text] of texts) writer.text(field, text);
  for (const [index, { name, resource }] of upserts.entries()) {
    const { any = 0, resource: whole = 0 } = sizes[index] ?? {};
    writer.head(RESPONSE.resources, whole);
    writer.text(RESOURCE.version, resource.version);
    writer.text(RESOURCE.name, name);
    writer.head(RESOURCE.resource, any);
    writer.text(ANY.typeUrl, typeUrl);
    writer.bytes(ANY.value, resource.value);
  }
  return writer.buffer;
}

function resourceSizes(
  { name, resource }: Upsert,
  typeUrl: string,
): { readonly any: number; readonly resource: number } {
  const any = fieldSize(Buffer.byteLength(typeUrl)) + fieldSize(resource.value.byteLength);
  const texts = fieldSize(Buffer.byteLength(resource.version)) + fieldSize(Buffer.byteLength(name));
  return { any, resource: texts + fieldSize(any) };
}

/** With its tag and its length. */
function fieldSize(length: number): number {
  let size = 2;
  for (let rest = length >>> 7; rest > 0; rest >>>= 7) size += 1;
  return size + length;
}

class Writer {
  readonly buffer: Buffer;
  #at = 0;

  constructor(size: number) {
    this.buffer = Buffer.allocUnsafe(size);
  }

  head(field: number, length: number): void {
    this.buffer[this.#at++] = (field << 3) | LENGTH_DELIMITED;
    let rest = length;
    for (; rest > 0x7f; rest >>>= 7) this.buffer[this.#at++] = (rest & 0x7f) | 0x80;
    this.buffer[this.#at++] = rest;
  }

  text(field: number, text: string): void {
    this.head(field, Buffer.byteLength(text));
    this.#at += this.buffer.write(text, this.#at);
  }

  bytes(field: number, bytes: Uint8Array): void {
    this.head(field, bytes.byteLength);
    this.buffer.set(bytes, this.#at);
    this.#at += bytes.byteLength;
  }
}
