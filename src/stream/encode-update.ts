import { create } from '@bufbuild/protobuf';
import { UpdateSchema, type Update } from './generated/wire/weft/node/v1/node_pb.ts';
import type { SequencedUpdate } from './node-sync.ts';

/** Bodies are not copied. */
export function encodeUpdate({
  seq,
  watermark,
  contents,
  upserts,
  removals,
  setPatches,
  syncDone,
}: SequencedUpdate): Update {
  return create(UpdateSchema, {
    seq,
    watermark: { ...watermark },
    contents: { ...contents },
    upserts: upserts.map(({ kind, key, version, body }) => ({ kind, key, version, body })),
    removals: removals.map(({ kind, key }) => ({ kind, key })),
    setPatches: setPatches.map((patch) => ({ ...patch, add: [...patch.add], remove: [...patch.remove] })),
    syncDone,
  });
}
