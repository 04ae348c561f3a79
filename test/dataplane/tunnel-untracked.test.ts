import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Side, weftSide } from '../../bench/network/sides.ts';
import { inNetns } from '../../src/agent/dataplane/netns.ts';
import { VXLAN_PORT } from '../../src/model/node/names.ts';
import { Traffic } from './traffic.ts';

const PORT = 8080;
let side: Side;
let [here, there]: Traffic[] = [];

beforeAll(async () => {
  side = await weftSide();
  [here, there] = [await Traffic.start(side.client.netnsPath), await Traffic.start(side.far.netnsPath)];
  await there.listenTcp(PORT);
}, 30_000);
afterAll(async () => {
  for (const traffic of [here, there]) await traffic?.stop();
  await side.close();
});

test('nodes remember what pods of others say, and not the packets that it comes in', async () => {
  await here?.dial(side.far.address, PORT);
  for (const node of side.nodes) {
    const tracked = inNetns(node, () => readFileSync('/proc/net/nf_conntrack', 'utf8'));
    expect(tracked).toContain(`dst=${side.far.address} sport`);
    expect(tracked).not.toContain(`dport=${VXLAN_PORT}`);
  }
});
