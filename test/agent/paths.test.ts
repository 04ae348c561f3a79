import { beforeEach, expect, test } from '@jest/globals';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Paths } from '../../src/agent/paths.ts';
import { ResourceStore } from '../../src/agent/state/resources.ts';
import { FakeClock } from '../kube-room/fake-clock.ts';

const MTU = 1450;
let resources: ResourceStore;
/** By destination: the largest packet that comes back. */
let largest: Map<string, number>;

function paths(): Paths {
  return new Paths({
    resources,
    podMtu: () => MTU,
    isEchoed: async ({ destination, packetBytes }) => packetBytes <= (largest.get(destination) ?? 0),
  });
}

function addPeer(node: string, ...tunnelAddresses: string[]): void {
  const peer = { node, nodeUid: node, address: '192.0.2.9', addresses: [], tunnelMac: '', blocks: [] };
  resources.set('peer', node, '1', { ...peer, tunnelAddresses });
}

beforeEach(() => {
  resources = new ResourceStore(path.join(mkdtempSync(path.join(tmpdir(), 'weft-paths-')), 'r.json'), new FakeClock());
  const node = { name: 'here', uid: 'n', address: '192.0.2.1', addresses: [], trustDomain: '', trustBundlePem: '' };
  resources.set('node', 'self', '1', { ...node, tunnelAddresses: ['10.42.0.0', 'fd00:42::'] });
  largest = new Map();
});

test('nothing is said before the first look, and no fault of nodes that answer', async () => {
  addPeer('b', '10.42.1.0', 'fd00:42::40');
  largest = new Map([
    ['10.42.1.0', MTU],
    ['fd00:42::40', MTU],
  ]);
  const own = paths();
  expect(own.faults).toBeUndefined();
  await own.look();
  expect(own.faults).toEqual([]);
});

test('a fault is said when two looks in a row find it, by family, and is over with the first good one', async () => {
  addPeer('b', '10.42.1.0', 'fd00:42::40');
  largest = new Map([['10.42.1.0', 1400]]);
  const own = paths();
  await own.look();
  expect(own.faults).toEqual([]);
  await own.look();
  expect(own.faults).toEqual([
    { node: 'b', family: 4, what: 'TooSmall', bytes: MTU },
    { node: 'b', family: 6, what: 'Unreachable', bytes: MTU },
  ]);
  largest = new Map([['10.42.1.0', MTU]]);
  await own.look();
  expect(own.faults).toEqual([{ node: 'b', family: 6, what: 'Unreachable', bytes: MTU }]);
});

test('with a thousand nodes three calls of four are left out', async () => {
  for (let index = 0; index < 1_000; index += 1) {
    const address = `10.43.${index >> 8}.${index & 255}`;
    addPeer(`n${index}`, address);
    largest.set(address, MTU);
  }
  const own = paths();
  for (let call = 1; call < 4; call += 1) await own.look();
  expect(own.faults).toBeUndefined();
  await own.look();
  expect(own.faults).toEqual([]);
});

test('a node that is gone is no fault', async () => {
  addPeer('b', '10.42.1.0');
  const own = paths();
  await own.look();
  await own.look();
  resources.remove('peer', 'b');
  await own.look();
  expect(own.faults).toEqual([]);
});

test('a family in which this node has no address of its own is not tried', async () => {
  addPeer('b', 'fd00:42::40');
  const node = resources.get('node', 'self');
  if (node !== undefined) resources.set('node', 'self', '2', { ...node, tunnelAddresses: ['10.42.0.0'] });
  const own = paths();
  await own.look();
  await own.look();
  expect(own.faults).toEqual([]);
});
