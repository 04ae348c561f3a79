import { fromBinary } from '@bufbuild/protobuf';
import { OperatorMessageSchema, type Update } from '../src/stream/generated/wire/weft/node/v1/node_pb.ts';

/** What an agent reads of the bytes that `encodeUpdate` makes. @throws for any other message. */
export function updateOf(bytes: Uint8Array): Update {
  const { message } = fromBinary(OperatorMessageSchema, bytes);
  if (message.case !== 'update') throw new Error(`the message is no update, but ${message.case ?? 'none'}`);
  return message.value;
}
