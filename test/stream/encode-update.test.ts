import { describe, expect, test } from '@jest/globals';
import { create, equals, fromBinary } from '@bufbuild/protobuf';
import { encodeUpdate } from '../../src/stream/encode-update.ts';
import { OperatorMessageSchema, UpdateSchema } from '../../src/stream/generated/wire/weft/node/v1/node_pb.ts';

const UPDATE = {
  seq: 7,
  watermark: { pods: '12' },
  contents: { pods: '11', nodes: '3' },
  removals: [{ kind: 'chain', key: 'c9' }],
  setPatches: [{ key: 's1', fromVersion: 'a', toVersion: 'b', add: ['10.0.0.1'], remove: ['10.0.0.2'] }],
  settled: [],
  syncDone: true,
};

function resource(key: string, bytes: number) {
  return { kind: 'pod', key, version: `v-${key}`, body: new Uint8Array(bytes).fill(key.length) };
}

describe('an update on the wire', () => {
  test.each([
    ['nothing to be added', []],
    [
      'small and large bodies',
      [resource('a', 0), resource('bb', 100), resource('ünï', 40_000), resource('d', 2_000_000)],
    ],
  ])('with %s reads as the message of the protocol', (_, upserts) => {
    const { settled: _settled, ...fields } = UPDATE;
    const wanted = create(OperatorMessageSchema, {
      message: { case: 'update', value: create(UpdateSchema, { ...fields, upserts }) },
    });
    const read = fromBinary(OperatorMessageSchema, encodeUpdate({ ...UPDATE, upserts }));
    expect(equals(OperatorMessageSchema, read, wanted)).toBe(true);
  });

  test('stays as it is when the next one is encoded', () => {
    const first = encodeUpdate({ ...UPDATE, upserts: [resource('a', 500)] });
    const copy = first.slice();
    encodeUpdate({ ...UPDATE, seq: 8, upserts: [resource('other', 500)] });
    expect(first).toEqual(copy);
  });
});
