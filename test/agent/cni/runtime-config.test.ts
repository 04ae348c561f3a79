import { describe, expect, test } from '@jest/globals';
import { parseRuntimeConfig } from '../../../src/agent/cni/runtime-config.ts';

describe('a runtimeConfig', () => {
  test('without what Weft does is nothing', () => {
    expect(parseRuntimeConfig(undefined)).toEqual({});
    expect(parseRuntimeConfig({ portMappings: [], bandwidth: {}, dns: { servers: [] } })).toEqual({});
    expect(parseRuntimeConfig({ portMappings: null, bandwidth: { ingressRate: 0, egressRate: 0 } })).toEqual({});
  });

  test('says ports and rates', () => {
    expect(
      parseRuntimeConfig({
        portMappings: [{ hostPort: 80, containerPort: 8080, protocol: 'tcp', hostIP: '' }],
        bandwidth: { ingressRate: 1_000_000, ingressBurst: 2_147_483_647, egressRate: 0 },
      }),
    ).toEqual({
      hostPorts: [{ protocol: 'TCP', hostPort: 80, containerPort: 8080 }],
      limits: { ingressBitsPerSecond: 1_000_000 },
    });
  });

  test.each([
    ['[]', 'runtimeConfig must be an object'],
    ['{"portMappings": 1}', 'runtimeConfig.portMappings must be a list'],
    ['{"portMappings": [{"hostPort": -1}]}', 'runtimeConfig.portMappings[0].hostPort'],
    ['{"bandwidth": {"egressRate": "1M"}}', 'runtimeConfig.bandwidth.egressRate'],
  ])('%s is refused, and the field is named', (text, problem) => {
    expect(parseRuntimeConfig(JSON.parse(text))).toContain(problem);
  });
});
