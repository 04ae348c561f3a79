import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { PolicyTable } from '../../src/agent/dataplane/nft/policy-table.ts';
import { ServiceTable } from '../../src/agent/dataplane/nft/services/service-table.ts';
import type { ServiceVipIr } from '../../src/model/service/vip.ts';
import { bound, FACTS6, heard, type LabPod, type NftLab, openNftLab, OUTSIDE_ADDRESS } from './nft-lab.ts';
import { PacketSocket } from './packet-socket.ts';
import { changeOf, CLUSTER_IP, PORT, serve } from './service-lab.ts';
import { sctpInit } from './service-sctp.ts';

let lab: NftLab;
let table: ServiceTable;
let a: LabPod;
let b: LabPod;
let c: LabPod;

beforeAll(async () => {
  lab = await openNftLab();
  [a, b, c] = lab.pods;
  lab.netns.ip(lab.node.path, 'route', 'add', 'default', 'via', OUTSIDE_ADDRESS);
}, 60_000);
afterAll(() => lab.close());
beforeEach(() => {
  table = new ServiceTable(lab.node.path);
});
afterEach(async () => {
  await table.remove();
  await table.close();
});

function listing(): string {
  return lab.nft('list table inet weft_services');
}

/** In an order that is everybody's. */
function content(): string[] {
  const text = listing().replaceAll(/expires \w+/g, '');
  return text
    .split(/[\n,]/)
    .map((line) =>
      line
        .replace(/elements = /, '')
        .replaceAll(/[{}]/g, '')
        .trim(),
    )
    .sort();
}

/** `svc-N`, at 10.100.x.y, with three endpoints. */
function many(count: number, from = 0): Map<string, readonly ServiceVipIr[]> {
  return new Map(
    Array.from({ length: count }, (_, index): [string, readonly ServiceVipIr[]] => {
      const at = index + from;
      const vip: ServiceVipIr = {
        port: '',
        family: 4,
        protocol: 'TCP',
        scope: 'internal',
        frontends: [{ address: `10.100.${at >> 8}.${at & 255}`, port: 80 }],
        backends: [2, 3, 4].map((host) => ({ address: `10.42.1.${host}`, port: 8080, isLocal: true as const })),
        pool: 'cluster',
        whenEmpty: 'reject',
        masquerade: 'hairpin',
      };
      return [`load/svc-${at}`, [vip]];
    }),
  );
}

describe('the table', () => {
  test('is, after many changes, as it would be made anew', async () => {
    const sticky = { sessionAffinity: 'ClientIP', externalTrafficPolicy: 'Local', type: 'NodePort' } as const;
    const worlds = [
      { endpoints: [a, b, c] },
      { endpoints: [b], spec: sticky },
      { endpoints: [] },
      { endpoints: [c, a], spec: { ...sticky, loadBalancerSourceRanges: ['192.0.2.0/24'] } },
      {
        endpoints: [a],
        spec: { ...sticky, ports: [{ name: 'x', protocol: 'UDP' as const, port: 53, nodePort: 30_053 }] },
      },
      { endpoints: [b, c], spec: sticky },
      { endpoints: [c] },
    ];
    await table.reset(new Map());
    const states: string[][] = [];
    for (const world of worlds) {
      await table.apply(changeOf(world));
      expect(table.verify()).toBe(true);
      states.push(content());
    }
    for (const [index, world] of worlds.entries()) {
      await table.remove();
      await serve(table, world);
      expect(content()).toEqual(states[index]);
    }
    await table.apply({ upsert: new Map(), remove: ['shop/cart'] });
    const empty = content();
    await table.remove();
    await table.reset(new Map());
    expect(content()).toEqual(empty);
  });

  test('leaves what is of other services alone when one changes, chains that they share too', async () => {
    await table.reset(new Map([...many(20), ...changeOf({ endpoints: [a] }).upsert]));
    // Handles are never used twice.
    const rules = () =>
      (lab.nft('-a list table inet weft_services').match(/.* # handle \d+/g) ?? []).map((rule) => rule.trim());
    const before = rules();
    await table.apply(changeOf({ endpoints: [a, b, c] }));
    const after = rules();
    const isGone = (rule: string) => !after.includes(rule);
    // Nobody has one endpoint any more; those of IPv4 with three were there for the others.
    expect(before.filter(isGone)).toEqual([
      expect.stringMatching(/^chain t4_1 /),
      expect.stringMatching(/mod 1 map @endpoints4/),
      expect.stringMatching(/^chain t6_1 /),
      expect.stringMatching(/mod 1 map @endpoints6/),
    ]);
    expect(await a.traffic.reaches('10.100.0.7', PORT)).toBe(true);
  });

  test('tells that somebody flushed it, a chain of it or deleted it, and is put back', async () => {
    await serve(table, { endpoints: [b] });
    expect(table.verify()).toBe(true);
    for (const damage of [
      'flush table inet weft_services',
      'flush chain inet weft_services t4_1',
      'flush map inet weft_services frontends4',
      'delete table inet weft_services',
    ]) {
      lab.nft(damage);
      expect(table.verify()).toBe(false);
      await table.repair();
      expect(table.verify()).toBe(true);
      expect(await a.traffic.reaches(CLUSTER_IP, PORT)).toBe(true);
    }
  });

  test('takes a change after somebody deleted it', async () => {
    await serve(table, { endpoints: [b] });
    lab.nft('delete table inet weft_services');
    await table.apply(changeOf({ endpoints: [c] }));
    expect(await a.traffic.reaches(CLUSTER_IP, PORT)).toBe(true);
    expect(table.verify()).toBe(true);
  });

  test('is not disturbed by changes of policy', async () => {
    const policy = new PolicyTable(lab.node.path);
    await serve(table, { endpoints: [b] });
    await policy.reset(FACTS6, { pods: lab.pods.map((pod) => bound(pod)), chains: new Map(), sets: new Map() });
    expect([table.verify(), policy.verify()]).toEqual([true, true]);
    await table.apply(changeOf({ endpoints: [c] }));
    expect(policy.verify()).toBe(true);
    expect(await a.traffic.reaches(CLUSTER_IP, PORT)).toBe(true);
    await policy.remove();
    await policy.close();
  });

  test('refuses a service that is wrong and keeps what it had', async () => {
    await serve(table, { endpoints: [b] });
    const [[key, vips] = ['', []]] = changeOf({ endpoints: [c] }).upsert;
    const wrong = vips.map((vip) => ({ ...vip, backends: [{ address: '10.42.1.4; flush ruleset', port: 1 }] }));
    await expect(table.apply({ upsert: new Map([[key, wrong]]), remove: [] })).rejects.toThrow(/is no IPv4 address/);
    expect(await a.traffic.answerOf(CLUSTER_IP, PORT)).toBe(`you are ${a.address};`);
    expect(table.verify()).toBe(true);
  });

  test('of an earlier agent stays in force until the next one replaces it', async () => {
    await table.reset(new Map([...many(600), ...changeOf({ endpoints: [b] }).upsert]));
    const next = new ServiceTable(lab.node.path);
    expect(await a.traffic.reaches(CLUSTER_IP, PORT)).toBe(true);
    await next.reset(new Map([...many(10), ...changeOf({ endpoints: [c] }).upsert]));
    expect(next.verify()).toBe(true);
    const state = content();
    await next.remove();
    await next.reset(new Map([...many(10), ...changeOf({ endpoints: [c] }).upsert]));
    expect(content()).toEqual(state);
    await next.close();
  });

  test('takes ten thousand services, and one more', async () => {
    await table.reset(many(10_000));
    await table.apply(changeOf({ endpoints: [b] }));
    expect(await a.traffic.reaches(CLUSTER_IP, PORT)).toBe(true);
    expect(await a.traffic.reaches('10.100.0.0', PORT)).toBe(true);
    expect(await a.traffic.reaches('10.100.39.15', PORT)).toBe(true);
    expect(table.verify()).toBe(true);
  }, 60_000);
});

test('SCTP is translated to the endpoint', async () => {
  await serve(table, { endpoints: [b] });
  const hear = new PacketSocket(b.netnsPath, 'eth0');
  const speak = new PacketSocket(a.netnsPath, 'eth0');
  const { address: gateway } = JSON.parse(lab.netns.ip(lab.node.path, '-j', 'link', 'show', a.hostInterface))[0];
  speak.send(sctpInit(gateway, a.address, CLUSTER_IP, PORT));
  await b.traffic.listenUdp(7900);
  await a.traffic.sendUdp(b.address, 7900, 'behind it');
  await heard(b.traffic, 7900, 1);
  const seen = hear.read().filter(({ protocol }) => protocol === 132);
  expect(seen).toContainEqual(expect.objectContaining({ source: a.address, destination: b.address }));
  hear.close();
  speak.close();
});
