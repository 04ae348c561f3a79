import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ServiceTable } from '../../src/agent/dataplane/nft/services/service-table.ts';
import {
  bound,
  FACTS6,
  type LabPod,
  type NftLab,
  NODE_ADDRESS,
  NODE_ADDRESS6,
  OUTSIDE_ADDRESS,
  OUTSIDE_ADDRESS6,
  openNftLab,
} from './nft-lab.ts';
import { PolicyTable } from '../../src/agent/dataplane/nft/policy-table.ts';
import { changeOf, CLUSTER_IP, CLUSTER_IP6, PORT, serve } from './service-lab.ts';

let lab: NftLab;
let policy: PolicyTable;
let table: ServiceTable;
let a: LabPod;
let b: LabPod;
let c: LabPod;

beforeAll(async () => {
  lab = await openNftLab();
  [a, b, c] = lab.pods;
  lab.netns.ip(lab.node.path, 'route', 'add', 'default', 'via', OUTSIDE_ADDRESS);
  lab.netns.ip(lab.node.path, '-6', 'route', 'add', 'default', 'via', OUTSIDE_ADDRESS6);
  policy = new PolicyTable(lab.node.path);
  await policy.reset(FACTS6, { pods: lab.pods.map((pod) => bound(pod)), chains: new Map(), sets: new Map() });
}, 60_000);
afterAll(async () => {
  await policy.close();
  await lab.close();
});
beforeEach(() => {
  table = new ServiceTable(lab.node.path);
});
afterEach(async () => {
  await table.remove();
  await table.close();
});

const families = [
  ['IPv4', CLUSTER_IP, (pod: LabPod) => pod.address, NODE_ADDRESS],
  ['IPv6', CLUSTER_IP6, (pod: LabPod) => pod.address6, NODE_ADDRESS6],
] as const;

describe.each(families)('a cluster IP of %s', (_, ip, addressOf, nodeAddress) => {
  test('leads a pod to the endpoint, which sees the pod', async () => {
    await serve(table, { endpoints: [b] });
    expect(await a.traffic.answerOf(ip, PORT)).toBe(`you are ${addressOf(a)};`);
  });

  test('leads the node itself there', async () => {
    await serve(table, { endpoints: [b] });
    expect(await lab.nodeTraffic.answerOf(ip, PORT)).toBe(`you are ${nodeAddress};`);
  });

  test('leads a pod to itself', async () => {
    await serve(table, { endpoints: [a] });
    expect(await a.traffic.reaches(ip, PORT)).toBe(true);
  });

  test('refuses at once when there are no endpoints, and on a port it has not', async () => {
    await serve(table, { endpoints: [] });
    expect(await a.traffic.dial(ip, PORT)).toBe('ECONNREFUSED');
    expect(await lab.nodeTraffic.dial(ip, PORT)).toBe('ECONNREFUSED');
    await table.apply(changeOf({ endpoints: [b] }));
    expect(await a.traffic.reaches(ip, PORT)).toBe(true);
    expect(await a.traffic.dial(ip, PORT + 1)).toBe('ECONNREFUSED');
    await table.apply(changeOf({ endpoints: [] }));
    expect(await a.traffic.dial(ip, PORT)).toBe('ECONNREFUSED');
  });

  test('keeps an open connection when its endpoint is replaced', async () => {
    await serve(table, { endpoints: [b] });
    const open = await a.traffic.dial(ip, PORT);
    await table.apply(changeOf({ endpoints: [c] }));
    expect(await a.traffic.talk(open)).toBe(`you are ${addressOf(a)};`);
    expect(table.verify()).toBe(true);
  });
});
