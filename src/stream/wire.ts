import { create, fromBinary, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import type { MethodDefinition } from '@grpc/grpc-js';
import {
  AgentMessageSchema,
  OperatorMessageSchema,
  type AgentMessage,
  type OperatorMessage,
} from './generated/wire/weft/node/v1/node_pb.ts';

/** Version of the protocol in `proto/weft/node/v1/node.proto`. */
export const PROTOCOL = 1;

/** weft.node.v1.NodeAgent, as grpc-js wants to be told. */
export const SYNC: MethodDefinition<OperatorMessage, AgentMessage> = {
  path: '/weft.node.v1.NodeAgent/Sync',
  requestStream: true,
  responseStream: true,
  requestSerialize: serializeToAgent,
  requestDeserialize: (bytes) => fromBinary(OperatorMessageSchema, bytes),
  responseSerialize: (message) => asBuffer(toBinary(AgentMessageSchema, message)),
  responseDeserialize: (bytes) => fromBinary(AgentMessageSchema, bytes),
};

/** What the operator sends: a message, or one that is encoded already. */
export type ToAgent = OperatorMessage | Uint8Array;

export function serializeToAgent(message: ToAgent): Buffer {
  return asBuffer(message instanceof Uint8Array ? message : toBinary(OperatorMessageSchema, message));
}

/**
 * Both ends ping, so that a peer that vanished without a word is noticed within 15 s. No message comes near the
 * receive limit: updates are split at 1 MB, a larger one carries a single resource.
 */
export const CHANNEL_OPTIONS = {
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.max_receive_message_length': 64 * 1024 * 1024,
  'grpc.max_send_message_length': -1,
} as const;

export type OperatorPayload = NonNullable<MessageInitShape<typeof OperatorMessageSchema>['message']>;
export type AgentPayload = NonNullable<MessageInitShape<typeof AgentMessageSchema>['message']>;

export function operatorMessage(message: OperatorPayload): OperatorMessage {
  return create(OperatorMessageSchema, { message });
}

export function agentMessage(message: AgentPayload): AgentMessage {
  return create(AgentMessageSchema, { message });
}

/** The same memory. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
