import { expect, test } from '@jest/globals';
import type { IPBlock } from '../../../src/api/generated/ipblock.ts';
import { tunnelAddressOf } from '../../../src/model/ipam/tunnel.ts';

function block(cidr: string, creationTimestamp?: string): IPBlock {
  const name = cidr.replace(/[./]/g, '-');
  return {
    metadata: { name, ...(creationTimestamp === undefined ? {} : { creationTimestamp }) },
    spec: { cidr, poolName: 'default', poolUid: 'p', nodeName: 'n', nodeUid: 'u' },
  };
}

test('the tunnel has the first address of the oldest block, in whatever order they come', () => {
  const old = block('10.0.0.64/26', '2026-01-01T00:00:00Z');
  const young = block('10.0.0.0/26', '2026-01-02T00:00:00Z');
  expect(tunnelAddressOf([young, old])).toBe('10.0.0.64');
  expect(tunnelAddressOf([old, young])).toBe('10.0.0.64');
});

test('blocks of the same second go by name, and a block that is not stored yet comes last', () => {
  const time = '2026-01-01T00:00:00Z';
  expect(tunnelAddressOf([block('10.0.0.64/26', time), block('10.0.0.128/26', time)])).toBe('10.0.0.128');
  expect(tunnelAddressOf([block('10.0.0.0/26'), block('10.0.0.64/26', time)])).toBe('10.0.0.64');
});

test('a node without a block has no tunnel address', () => {
  expect(tunnelAddressOf([])).toBeUndefined();
});
