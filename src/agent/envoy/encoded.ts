import { createHash } from 'node:crypto';
import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { AnySchema } from '@bufbuild/protobuf/wkt';

/** One resource as a proxy gets it. */
export interface EncodedResource {
  readonly typeUrl: string;
  readonly name: string;
  /** Hash of the value: equal content has an equal version, whoever encodes it and when. */
  readonly version: string;
  readonly value: Uint8Array;
}

export function typeUrlOf(schema: DescMessage): string {
  return `type.googleapis.com/${schema.typeName}`;
}

/** The same bytes for the same content: callers hand lists over in a fixed order and maps of one entry at most. */
export function encodeResource<S extends DescMessage>(
  schema: S,
  name: string,
  message: MessageInitShape<S>,
): EncodedResource {
  const value = toBinary(schema, create(schema, message));
  const version = createHash('sha256').update(value).digest('hex').slice(0, 16);
  return { typeUrl: typeUrlOf(schema), name, version, value };
}

export function packAny<S extends DescMessage>(schema: S, message: MessageInitShape<S>): Any {
  return create(AnySchema, { typeUrl: typeUrlOf(schema), value: toBinary(schema, create(schema, message)) });
}

/** google.protobuf.Duration. */
export function durationOf(milliseconds: number): { readonly seconds: bigint; readonly nanos: number } {
  return { seconds: BigInt(Math.floor(milliseconds / 1000)), nanos: (milliseconds % 1000) * 1_000_000 };
}

/** envoy.config.core.v3.Address of a TCP socket. */
export function socketAddress(address: string, port: number) {
  return {
    address: {
      case: 'socketAddress' as const,
      value: { address, portSpecifier: { case: 'portValue' as const, value: port } },
    },
  };
}
