import { describe, expect, test } from '@jest/globals';
import { parseRuntimeConfig } from '../../../src/agent/cni/runtime-config.ts';

describe('a runtimeConfig', () => {
  test('without what Weft does is nothing', () => {
    expect(parseRuntimeConfig(undefined)).toEqual({});
    expect(parseRuntimeConfig({ portMappings: [], bandwidth: {}, dns: { servers: [] } })).toEqual({});
    expect(parseRuntimeConfig({ portMappings: null, bandwidth: { ingressRate: 0, egressRate: 0 } })).toEqual({});
  });

  test('says rates', () => {
    expect(
      parseRuntimeConfig({
        bandwidth: { ingressRate: 1_000_000, ingressBurst: 2_147_483_647, egressRate: 0 },
      }),
    ).toEqual({
      limits: { ingressBitsPerSecond: 1_000_000 },
    });
  });

  test.each([
    ['[]', 'runtimeConfig must be an object'],
    ['{"bandwidth": {"egressRate": "1M"}}', 'runtimeConfig.bandwidth.egressRate'],
  ])('%s is refused, and the field is named', (text, problem) => {
    expect(parseRuntimeConfig(JSON.parse(text))).toContain(problem);
  });
});
