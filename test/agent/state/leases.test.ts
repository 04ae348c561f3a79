import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { NodeLeases, rebuiltLease } from '../../../src/agent/state/leases.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { hostInterfaceName } from '../../../src/model/node/names.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'weft-t-leases-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const BLOCKS = ['10.0.0.0/28', 'fd00::/124'].map((cidr) => ({
  uid: `uid of ${cidr}`,
  cidr,
  pool: 'main',
  reserved: [],
}));
const open = (live = () => [] as ReturnType<typeof rebuiltLease>[]) =>
  new NodeLeases(folder, systemClock, BLOCKS, live);
/** A node that never had a journal owns no block when it starts. */
function openNew(): NodeLeases {
  const leases = new NodeLeases(folder, systemClock, [], () => []);
  sure(leases);
  return leases;
}

/** As when an operator has said that all blocks are the node's, and nothing of them is lent. */
function sure(leases: NodeLeases): void {
  const uids = BLOCKS.map(({ uid }) => uid);
  leases.learnLost({ over: [], loans: [], blocks: uids }, uids);
  leases.setBlocks(BLOCKS);
}
const BOTH = { families: [4, 6] as const, pools: ['main'], fixed: [] };
const web = { podUid: 'web', containerId: 'c1', ifname: 'eth0', netns: '/run/netns/a', ...BOTH };

function addressesOf(leased: ReturnType<NodeLeases['allocate']>): readonly string[] {
  return 'attachment' in leased ? leased.attachment.addresses : [leased.reason];
}

describe('the leases of a node', () => {
  test('outlive the process: a new one knows them without asking anybody', () => {
    const addresses = addressesOf(openNew().allocate(web));
    expect(open(() => []).find(web)).toMatchObject({ addresses, podUid: 'web' });
  });

  test('are rebuilt from live interfaces when the journal is lost, and no address is given twice', () => {
    const addresses = addressesOf(openNew().allocate(web));
    rmSync(path.join(folder, 'leases.journal'));
    const rebuilt = open(() => addresses.map((address) => rebuiltLease(hostInterfaceName('c1', 'eth0'), address)));
    expect(rebuilt.find(web)).toMatchObject({ addresses, hostInterface: hostInterfaceName('c1', 'eth0') });
    const other = { ...web, podUid: 'other', containerId: 'c2' };
    expect(addressesOf(rebuilt.allocate(other))).toEqual(['NotSynced']);
    sure(rebuilt);
    // Every other address may have been somebody's a moment ago: it rests.
    expect(addressesOf(rebuilt.allocate(other))).toEqual(['AddressesExhausted']);
    expect(rebuilt.adopt([{ uid: 'web', addresses }])).toMatchObject([{ podUid: 'web', addresses }]);
    expect(rebuilt.all()).toMatchObject([{ podUid: 'web', addresses }]);
    rebuilt.release(web);
    expect(rebuilt.all()).toEqual([]);
  });
});
