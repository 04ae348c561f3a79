import { beforeEach, describe, expect, test } from '@jest/globals';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ServiceChange, Services } from '../../src/agent/dataplane/nft/services/service-table.ts';
import { NodeServices, type ServiceMode, type ServiceRules } from '../../src/agent/services.ts';
import { ResourceStore } from '../../src/agent/state/resources.ts';
import type { NodeUpdate, VersionedResource } from '../../src/model/node/desired-update.ts';
import type { RoutedService, RoutedSlice } from '../../src/model/service/objects.ts';
import type { ServiceHealthIr, ServiceVipIr } from '../../src/model/service/vip.ts';
import { FakeClock, silentLog } from '../kube-room/fake-clock.ts';

/** The kernel's side, which holds what it is told unless a service has the refused address. */
class Rules implements ServiceRules {
  isThere = false;
  held = new Map<string, readonly string[]>();
  isIntact = true;

  async reset(services: Services): Promise<void> {
    this.isThere = true;
    this.held = new Map([...services].map(([key, vips]) => [key, backendsOf(vips)]));
  }

  async apply({ upsert, remove }: ServiceChange): Promise<void> {
    if ([...upsert.values()].some((vips) => backendsOf(vips).includes(REFUSED))) throw new Error('no memory');
    for (const [key, vips] of upsert) this.held.set(key, backendsOf(vips));
    for (const key of remove) this.held.delete(key);
  }

  verify(): boolean {
    return this.isIntact;
  }

  async repair(): Promise<void> {
    this.isIntact = true;
  }

  async remove(): Promise<void> {
    this.isThere = false;
    this.held.clear();
  }
}

const REFUSED = '10.42.9.9';
const SERVICE: RoutedService = {
  metadata: { namespace: 'shop', name: 'cart' },
  spec: { type: 'ClusterIP', clusterIPs: ['10.96.0.10'], ports: [{ port: 80 }] },
};
const CART = service('shop/cart', SERVICE);
let rules: Rules;
let isOther: boolean;
let asked: readonly ServiceHealthIr[];
let resources: ResourceStore;

function backendsOf(vips: readonly ServiceVipIr[]): readonly string[] {
  return vips.flatMap(({ backends }) => backends.map(({ address }) => address));
}

function service(key: string, body: RoutedService): VersionedResource {
  return { kind: 'routedService', key, version: '1', body };
}

function slice(key: string, of: string, ...endpoints: RoutedSlice['endpoints'][number][]): VersionedResource {
  return {
    kind: 'routedSlice',
    key,
    version: '1',
    body: { service: of, addressType: 'IPv4', endpoints, ports: [{ port: 8080 }] },
  };
}

function update(upserts: readonly VersionedResource[], removals: NodeUpdate['removals'] = []): NodeUpdate {
  return { upserts, removals, setPatches: [], complete: true, watermark: {} };
}

function services(mode: ServiceMode = 'Auto'): NodeServices {
  const health = {
    async serve(wanted: readonly ServiceHealthIr[]) {
      asked = wanted;
      return [];
    },
  };
  return new NodeServices({ resources, mode, rules, health, findOtherProxy: async () => isOther, logger: silentLog });
}

/** As the applier does: into force, then into memory. */
async function apply(of: NodeServices, change: NodeUpdate): Promise<ReadonlyMap<string, string>> {
  const refused = await of.apply(change);
  for (const { kind, key, version, body } of change.upserts)
    if (!refused.has(`${kind} ${key}`)) resources.set(kind, key, version, body);
  for (const { kind, key } of change.removals) resources.remove(kind, key);
  return refused;
}

beforeEach(() => {
  rules = new Rules();
  isOther = false;
  asked = [];
  const folder = mkdtempSync(path.join(tmpdir(), 'weft-services-'));
  resources = new ResourceStore(path.join(folder, 'resources.json'), new FakeClock());
  const node = { name: 'here', uid: 'n1', address: '192.0.2.1', addresses: [], tunnelAddresses: [] };
  resources.set('node', 'self', '1', { ...node, zone: 'a', trustDomain: 'x', trustBundlePem: '' });
});

describe('what the kernel is told', () => {
  test('follows from Services and slices in whatever order they come and go', async () => {
    const own = services();
    await own.start();
    await apply(own, update([slice('shop/cart-1', 'shop/cart', { addresses: ['10.42.0.2'] })]));
    await apply(own, update([CART]));
    await apply(own, update([slice('shop/cart-2', 'shop/cart', { addresses: ['10.42.0.3'] })]));
    expect(rules.held.get('shop/cart')).toEqual(['10.42.0.2', '10.42.0.3']);
    await apply(own, update([], [{ kind: 'routedSlice', key: 'shop/cart-1' }]));
    expect(rules.held.get('shop/cart')).toEqual(['10.42.0.3']);
    await apply(own, update([], [{ kind: 'routedService', key: 'shop/cart' }]));
    expect(rules.held.has('shop/cart')).toBe(false);
  });

  test("moves with a slice that becomes another service's", async () => {
    const own = services();
    await own.start();
    const other = { ...SERVICE, metadata: { namespace: 'shop', name: 'till' } };
    await apply(
      own,
      update([CART, service('shop/till', other), slice('shop/s', 'shop/cart', { addresses: ['10.42.0.2'] })]),
    );
    await apply(own, update([slice('shop/s', 'shop/till', { addresses: ['10.42.0.2'] })]));
    expect([...rules.held]).toEqual([
      ['shop/cart', []],
      ['shop/till', ['10.42.0.2']],
    ]);
  });

  test('changes when the node moves to another zone', async () => {
    const own = services();
    await own.start();
    const near = (address: string, zone: string) => ({ addresses: [address], hints: { forZones: [{ name: zone }] } });
    await apply(own, update([CART, slice('shop/s', 'shop/cart', near('10.42.0.2', 'a'), near('10.42.0.3', 'b'))]));
    expect(rules.held.get('shop/cart')).toEqual(['10.42.0.2']);
    const node = resources.get('node', 'self');
    if (node !== undefined) resources.set('node', 'self', '2', { ...node, zone: 'b' });
    await own.nodeChanged();
    expect(rules.held.get('shop/cart')).toEqual(['10.42.0.3']);
  });

  test('is all but what the kernel refuses, which is named', async () => {
    const own = services();
    await own.start();
    const bad = { ...SERVICE, metadata: { namespace: 'shop', name: 'bad' } };
    const refused = await apply(
      own,
      update([CART, service('shop/bad', bad), slice('shop/bad-1', 'shop/bad', { addresses: [REFUSED] })]),
    );
    expect([...refused]).toEqual([
      ['routedService shop/bad', 'no memory'],
      ['routedSlice shop/bad-1', 'no memory'],
    ]);
    expect([...rules.held.keys()]).toEqual(['shop/cart']);
  });
});

test('load balancers are answered for services with local endpoints only', async () => {
  const own = services();
  await own.start();
  const balanced: RoutedService = {
    ...SERVICE,
    spec: { ...SERVICE.spec, type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 31_000 },
  };
  await apply(
    own,
    update([service('shop/cart', balanced), slice('s', 'shop/cart', { addresses: ['10.42.0.2'], nodeName: 'here' })]),
  );
  expect(asked).toEqual([{ namespace: 'shop', name: 'cart', port: 31_000, localEndpoints: 1 }]);
  await apply(own, update([], [{ kind: 'routedService', key: 'shop/cart' }]));
  expect(asked).toEqual([]);
});

describe('whose job it is', () => {
  const BEATS = 6;

  test("where another proxy runs, Weft's turn comes when that has been silent for a while", async () => {
    isOther = true;
    const own = services();
    await own.start();
    await apply(own, update([CART]));
    expect([own.report(), rules.isThere]).toEqual(['Other', false]);
    isOther = false;
    for (let beat = 1; beat < BEATS; beat += 1) await own.look();
    expect(own.report()).toBe('Other');
    await own.look();
    expect([own.report(), [...rules.held.keys()]]).toEqual(['Weft', ['shop/cart']]);
  });

  test('a proxy that only restarts keeps it', async () => {
    isOther = true;
    const own = services();
    await own.start();
    for (let round = 0; round < 3; round += 1) {
      isOther = false;
      for (let beat = 1; beat < BEATS; beat += 1) await own.look();
      isOther = true;
      await own.look();
    }
    expect(own.report()).toBe('Other');
  });

  test('what an earlier agent did goes on, and a proxy beside it is told of', async () => {
    [isOther, rules.isThere] = [true, true];
    const own = services();
    await own.start();
    expect(own.report()).toBe('Contested');
  });

  test('with Never the table of an earlier agent goes', async () => {
    rules.isThere = true;
    const own = services('Never');
    await own.start();
    await apply(own, update([CART]));
    expect([own.report(), rules.isThere, rules.held.size]).toEqual(['Off', false, 0]);
  });
});

test('what somebody else changed is put back, and that is told', async () => {
  const own = services();
  await own.start();
  expect(await own.look()).toBe(false);
  rules.isIntact = false;
  expect(await own.look()).toBe(true);
  expect(rules.isIntact).toBe(true);
});
