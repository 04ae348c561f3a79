import { fromBinary } from '@bufbuild/protobuf';
import { describe, expect, test } from '@jest/globals';
import { encodeResponse } from '../../src/xds/encode-response.ts';
import { DeltaDiscoveryResponseSchema } from '../../src/xds/generated/wire/envoy/service/discovery/v3/discovery_pb.js';
import { TYPE_URL } from '../../src/xds/resource-types.ts';

const upsert = (name: string, bytes: number) => ({
  name,
  resource: { version: `version of ${name}`, value: new Uint8Array(bytes).map((_, index) => index % 251) },
});

describe('a response', () => {
  test.each([0, 1, 100, 126, 127, 128, 129, 16_000, 16_383, 16_384, 300_000])(
    'with resources of %i bytes says what it was made of',
    (bytes) => {
      const upserts = [upsert('shop/web:80', bytes), upsert('größer', bytes + 1)];
      const response = fromBinary(
        DeltaDiscoveryResponseSchema,
        encodeResponse(TYPE_URL.eds, '17', { upserts, removals: ['gone', ''] }),
      );
      expect(response).toMatchObject({ typeUrl: TYPE_URL.eds, nonce: '17', systemVersionInfo: '17' });
      expect(response.removedResources).toEqual(['gone', '']);
      expect(response.resources.map(({ name, version }) => [name, version])).toEqual(
        upserts.map(({ name, resource: { version } }) => [name, version]),
      );
      for (const [index, { resource }] of response.resources.entries()) {
        expect(resource?.typeUrl).toBe(TYPE_URL.eds);
        expect(Buffer.from(resource?.value ?? []).equals(upserts[index]?.resource.value ?? Buffer.alloc(0))).toBe(true);
      }
    },
  );
});
