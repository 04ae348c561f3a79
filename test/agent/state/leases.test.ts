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

const BLOCKS = ['10.0.0.0/28'];
const open = (live = () => [] as ReturnType<typeof rebuiltLease>[]) =>
  new NodeLeases(folder, systemClock, BLOCKS, live);
/** A node that never had a journal owns no block when it starts. */
function openNew(): NodeLeases {
  const leases = new NodeLeases(folder, systemClock, [], () => []);
  leases.setBlocks(BLOCKS);
  return leases;
}
const web = { podUid: 'web', containerId: 'c1', ifname: 'eth0', netns: '/run/netns/a' };

function addressOf(leased: ReturnType<NodeLeases['allocate']>): string {
  return 'attachment' in leased ? leased.attachment.address : leased.reason;
}

describe('the leases of a node', () => {
  test('outlive the process: a new one knows them without asking anybody', () => {
    const address = addressOf(openNew().allocate(web));
    expect(open(() => []).find(web)).toMatchObject({ address, podUid: 'web' });
  });

  test('are rebuilt from live interfaces when the journal is lost, and no address is given twice', () => {
    const address = addressOf(openNew().allocate(web));
    rmSync(path.join(folder, 'leases.journal'));
    const rebuilt = open(() => [rebuiltLease(hostInterfaceName('c1', 'eth0'), address)]);
    expect(rebuilt.find(web)).toMatchObject({ address, hostInterface: hostInterfaceName('c1', 'eth0') });
    // Every other address may have been somebody's a moment ago: it rests.
    expect(addressOf(rebuilt.allocate({ ...web, podUid: 'other', containerId: 'c2' }))).toBe('AddressesExhausted');
    expect(rebuilt.adopt([{ uid: 'web', address }])).toMatchObject([{ podUid: 'web', address }]);
    expect(rebuilt.all()).toMatchObject([{ podUid: 'web', address }]);
    rebuilt.release(web);
    expect(rebuilt.all()).toEqual([]);
  });
});
