import { create, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { OperatorMessageSchema, ResourceSchema, UpdateSchema } from './generated/wire/weft/node/v1/node_pb.ts';
import type { SequencedUpdate } from './node-sync.ts';
import type { EncodedResource } from './plan-update.ts';

/**
 * One for all updates. It keeps its memory: to a thousand nodes gigabytes are sent when the operator starts, and a
 * writer that grows anew for each update makes four times as much garbage as it writes.
 */
const WRITER = new BinaryWriter();
const { kind, key, version, body } = ResourceSchema.field;

/** An OperatorMessage as it goes over the wire. */
export function encodeUpdate({ upserts, ...rest }: SequencedUpdate): Uint8Array {
  const { seq, watermark, contents, removals, setPatches, syncDone } = rest;
  // Fields may come in any order, and so bodies, which may be large, behind all that is small.
  const head = toBinary(
    UpdateSchema,
    create(UpdateSchema, {
      seq,
      watermark: { ...watermark },
      contents: { ...contents },
      removals: removals.map((ref) => ({ kind: ref.kind, key: ref.key })),
      setPatches: setPatches.map((patch) => ({ ...patch, add: [...patch.add], remove: [...patch.remove] })),
      syncDone,
    }),
  );
  // From here on nothing throws: a writer left in the middle would spoil the next update.
  WRITER.tag(OperatorMessageSchema.field.update.number, WireType.LengthDelimited).fork();
  WRITER.raw(head);
  for (const resource of upserts) writeResource(resource);
  return WRITER.join().finish();
}

function writeResource(resource: EncodedResource): void {
  WRITER.tag(UpdateSchema.field.upserts.number, WireType.LengthDelimited).fork();
  WRITER.tag(kind.number, WireType.LengthDelimited).string(resource.kind);
  WRITER.tag(key.number, WireType.LengthDelimited).string(resource.key);
  WRITER.tag(version.number, WireType.LengthDelimited).string(resource.version);
  WRITER.tag(body.number, WireType.LengthDelimited).bytes(resource.body);
  WRITER.join();
}
