import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Conntrack, type Flow } from '../../src/agent/dataplane/nft/conntrack.ts';
import { PolicyTable } from '../../src/agent/dataplane/nft/policy-table.ts';
import {
  bound,
  FACTS,
  FACTS6,
  type NftLab,
  NODE_ADDRESS,
  openNftLab,
  OUTSIDE_ADDRESS,
  OUTSIDE_ADDRESS6,
  SERVER_PORT,
} from './nft-lab.ts';

let lab: NftLab;
let table: PolicyTable;

beforeAll(async () => {
  lab = await openNftLab();
  table = new PolicyTable(lab.node.path);
  await table.reset(
    { ...FACTS, natCidrs: ['10.42.0.0/16'] },
    { pods: lab.pods.map((pod) => bound(pod)), chains: new Map(), sets: new Map() },
  );
}, 60_000);
afterAll(async () => {
  await table.close();
  await lab.close();
});

function ends(flows: readonly Flow[]): string[] {
  return flows.map(({ source, destination, protocol, port }) => `${source} ${destination} ${protocol} ${port}`).sort();
}

test('the connections of an address are those it opened and those that reach it, however they are read', async () => {
  const [a, b, c] = lab.pods;
  await a.traffic.dial(b.address, SERVER_PORT);
  await b.traffic.dial(OUTSIDE_ADDRESS, SERVER_PORT);
  await c.traffic.dial(NODE_ADDRESS, SERVER_PORT);
  await b.traffic.sendUdp(c.address, 7200, 'hello');
  const filtering = lab.node.run(() => new Conntrack(0));
  const reading = lab.node.run(() => new Conntrack());
  const wanted = new Set([b.address]);
  expect(ends(reading.flows(wanted))).toEqual([
    `${a.address} ${b.address} TCP ${SERVER_PORT}`,
    `${b.address} ${c.address} UDP 7200`,
    // Masqueraded: the flow is still that of the pod.
    `${b.address} ${OUTSIDE_ADDRESS} TCP ${SERVER_PORT}`,
  ]);
  expect(ends(filtering.flows(wanted))).toEqual(ends(reading.flows(wanted)));
  expect(ends(reading.flows('all'))).toContain(`${c.address} ${NODE_ADDRESS} TCP ${SERVER_PORT}`);

  const [first] = filtering.flows(new Set([a.address]));
  if (first === undefined) throw new Error('a has no connection');
  filtering.delete(first);
  filtering.delete(first);
  expect(reading.flows(new Set([a.address]))).toEqual([]);
  expect(reading.flows(wanted)).toHaveLength(2);
  filtering.close();
  reading.close();
});

test('the connections of an address of IPv6 are found and deleted in the same way', async () => {
  const [a, b, c] = lab.pods;
  await table.apply({ facts: { ...FACTS6, natCidrs: ['fd00:42::/64'] } });
  await a.traffic.dial(b.address6, SERVER_PORT);
  await b.traffic.dial(OUTSIDE_ADDRESS6, SERVER_PORT);
  await b.traffic.sendUdp(c.address6, 7200, 'hello');
  const filtering = lab.node.run(() => new Conntrack(0));
  const reading = lab.node.run(() => new Conntrack());
  const wanted = new Set([b.address6]);
  expect(ends(reading.flows(wanted))).toEqual(
    [
      `${a.address6} ${b.address6} TCP ${SERVER_PORT}`,
      `${b.address6} ${OUTSIDE_ADDRESS6} TCP ${SERVER_PORT}`,
      `${b.address6} ${c.address6} UDP 7200`,
    ].sort(),
  );
  expect(ends(filtering.flows(wanted))).toEqual(ends(reading.flows(wanted)));
  const [first] = filtering.flows(new Set([a.address6]));
  if (first === undefined) throw new Error('a has no connection');
  filtering.delete(first);
  filtering.delete(first);
  expect(reading.flows(new Set([a.address6]))).toEqual([]);
  expect(reading.flows(wanted)).toHaveLength(2);
  filtering.close();
  reading.close();
});
