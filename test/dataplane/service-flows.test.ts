import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ServiceTable } from '../../src/agent/dataplane/nft/services/service-table.ts';
import { heard, type LabPod, type NftLab, openNftLab, OUTSIDE_ADDRESS, OUTSIDE_ADDRESS6 } from './nft-lab.ts';
import { Caller } from './service-caller.ts';
import { changeOf, CLUSTER_IP, CLUSTER_IP6, NAME_PORT, nameServers, PORT, serve } from './service-lab.ts';

let lab: NftLab;
let table: ServiceTable;
let caller: Caller;
let pods: readonly LabPod[];
let udpPort = 7000;

beforeAll(async () => {
  lab = await openNftLab();
  pods = lab.pods;
  lab.netns.ip(lab.node.path, 'route', 'add', 'default', 'via', OUTSIDE_ADDRESS);
  lab.netns.ip(lab.node.path, '-6', 'route', 'add', 'default', 'via', OUTSIDE_ADDRESS6);
  await nameServers(pods);
  caller = await Caller.start(lab.pods[0].netnsPath);
}, 60_000);
afterAll(async () => {
  await caller.stop();
  await lab.close();
});
beforeEach(() => {
  udpPort += 1;
  table = new ServiceTable(lab.node.path);
});
afterEach(async () => {
  await table.remove();
  await table.close();
});

describe.each([
  ['IPv4', CLUSTER_IP],
  ['IPv6', CLUSTER_IP6],
])('connections by %s', (_, ip) => {
  test('are spread evenly: of 1,000, three endpoints get a third each, within four sigma', async () => {
    await serve(table, { target: NAME_PORT, endpoints: pods });
    const counts = await caller.names(ip, PORT, 1_000);
    const sigma = Math.sqrt(1_000 * (1 / 3) * (2 / 3));
    expect([...counts.keys()].sort()).toEqual(['a', 'b', 'c']);
    for (const count of counts.values()) expect(Math.abs(count - 1_000 / 3)).toBeLessThan(4 * sigma);
  });

  test('of one client stay with one endpoint under affinity, and move when that one goes', async () => {
    const sticky = { target: NAME_PORT, spec: { sessionAffinity: 'ClientIP' } } as const;
    await serve(table, { ...sticky, endpoints: pods });
    const [first = ''] = (await caller.names(ip, PORT, 1)).keys();
    expect(await caller.names(ip, PORT, 50)).toEqual(new Map([[first, 50]]));
    const others = pods.filter((_pod, index) => 'abc'[index] !== first);
    await table.apply(changeOf({ ...sticky, endpoints: others }));
    const [second = ''] = (await caller.names(ip, PORT, 1)).keys();
    expect(second).not.toBe(first);
    await table.apply(changeOf({ ...sticky, endpoints: pods }));
    expect(await caller.names(ip, PORT, 50)).toEqual(new Map([[second, 50]]));
    expect(table.verify()).toBe(true);
  });

  test('of one client are free again when it was away for longer than affinity lasts', async () => {
    const clientIP = { timeoutSeconds: 1 };
    const spec = { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP } } as const;
    await serve(table, { target: NAME_PORT, spec, endpoints: pods });
    const seen = new Set<string>();
    for (let time = 0; time < 12 && seen.size < 2; time += 1) {
      for (const name of (await caller.names(ip, PORT, 1)).keys()) seen.add(name);
      await new Promise((resolve) => setTimeout(resolve, 1_300));
    }
    expect(seen.size).toBeGreaterThan(1);
  }, 30_000);

  test('of UDP are refused at once without endpoints', async () => {
    await serve(table, { endpoints: [] });
    expect(await caller.sendUdp(`refused ${ip}`, ip, PORT, 'x')).toBe('ECONNREFUSED');
  });

  test('of UDP move when their endpoint goes, and only then', async () => {
    const [, b, c] = lab.pods;
    for (const pod of [b, c]) await pod.traffic.listenUdp(udpPort);
    const of = (...endpoints: LabPod[]) => ({ target: udpPort, endpoints });
    await serve(table, of(b));
    await caller.sendUdp(`moves ${ip}`, ip, PORT, '1');
    await table.apply(changeOf(of(b, c)));
    for (const text of ['2', '3', '4', '5', '6']) await caller.sendUdp(`moves ${ip}`, ip, PORT, text);
    expect(await heard(b.traffic, udpPort, 6)).toHaveLength(6);
    await table.apply(changeOf(of(c)));
    await caller.sendUdp(`moves ${ip}`, ip, PORT, '7');
    expect(await heard(c.traffic, udpPort, 1)).toEqual([expect.stringMatching(/: 7$/)]);
  });

  test('of UDP that began before the service did reach it then', async () => {
    const [, b] = lab.pods;
    await b.traffic.listenUdp(udpPort);
    await table.reset(new Map());
    await caller.sendUdp(`early ${ip}`, ip, PORT, '1');
    await table.apply(changeOf({ target: udpPort, endpoints: [b] }));
    await caller.sendUdp(`early ${ip}`, ip, PORT, '2');
    expect(await heard(b.traffic, udpPort, 1)).toEqual([expect.stringMatching(/: 2$/)]);
  });
});
