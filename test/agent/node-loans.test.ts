import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { NodeLoans } from '../../src/agent/node-loans.ts';
import { NodeLeases } from '../../src/agent/state/leases.ts';
import type { LoansAnswer, LoansAsk } from '../../src/model/ipam/loan.ts';
import { FakeClock, silentLog } from '../kube-room/fake-clock.ts';

const CIDR = '10.42.0.0/26';
const BLOCKS = [{ uid: 'b0', cidr: CIDR, pool: 'main', reserved: [] }];

let folder: string;
let clock: FakeClock;
let leases: NodeLeases;
let loans: NodeLoans;
let asked: LoansAsk[];
let answer: () => Promise<LoansAnswer>;

/** As the agent does when it starts. */
function start(known = BLOCKS): void {
  leases = new NodeLeases(folder, clock, known, () => []);
  loans = new NodeLoans({
    leases,
    blocks: { isOwn: (cidr) => cidr === CIDR, uids: () => BLOCKS.map(({ uid }) => uid) },
    ask: (ask) => {
      asked.push(ask);
      return answer();
    },
    changed: () => leases.setBlocks(BLOCKS),
    ...{ clock, logger: silentLog },
  });
}

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'weft-loans-'));
  clock = new FakeClock();
  asked = [];
  answer = async () => ({ over: [], loans: [], blocks: ['b0'] });
  // A node that never had a journal owns no block when it starts.
  start([]);
  await loans.look();
});
afterEach(() => rmSync(folder, { recursive: true }));

test('what is lent is on disk with the answer, and is back when its IPBlock is gone', async () => {
  expect(await loans.lend({ cidr: CIDR })).toEqual({ cidr: '10.42.0.56/29' });
  expect(await loans.lend({ cidr: '10.42.0.56/29' })).toHaveProperty('problem');
  expect(leases.lent()).toEqual([]);
  expect(await loans.lend({ uid: 'l1', cidr: '10.42.0.56/29' })).toEqual({ cidr: '10.42.0.56/29' });
  expect(await loans.lend({ uid: 'l2', cidr: '10.42.0.60/30' })).toHaveProperty('problem');
  start();
  expect(leases.lent()).toEqual(['l1']);
  await loans.look();
  expect(asked.at(-1)).toEqual({ uids: ['l1'], isLost: false });
  expect(leases.lent()).toEqual(['l1']);
  answer = async () => ({ over: ['l1'], loans: [], blocks: [] });
  await loans.look();
  start();
  expect(leases.lent()).toEqual([]);
  expect(leases.unacknowledged()).toHaveLength(8);
});

test('nobody is asked while nothing is lent', async () => {
  const before = asked.length;
  await loans.look();
  expect(asked).toHaveLength(before);
});

test('a node whose journal is lost leases nothing until it knows what it has lent, and asks until it does', async () => {
  await loans.lend({ uid: 'l1', cidr: '10.42.0.56/29' });
  rmSync(path.join(folder, 'leases.journal'));
  start();
  const wish = { podUid: 'u1', containerId: 'c1', ifname: 'eth0', netns: '/x', pools: ['main'], fixed: [] };
  const lease = () => leases.allocate({ ...wish, families: [4] });
  expect(lease()).toMatchObject({ reason: 'NotSynced' });
  expect(leases.isBlind).toBe(true);
  answer = () => Promise.reject(new Error('the API server is away'));
  await loans.look();
  expect(leases.isBlind).toBe(true);
  answer = async () => ({ over: [], loans: [{ uid: 'l1', cidr: '10.42.0.56/29' }], blocks: ['b0'] });
  await clock.advance(1_000);
  expect(leases.isBlind).toBe(false);
  expect(leases.lent()).toEqual(['l1']);
  // All else rests, as somebody may have had it a moment ago.
  expect(lease()).toMatchObject({ reason: 'AddressesExhausted' });
});

test('a node whose journal is lost leases nothing of a block that it had given back', async () => {
  rmSync(path.join(folder, 'leases.journal'));
  start();
  answer = async () => ({ over: [], loans: [], blocks: ['b7'] });
  await loans.look();
  const wish = { podUid: 'u1', containerId: 'c1', ifname: 'eth0', netns: '/x', pools: ['main'], fixed: [] };
  const lease = () => leases.allocate({ ...wish, families: [4] });
  expect(lease()).toMatchObject({ reason: 'NoBlock' });
  start();
  expect(lease()).toMatchObject({ reason: 'NoBlock' });
});
