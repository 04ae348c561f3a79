import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { Node } from '../../src/api/kubernetes.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { runNodeNetworks } from '../../src/controllers/node-network/run.ts';
import { StatusWriter } from '../../src/kube/apply.ts';
import { EventRecorder } from '../../src/kube/events.ts';
import { type Kind, KINDS, objectPath } from '../../src/kube/kinds.ts';
import { Reflector } from '../../src/kube/reflector.ts';
import { Store } from '../../src/kube/store.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { Listeners } from '../../src/lib/listeners.ts';
import type { NodeReportIr } from '../../src/model/node/report.ts';
import { silentLog } from '../kube-room/fake-clock.ts';
import { connect, create, kube, read, waitUntil } from './cluster.ts';

const NAME = 'networked';
const TAINT = 'weft.dev/agent-not-ready';
const REPORT: NodeReportIr = {
  serving: true,
  faults: [],
  versions: { agent: '0.1.0', kernel: '6.1.0' },
  podMtu: 1450,
  forwardDrops: [],
};
const api = connect();
const stop = new AbortController();
const running: Promise<void>[] = [];
const changed = new Listeners<string>();
let report: NodeReportIr | undefined;

beforeAll(() => {
  const common = { api, clock: systemClock, random: () => 0.5, log: silentLog };
  const follow = <T extends KubeObject>(kind: Kind<T>): Store<T> => {
    const store = new Store<T>();
    running.push(new Reflector({ ...common, kind, store }).run(stop.signal));
    return store;
  };
  const apply = { api, fieldManager: 'weft-nodenetwork' };
  const deps = {
    ...{ ...common, apply },
    nodes: follow(KINDS.node),
    blocks: follow(KINDS.ipBlock),
    nodeNetworks: follow(KINDS.nodeNetwork),
    status: new StatusWriter({ ...apply, clock: systemClock }),
    events: new EventRecorder({ ...common, controller: 'weft.dev/test', instance: 'test-0' }),
    held: { isConnected: () => report !== undefined, errors: () => [] },
    report: () => report,
    isSettled: () => true,
    onNodeChanged: changed.listen,
  };
  running.push(runNodeNetworks(deps, stop.signal));
});

afterEach(async () => {
  report = undefined;
  await api.request('DELETE', objectPath(KINDS.node, { name: NAME }));
  await waitUntil(
    'it goes with its Node',
    async () => (await read(api, KINDS.nodeNetwork, { name: NAME })) === undefined,
  );
});

afterAll(async () => {
  stop.abort();
  await Promise.all(running);
  await api.close();
});

function say(next: NodeReportIr): void {
  report = next;
  changed.tell(NAME);
}

async function createNode(taints: readonly object[]): Promise<Node> {
  const node = await create(api, KINDS.node, {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: NAME },
    spec: { taints },
  });
  const conditions = [{ type: 'NetworkUnavailable', status: 'True', reason: 'NoRoute', message: '' }];
  await api.request('PATCH', objectPath(KINDS.node, { name: NAME }, 'status'), {
    contentType: 'application/merge-patch+json',
    body: { status: { conditions, addresses: [{ type: 'InternalIP', address: '192.0.2.1' }] } },
  });
  return node;
}

/** Others, such as the control plane's own, come and go. */
async function taints(): Promise<readonly string[]> {
  const { spec } = (await read(api, KINDS.node, { name: NAME })) ?? {};
  return (spec?.taints ?? []).map(({ key }) => key);
}

async function ready(): Promise<string | undefined> {
  const network = await read(api, KINDS.nodeNetwork, { name: NAME });
  const condition = network?.status?.conditions?.find(({ type }) => type === 'Ready');
  return condition && `${condition.status} ${condition.reason}`;
}

test('every Node has a NodeNetwork that goes with it, and says how its agent is', async () => {
  const { metadata } = await createNode([]);
  await waitUntil('its absence is told', async () => (await ready()) === 'False AgentUnreachable');
  const network = await read(api, KINDS.nodeNetwork, { name: NAME });
  expect(network?.metadata.ownerReferences).toEqual([
    { apiVersion: 'v1', kind: 'Node', name: NAME, uid: metadata.uid },
  ]);
  say(REPORT);
  await waitUntil('its service is told', async () => (await ready()) === 'True Serving');
  expect((await read(api, KINDS.nodeNetwork, { name: NAME }))?.status).toMatchObject({
    address: '192.0.2.1',
    podMTU: 1450,
    versions: REPORT.versions,
  });
});

test('a node is opened to pods when its agent serves them, not before; taints of others stay', async () => {
  const other = { key: 'example.org/other', effect: 'NoSchedule' };
  await createNode([{ key: TAINT, effect: 'NoSchedule' }, other]);
  say({ ...REPORT, serving: false });
  await waitUntil('the lack of a block is told', async () => (await ready()) === 'False NoBlock');
  expect(await taints()).toContain(TAINT);
  say(REPORT);
  await waitUntil('the taint is off', async () => !(await taints()).includes(TAINT));
  const networkUnavailable = async () =>
    (await read(api, KINDS.node, { name: NAME }))?.status?.conditions?.find(({ type }) => type === 'NetworkUnavailable')
      ?.status;
  await waitUntil('the condition is answered', async () => (await networkUnavailable()) === 'False');
  expect(await taints()).toContain(other.key);
});

test('how long pods were without their policy is an event of the node, once for each time', async () => {
  await createNode([]);
  say({ ...REPORT, policyOpenings: { count: 3, lastMs: 100 } });
  await waitUntil('the node is known', async () => (await ready()) === 'True Serving');
  say({ ...REPORT, podMtu: 1400, policyOpenings: { count: 4, lastMs: 2_340 } });
  const described = () => kube('describe', 'nodenetwork', NAME);
  await waitUntil('it is told', async () => (await described()).includes('PolicyTableRestored'));
  expect(await described()).toContain('pods may have been without their policy for 2.3 s');
  expect(await described()).not.toContain('for 0.1 s');
});
