import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ServiceTable } from '../../src/agent/dataplane/nft/services/service-table.ts';
import {
  type LabPod,
  type NftLab,
  NODE_ADDRESS,
  NODE_ADDRESS6,
  openNftLab,
  OUTSIDE_ADDRESS,
  OUTSIDE_ADDRESS6,
} from './nft-lab.ts';
import { changeOf, CLUSTER_IP, endpointOf, NODE_PORT, PORT, serve } from './service-lab.ts';

const EXTERNAL = '198.51.100.7';
const EXTERNAL6 = '2001:db8:7::7';
const BALANCER = '198.51.100.8';
const BALANCER6 = '2001:db8:7::8';

let lab: NftLab;
let table: ServiceTable;
let a: LabPod;
let b: LabPod;

beforeAll(async () => {
  lab = await openNftLab();
  [a, b] = lab.pods;
  const outside = lab.netns;
  outside.ip(lab.node.path, 'route', 'add', 'default', 'via', OUTSIDE_ADDRESS);
  outside.ip(lab.node.path, '-6', 'route', 'add', 'default', 'via', OUTSIDE_ADDRESS6);
  const path = lab.node.path.replace(/node$/, 'outside');
  outside.ip(path, 'route', 'add', '198.51.100.0/24', 'via', NODE_ADDRESS);
  outside.ip(path, 'route', 'add', '2001:db8:7::/64', 'via', NODE_ADDRESS6);
}, 60_000);
afterAll(() => lab.close());
beforeEach(() => {
  table = new ServiceTable(lab.node.path);
});
afterEach(async () => {
  await table.remove();
  await table.close();
});

const LOAD_BALANCER = { type: 'LoadBalancer', externalIPs: [EXTERNAL, EXTERNAL6] };
const STATUS = { loadBalancer: { ingress: [{ ip: BALANCER }, { ip: BALANCER6 }] } };
const families = [
  [
    'IPv4',
    {
      node: NODE_ADDRESS,
      outside: OUTSIDE_ADDRESS,
      external: EXTERNAL,
      balancer: BALANCER,
      of: (pod: LabPod) => pod.address,
    },
  ],
  [
    'IPv6',
    {
      node: NODE_ADDRESS6,
      outside: OUTSIDE_ADDRESS6,
      external: EXTERNAL6,
      balancer: BALANCER6,
      of: (pod: LabPod) => pod.address6,
    },
  ],
] as const;

describe.each(families)('from outside, by %s', (_, { node, outside, external, balancer, of }) => {
  const ways = () =>
    [
      [node, NODE_PORT],
      [external, PORT],
      [balancer, PORT],
    ] as const;

  test('node port, external IP and load balancer lead to an endpoint, which sees the node', async () => {
    await serve(table, { spec: LOAD_BALANCER, status: STATUS, endpoints: [b] });
    for (const [address, port] of ways()) {
      expect(await lab.outside.answerOf(address, port)).toBe(`you are ${node};`);
      expect(await a.traffic.answerOf(address, port)).toBe(`you are ${of(a)};`);
      expect(await lab.nodeTraffic.reaches(address, port)).toBe(true);
      expect(await b.traffic.reaches(address, port)).toBe(true);
    }
  });

  test('they refuse at once without endpoints', async () => {
    await serve(table, { spec: LOAD_BALANCER, status: STATUS, endpoints: [] });
    for (const [address, port] of ways()) {
      expect(await lab.outside.dial(address, port)).toBe('ECONNREFUSED');
      expect(await a.traffic.dial(address, port)).toBe('ECONNREFUSED');
    }
  });

  test('policy Local keeps the address of the client', async () => {
    const spec = { ...LOAD_BALANCER, externalTrafficPolicy: 'Local' } as const;
    await serve(table, { spec, status: STATUS, endpoints: [b] });
    for (const [address, port] of ways()) {
      expect(await lab.outside.answerOf(address, port)).toBe(`you are ${outside};`);
      expect(await a.traffic.answerOf(address, port)).toBe(`you are ${of(a)};`);
      expect(await lab.nodeTraffic.reaches(address, port)).toBe(true);
    }
  });

  test('policy Local leads nobody from outside to another node, but pods of this one', async () => {
    const spec = { ...LOAD_BALANCER, externalTrafficPolicy: 'Local' } as const;
    const elsewhere = { addresses: [of(b)], nodeName: 'there' };
    await serve(table, { spec, status: STATUS, endpoints: [elsewhere] });
    for (const [address, port] of ways()) {
      expect(await lab.outside.dial(address, port)).toBe('silence');
      expect(await a.traffic.answerOf(address, port)).toBe(`you are ${of(a)};`);
      expect(await lab.nodeTraffic.reaches(address, port)).toBe(true);
    }
  });
});

test('internal policy Local leads to endpoints of this node only, and is silent without one', async () => {
  const spec = { internalTrafficPolicy: 'Local' } as const;
  await serve(table, { spec, endpoints: [endpointOf(b), endpointOf(a, { nodeName: 'there' })] });
  for (let time = 0; time < 10; time += 1) expect(await a.traffic.reaches(CLUSTER_IP, PORT)).toBe(true);
  expect(lab.nft('list map inet weft_services endpoints4')).not.toContain(a.address);
  await table.apply(changeOf({ spec, endpoints: [endpointOf(b, { nodeName: 'there' })] }));
  expect(await a.traffic.dial(CLUSTER_IP, PORT)).toBe('silence');
});

test('source ranges hold for the load balancer alone', async () => {
  const of = (range: string) => ({
    spec: { ...LOAD_BALANCER, loadBalancerSourceRanges: [range] },
    status: STATUS,
    endpoints: [b],
  });
  await serve(table, of('192.0.2.128/25'));
  expect(await lab.outside.dial(BALANCER, PORT)).toBe('silence');
  expect(await lab.outside.reaches(NODE_ADDRESS, NODE_PORT)).toBe(true);
  await table.apply(changeOf(of('192.0.2.0/25')));
  expect(await lab.outside.reaches(BALANCER, PORT)).toBe(true);
});

test('of two services with one external IP and port the first by name has it, and the other when that one goes', async () => {
  const of = (name: string, ip: string, endpoint: LabPod) =>
    changeOf({ name, spec: { clusterIPs: [ip], externalIPs: [EXTERNAL] }, endpoints: [endpoint] });
  const elsewhere = { ...b, address: '10.42.1.60' };
  await table.reset(of('z', '10.96.0.12', b).upsert);
  await table.apply(of('y', '10.96.0.11', elsewhere));
  expect(await lab.outside.dial(EXTERNAL, PORT)).not.toEqual(expect.any(Number));
  await table.apply({ upsert: new Map(), remove: ['shop/y'] });
  expect(await lab.outside.reaches(EXTERNAL, PORT)).toBe(true);
  expect(table.verify()).toBe(true);
});
