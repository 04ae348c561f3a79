import { expect, test } from '@jest/globals';
import { nameCondition, nameEndpoints } from '../../../src/model/status/source.ts';

const found = (node: string, addresses: number) => ({ node, name: 'db.example.com', addresses });
const problem = { message: 'queryA ETIMEOUT db.example.com', since: '2026-01-01T00:00:00.000Z' };
const lost = (node: string, addresses: number) => ({ ...found(node, addresses), problem });

test.each([
  ['nobody asks', [], 'Unknown', "no node has pods that call the service, so nobody asks for 'db.example.com'"],
  ['one node', [found('n1', 2)], 'True', "the one node that asks found 'db.example.com'"],
  ['all nodes', [found('n1', 2), found('n2', 2)], 'True', "all 2 nodes that ask found 'db.example.com'"],
  [
    'some have lost it',
    [lost('n3', 0), found('n1', 2), lost('n2', 2)],
    'False',
    "'db.example.com' is not found on n2 since 2026-01-01T00:00:00.000Z: queryA ETIMEOUT db.example.com; the 2 found last are kept; so it is on 1 more of 3 nodes",
  ],
  [
    'it never was',
    [lost('n3', 0)],
    'False',
    "'db.example.com' is not found on n3 since 2026-01-01T00:00:00.000Z: queryA ETIMEOUT db.example.com; it never was",
  ],
])('the condition says who has found the name: %s', (_, reports, status, message) => {
  expect(nameCondition('db.example.com', reports)).toMatchObject({ type: 'SourceReachable', status, message });
});

test('of nodes that differ the most addresses count', () => {
  expect(nameEndpoints([])).toBe(0);
  expect(nameEndpoints([found('n1', 1), lost('n2', 3)])).toBe(3);
});
