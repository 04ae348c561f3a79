import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { NodeBlocks } from '../../src/agent/node-blocks.ts';
import { NodeLeases } from '../../src/agent/state/leases.ts';
import { ResourceStore } from '../../src/agent/state/resources.ts';
import type { PoolIr } from '../../src/model/node/ir.ts';
import { FakeClock, silentLog } from '../kube-room/fake-clock.ts';

const POOL: PoolIr = {
  ...{ name: 'main', uid: 'p1', cidr: '10.42.0.0/16', encapsulation: 'VXLAN' as const, natOutgoing: true },
  ...{ disabled: false, reserved: [], isCommon: true },
};
const MINUTE_MS = 60_000;

let folder: string;
let clock: FakeClock;
let resources: ResourceStore;
let leases: NodeLeases;
let blocks: NodeBlocks;
let returned: string[];
let problem: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'weft-blocks-'));
  clock = new FakeClock();
  resources = new ResourceStore(path.join(folder, 'resources.json'), clock);
  resources.set('pool', 'main', 'v1', POOL);
  for (const octet of [0, 1, 2]) {
    const cidr = `10.42.${octet}.0/26`;
    resources.set('block', cidr, 'v1', { uid: `b${octet}`, cidr, pool: 'main', poolUid: 'p1' });
  }
  returned = [];
  problem = '';
  const office = {
    requestBlock: async () => ({ problem: 'none' }),
    async giveBack({ uid }: { readonly uid: string }) {
      returned.push(uid);
      return problem;
    },
    arePresent: () => true,
  };
  blocks = new NodeBlocks({ resources, office: () => office, clock, logger: silentLog });
  leases = new NodeLeases(folder, clock, [], () => []);
  leases.learnLost({ over: [], loans: [], blocks: blocks.uids() }, blocks.uids());
  leases.setBlocks(blocks.leasable());
});
afterEach(() => rmSync(folder, { recursive: true }));

async function lookFor(minutes: number): Promise<void> {
  for (let minute = 0; minute < minutes; minute += 1) {
    await blocks.giveBack(leases);
    await clock.advance(MINUTE_MS);
  }
}

test('blocks that are spare for ten minutes on end go back, and one stays', async () => {
  await lookFor(10);
  expect(returned).toEqual([]);
  await blocks.giveBack(leases);
  expect(returned).toEqual(['b0', 'b1']);
});

test('a block that is needed meanwhile stays', async () => {
  await lookFor(9);
  const wish = { podUid: 'u1', containerId: 'c1', ifname: 'eth0', netns: '/x', pools: ['main'], fixed: ['10.42.1.5'] };
  expect(leases.allocate({ ...wish, families: [4] })).toHaveProperty('attachment');
  await lookFor(3);
  expect(new Set(returned)).toEqual(new Set(['b0']));
});

test('those of a pool that is closed go at once, and are not leased from while nobody takes them', async () => {
  resources.set('pool', 'main', 'v2', { ...POOL, disabled: true });
  problem = 'the API server is away';
  await blocks.giveBack(leases);
  expect(returned).toEqual(['b0', 'b1', 'b2']);
  resources.set('pool', 'main', 'v3', POOL);
  leases.setBlocks(blocks.leasable());
  const wish = { podUid: 'u1', containerId: 'c1', ifname: 'eth0', netns: '/x', pools: ['main'], fixed: [] };
  expect(leases.allocate({ ...wish, families: [4] })).toMatchObject({ reason: 'NoBlock' });
});

test('what is borrowed goes back after a minute, but for what the tunnel ends on', async () => {
  const borrow = (cidr: string) =>
    resources.set('block', cidr, 'v1', { uid: cidr, cidr, pool: 'main', poolUid: 'p1', lender: 'n2', lent: [] });
  for (const cidr of ['10.42.9.8/30', '10.42.9.12/30']) borrow(cidr);
  resources.set('node', 'self', 'v1', {
    ...{ name: 'n1', uid: 'u1', address: '192.0.2.1', addresses: ['192.0.2.1'], trustDomain: 't', trustBundlePem: '' },
    tunnelAddresses: ['10.42.9.8'],
  });
  leases.setBlocks(blocks.leasable());
  await blocks.giveBack(leases);
  expect(returned).toEqual([]);
  await clock.advance(MINUTE_MS);
  await blocks.giveBack(leases);
  expect(returned).toEqual(['10.42.9.12/30']);
  expect(blocks.isOwn('10.42.9.8/30')).toBe(false);
  expect(blocks.isOwn('10.42.0.0/26')).toBe(true);
});

test('nothing is leased of what of a block is lent, by what its operator says alone', () => {
  for (const octet of [1, 2]) resources.remove('block', `10.42.${octet}.0/26`);
  const lent = ['10.42.0.0/27', '10.42.0.32/28', '10.42.0.48/29', '10.42.0.56/30', '10.42.0.60/31'];
  resources.set('block', '10.42.0.0/26', 'v2', { uid: 'b0', cidr: '10.42.0.0/26', pool: 'main', poolUid: 'p1', lent });
  leases.setBlocks(blocks.leasable());
  const wish = { podUid: 'u1', containerId: 'c1', ifname: 'eth0', netns: '/x', pools: ['main'], fixed: [] };
  const answer = leases.allocate({ ...wish, families: [4] });
  expect(answer).toMatchObject({ attachment: { addresses: ['10.42.0.62'] } });
});
