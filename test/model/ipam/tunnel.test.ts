import { expect, test } from '@jest/globals';
import type { IPBlock } from '../../../src/api/generated/ipblock.ts';
import { tunnelAddressesOf } from '../../../src/model/ipam/tunnel.ts';

function block(cidr: string, creationTimestamp?: string): IPBlock {
  const name = cidr.replace(/[.:/]/g, '-');
  return {
    metadata: { name, ...(creationTimestamp === undefined ? {} : { creationTimestamp }) },
    spec: { cidr, poolName: 'default', poolUid: 'p', nodeName: 'n', nodeUid: 'u' },
  };
}

test('the tunnel has the first address of the oldest block, in whatever order they come', () => {
  const old = block('10.0.0.64/26', '2026-01-01T00:00:00Z');
  const young = block('10.0.0.0/26', '2026-01-02T00:00:00Z');
  expect(tunnelAddressesOf([young, old])).toEqual(['10.0.0.64']);
  expect(tunnelAddressesOf([old, young])).toEqual(['10.0.0.64']);
});

test('blocks of the same second go by name, and a block that is not stored yet comes last', () => {
  const time = '2026-01-01T00:00:00Z';
  expect(tunnelAddressesOf([block('10.0.0.64/26', time), block('10.0.0.128/26', time)])).toEqual(['10.0.0.128']);
  expect(tunnelAddressesOf([block('10.0.0.0/26'), block('10.0.0.64/26', time)])).toEqual(['10.0.0.64']);
});

test('of each family the oldest block counts, and IPv4 comes first', () => {
  const [day1, day2, day3] = ['2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z', '2026-01-03T00:00:00Z'];
  const six = [block('fd00::40/122', day1), block('fd00::/122', day2)];
  expect(tunnelAddressesOf([...six, block('10.0.0.64/26', day3)])).toEqual(['10.0.0.64', 'fd00::40']);
  expect(tunnelAddressesOf(six)).toEqual(['fd00::40']);
});

test('a node without a block has no tunnel address', () => {
  expect(tunnelAddressesOf([])).toEqual([]);
});
