import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { DesiredTable } from '../../src/model/node/desired.ts';
import { parseInspection } from '../../src/stream/inspection.ts';
import { gunzipSync } from 'node:zlib';
import { DENIED, INSPECTION, Loopback, NODE, until } from './loopback.ts';

let net: Loopback;

beforeEach(async () => {
  net = await Loopback.start();
});

afterEach(async () => {
  await net.stop();
});

test('any replica hears what a node knows of addresses, what it put right, and what it denied', async () => {
  const replicas = [net.replica(new DesiredTable()), net.replica(new DesiredTable())];
  await until(() => net.agent.replicas === 2, 'both are connected');
  const dead = { containerId: 'c1', ifname: 'eth0', podUid: 'u1' };
  for (const { client } of replicas) {
    expect(await client.inspect(NODE)).toEqual(INSPECTION);
    expect(await client.deniedFlows(NODE)).toEqual([DENIED]);
    expect(await client.repair(NODE, [dead])).toEqual({ done: ['c1 eth0 u1'], refused: ['the rest'] });
  }
});

test('any replica sees what a proxy has, or hears why not, and what proxies have sent', async () => {
  const { client } = net.replica(new DesiredTable());
  await until(() => client.connectedNodes().length === 1, 'it is connected');
  const ask = { podUid: 'p1', part: 'routes', filter: 'shop/.*' } as const;
  expect(gunzipSync(await client.proxyView(NODE, ask)).toString()).toBe('routes of p1 like shop/.*');
  expect(await client.calls(NODE, ['shop/a', 'shop/b'])).toEqual([
    { cluster: 'shop/a:80', calls: 7 },
    { cluster: 'shop/b:80', calls: 7 },
  ]);
  await expect(client.proxyView(NODE, { ...ask, podUid: 'none' })).rejects.toThrow('no proxy on this node');
});

test('of a node that is away there is an error that names it, and no empty account', async () => {
  const replica = net.replica(new DesiredTable());
  await until(() => net.agent.replicas === 1, 'it is connected');
  const asked = [replica.client.inspect('n7'), replica.client.repair('n7', [])];
  for (const answer of asked) await expect(answer).rejects.toThrow('there is no node n7');
  await net.agent.close();
  await expect(replica.client.inspect(NODE)).rejects.toThrow(NODE);
});

test.each([
  ['a list that is missing', { ...INSPECTION, resting: undefined }],
  ['an address that is none', { ...INSPECTION, blocks: [7] }],
  ['a lease that is none', { ...INSPECTION, attachments: ['weft1'] }],
])('an account with %s is refused as a whole', (_, account) => {
  const body = new TextEncoder().encode(JSON.stringify(account));
  expect(() => parseInspection(body)).toThrow('unexpected');
});
