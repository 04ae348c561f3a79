import { beforeEach, describe, expect, test } from '@jest/globals';
import type { EndpointSlice, Pod } from '../../src/api/kubernetes.ts';
import { Leaving } from '../../src/controllers/mesh/leaving.ts';
import { ProxyStates } from '../../src/controllers/mesh/proxies.ts';
import { HeldResources } from '../../src/controllers/node-state/held.ts';
import { Store } from '../../src/kube/store.ts';
import { Listeners } from '../../src/lib/listeners.ts';
import { DesiredTable } from '../../src/model/node/desired.ts';
import { routedSlice } from '../../src/model/service/objects.ts';
import { FakeClock, settle } from '../kube-room/fake-clock.ts';

const WEB = { uid: 'web', name: 'web', namespace: 'shop' };
const CLUSTER = { kind: 'endpoints', key: 'shop/web:80' } as const;
const SLICE = { kind: 'routedSlice', key: 'shop/web-1' } as const;

let clock: FakeClock;
let pods: Store<Pod>;
let endpointSlices: Store<EndpointSlice>;
let table: DesiredTable;
let held: HeldResources;
let proxies: ProxyStates;
let acknowledged: Listeners<void>;
let leaving: Leaving;
let isCompiled: boolean;
let answer: string | undefined;

beforeEach(() => {
  clock = new FakeClock();
  pods = new Store();
  endpointSlices = new Store();
  table = new DesiredTable();
  held = new HeldResources();
  proxies = new ProxyStates();
  acknowledged = new Listeners();
  isCompiled = true;
  answer = undefined;
  leaving = new Leaving(
    {
      ...{ pods, endpointSlices, table, held, proxies, onAcknowledged: acknowledged.listen },
      clustersOf: (service) => (service === 'shop/web' ? [CLUSTER.key] : []),
      isCompiled: () => isCompiled,
    },
    clock,
  );
  pods.set(pod('web', 'n1', '10.0.0.7'));
  pods.set(pod('client', 'n2', '10.0.0.8'));
  offer('10.0.0.7', '10.0.0.9');
  for (const node of ['n1', 'n2']) {
    held.connected(node, { nodeUid: node, held: [] });
    hold(node);
  }
  accept('client');
});

function pod(name: string, nodeName: string, ip: string): Pod {
  return {
    metadata: { name, namespace: 'shop', uid: name, labels: { 'weft.dev/proxy': 'injected' } },
    spec: { nodeName, containers: [], initContainers: [{ name: 'weft-proxy', restartPolicy: 'Always' }] },
    status: { phase: 'Running', podIPs: [{ ip }] },
  };
}

/** The service's endpoints from now on: ready ones, and those that end. */
function offer(...ready: string[]): void {
  const ending = ready.includes('10.0.0.7') ? [] : ['10.0.0.7'];
  const slice: EndpointSlice = {
    metadata: { name: 'web-1', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    endpoints: [
      ...ready.map((address) => ({ addresses: [address] })),
      ...ending.map((address) => ({ addresses: [address], conditions: { ready: false, terminating: true } })),
    ],
  };
  endpointSlices.set(slice);
  const routed = routedSlice(slice);
  if (routed === undefined) throw new Error('the slice is of a Service');
  for (const node of ['n1', 'n2']) table.set('pod', node, { uid: node } as never, [node]);
  table.setEverywhere(SLICE.kind, SLICE.key, routed);
  const endpoints = ready.map((address) => ({ address, port: 80 }));
  table.set(
    CLUSTER.kind,
    CLUSTER.key,
    { protocol: 'HTTP', loadBalancing: 'LeastRequest', connectTimeoutMs: 1000, endpoints },
    ['n2'],
  );
}

function hold(node: string): void {
  const applied = table.resourcesOf(node).map((ref) => ({ ...ref, version: table.version(node, ref) ?? '' }));
  held.changed(node, { applied, removed: [], errors: [] });
  acknowledged.tell();
}

function accept(podUid: string, accepted = true): void {
  const version = table.version('n2', CLUSTER) ?? '';
  proxies.report({ podUid, gone: false, resources: [{ ...CLUSTER, version, accepted, message: '' }] });
  acknowledged.tell();
}

function end(name: string): void {
  const ending = pods.get(`shop/${name}`);
  if (ending === undefined) throw new Error(`there is no ${name}`);
  pods.set({ ...ending, metadata: { ...ending.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } });
}

async function ask(): Promise<void> {
  void leaving.wait(WEB).then((given) => {
    answer = given;
  });
  await settle();
}

async function answered(): Promise<string | undefined> {
  await settle();
  return answer;
}

describe('a pod that ends has left', () => {
  test('when its endpoints are gone, every node has that in force, and every proxy has acknowledged it', async () => {
    await ask();
    end('web');
    expect(await answered()).toBeUndefined();
    offer('10.0.0.9');
    acknowledged.tell();
    hold('n1');
    expect(await answered()).toBeUndefined();
    hold('n2');
    expect(await answered()).toBeUndefined();
    accept('client');
    expect(await answered()).toBe('');
  });

  test('for whoever has heard of it, whatever else changes there afterwards', async () => {
    end('web');
    offer('10.0.0.9');
    await ask();
    hold('n1');
    hold('n2');
    const version = table.version('n2', CLUSTER) ?? '';
    offer('10.0.0.9', '10.0.0.10');
    acknowledged.tell();
    proxies.report({
      podUid: 'client',
      gone: false,
      resources: [{ ...CLUSTER, version, accepted: true, message: '' }],
    });
    acknowledged.tell();
    expect(await answered()).toBe('');
  });

  test('when what a proxy refused is all that it was told', async () => {
    end('web');
    offer('10.0.0.9');
    hold('n1');
    hold('n2');
    await ask();
    expect(answer).toBeUndefined();
    accept('client', false);
    expect(await answered()).toBe('');
  });

  test('not before what nodes should hold follows from what the API says', async () => {
    end('web');
    isCompiled = false;
    await ask();
    offer('10.0.0.9');
    hold('n1');
    hold('n2');
    accept('client');
    expect(await answered()).toBeUndefined();
    isCompiled = true;
    acknowledged.tell();
    expect(await answered()).toBe('');
  });

  test.each<[string, () => void]>([
    ['a node that is away', () => held.disconnected('n2')],
    ['a proxy that has ended', () => proxies.report({ podUid: 'client', gone: true, resources: [] })],
    [
      'a pod that has ended',
      () => pods.set({ ...pod('client', 'n2', '10.0.0.8'), status: { phase: 'Succeeded', podIPs: [] } }),
    ],
  ])('without %s', async (_, happen) => {
    end('web');
    offer('10.0.0.9');
    hold('n1');
    if (_ !== 'a node that is away') hold('n2');
    await ask();
    expect(answer).toBeUndefined();
    happen();
    acknowledged.tell();
    expect(await answered()).toBe('');
  });

  test('at once when it is in no service, or is not there any more', async () => {
    for (const slice of endpointSlices.list()) endpointSlices.delete(slice);
    end('web');
    await ask();
    expect(answer).toBe('');
    answer = undefined;
    pods.delete(pod('web', 'n1', '10.0.0.7'));
    await ask();
    expect(answer).toBe('');
  });
});

describe('is not waited for', () => {
  test('when only a container ends, and not the pod', async () => {
    await ask();
    await clock.advance(2_000);
    expect(await answered()).toBe('the pod does not end');
  });

  test('for ever', async () => {
    end('web');
    await ask();
    await clock.advance(60_000);
    expect(await answered()).toBe('not everybody has acknowledged it');
  });
});
