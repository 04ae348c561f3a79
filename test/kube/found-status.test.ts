import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { apiAddress } from '../../lab/cluster/config.ts';
import type { MeshService } from '../../src/api/generated/meshservice.ts';
import type { Pod, Service } from '../../src/api/kubernetes.ts';
import { watchRegistries } from '../../src/cmd/watch-registries.ts';
import { MeshCompiler } from '../../src/controllers/mesh/compiler.ts';
import { ProxyStates } from '../../src/controllers/mesh/proxies.ts';
import { runMeshStatus } from '../../src/controllers/mesh/status.ts';
import { StatusWriter } from '../../src/kube/apply.ts';
import { KINDS, objectPath } from '../../src/kube/kinds.ts';
import { Reflector } from '../../src/kube/reflector.ts';
import { Store } from '../../src/kube/store.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { Listeners } from '../../src/lib/listeners.ts';
import { DesiredTable } from '../../src/model/node/desired.ts';
import type { EndpointsIr } from '../../src/model/node/ir.ts';
import { silentLog } from '../kube-room/fake-clock.ts';
import { ConsulLab } from '../support/consul-lab.ts';
import { connect, create, KUBE_CLUSTER, kube, makeNamespace, read, waitUntil } from './cluster.ts';

const NAMESPACE = 'found-status';
const MACHINE = apiAddress(KUBE_CLUSTER);
const PORT = 18_520;
const ENDPOINTS = { kind: 'endpoints', key: `${NAMESPACE}/orders.mesh:80` };
const CLIENT: Pod = {
  metadata: { name: 'client', namespace: NAMESPACE, uid: 'client-uid', labels: { 'weft.dev/proxy': 'injected' } },
  spec: { nodeName: 'node-1', containers: [] },
};
const api = connect();
const common = { api, clock: systemClock, random: Math.random, log: silentLog };
const started: { stop(): Promise<void> }[] = [];
let consul: ConsulLab;

beforeAll(async () => {
  consul = await ConsulLab.start(PORT, MACHINE);
  await makeNamespace(api, NAMESPACE);
}, 60_000);
afterAll(async () => {
  await Promise.all(started.map((operator) => operator.stop()));
  await consul.close();
  await kube('delete', 'namespace', NAMESPACE, '--wait=false');
  await api.close();
});

/** An operator that leads: follows MeshServices, writes their statuses, and compiles what a node should hold. */
function startOperator() {
  const stop = new AbortController();
  const stores = {
    ...{ services: new Store<Service>(), pods: new Store<Pod>(), meshServices: new Store<MeshService>() },
    ...{ endpointSlices: new Store<never>(), trafficSplits: new Store<never>(), referenceGrants: new Store<never>() },
    ...{ httpRoutes: new Store<never>(), grpcRoutes: new Store<never>() },
    ...{ smiSplits: new Store<never>(), routeGroups: new Store<never>() },
  };
  stores.pods.replace([CLIENT], '1');
  stores.trafficSplits.replace([], '1');
  const metadata = { name: 'registry', namespace: NAMESPACE };
  stores.services.replace([{ metadata, spec: { clusterIP: MACHINE, ports: [{ port: PORT }] } }], '1');
  const { services, meshServices, pods, trafficSplits } = stores;
  const table = new DesiredTable();
  const compiler = new MeshCompiler({ stores, table, trustDomain: 'cluster.local', proxyUid: 1337 }, () =>
    compiler.flush(),
  );
  compiler.flush();
  const reflector = new Reflector({ ...common, kind: KINDS.meshService, store: meshServices });
  const ended = [
    reflector.run(stop.signal),
    runMeshStatus(
      {
        ...{ ...common, meshServices, trafficSplits, pods, table, index: compiler.index, proxies: new ProxyStates() },
        ...{ isConnected: () => true, isSettled: () => true, isCompiled: () => true, nameReports: () => [] },
        ...{ onAcknowledged: new Listeners<void>().listen, onNodeChanged: new Listeners<void>().listen },
        ...{ nodes: new Store<never>(), nodesWithProxy: () => [], callsTo: async () => [] },
        watchSource: watchRegistries({ ...common, services, namespace: 'weft-system' }),
        statuses: {
          meshService: new StatusWriter({ ...common, fieldManager: 'weft-meshservice' }),
          trafficSplit: new StatusWriter({ ...common, fieldManager: 'weft-trafficsplit' }),
        },
      },
      stop.signal,
    ),
  ];
  const operator = {
    synced: meshServices.synced,
    /** Addresses that the node is to call. */
    told: () => {
      const body = table.body('node-1', ENDPOINTS) as EndpointsIr | undefined;
      return body?.endpoints.map(({ address }) => address);
    },
    stop: async () => {
      stop.abort();
      await Promise.all(ended);
    },
  };
  started.push(operator);
  return operator;
}

async function statusNow() {
  const { status } = (await read(api, KINDS.meshService, { name: 'orders', namespace: NAMESPACE })) ?? {};
  return { ...status, source: status?.conditions?.find(({ type }) => type === 'SourceReachable') };
}

test('what is found goes by the status to every operator, and an operator that never saw the registry has it too', async () => {
  await consul.register('orders', { id: 'one', address: '192.0.2.7', weight: 2, zone: 'a' });
  await consul.register('orders', { id: 'two', address: '192.0.2.8', health: 'warning' });
  const { apiVersion, kind } = KINDS.meshService;
  const first = startOperator();
  await create(api, KINDS.meshService, {
    ...{ apiVersion, kind, metadata: { name: 'orders', namespace: NAMESPACE } },
    spec: {
      source: {
        // As a Service of the cluster, whose address the operator has to find.
        consul: {
          ...{ service: 'orders', address: `http://registry.${NAMESPACE}.svc:${PORT}` },
          tokenSecret: { name: 'consul' },
        },
      },
      ports: [{ port: 80, protocol: 'HTTP' }],
    },
  });
  await waitUntil(
    'the Secret is missed',
    async () => (await statusNow()).source?.message.includes('there is no Secret') === true,
  );
  const token = await consul.createToken('service "orders" { policy = "read" } node_prefix "" { policy = "read" }');
  await create(api, KINDS.secret, { metadata: { name: 'consul', namespace: NAMESPACE }, stringData: { token } });
  await waitUntil('the node is told', async () => first.told()?.join() === '192.0.2.7');
  expect(await statusNow()).toMatchObject({
    ...{ endpoints: { total: 1, known: 2 }, source: { status: 'True', reason: 'SourceReachable' } },
    found: {
      for: 'Consul service orders',
      endpoints: [{ address: '192.0.2.7', port: 8080, weight: 2, zone: 'a' }],
    },
  });

  await consul.stop();
  await waitUntil('the loss is told', async () => (await statusNow()).source?.status === 'False');
  const { source: lost } = await statusNow();
  await first.stop();
  const second = startOperator();
  await second.synced;
  expect(second.told()).toEqual(['192.0.2.7']);
  // Long enough for it to have asked in vain, and to have written of it.
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  expect(second.told()).toEqual(['192.0.2.7']);
  const { source: still, endpoints } = await statusNow();
  expect(still?.lastTransitionTime).toBe(lost?.lastTransitionTime);
  expect(still?.message).toContain(`since ${lost?.lastTransitionTime}: `);
  expect(endpoints).toEqual({ total: 1, known: 2 });

  await consul.start();
  await consul.register('orders', { id: 'two', address: '192.0.2.8' });
  await waitUntil('both are there', async () => second.told()?.join() === '192.0.2.7,192.0.2.8');
  const path = objectPath(KINDS.meshService, { name: 'orders', namespace: NAMESPACE });
  await api.request('PATCH', path, {
    ...{ contentType: 'application/merge-patch+json', body: { spec: { source: { consul: { service: 'other' } } } } },
  });
  await waitUntil('what is not sought any more is not called', async () => second.told()?.join() === '');
}, 90_000);
