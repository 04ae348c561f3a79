import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, expect, test } from '@jest/globals';
import { Attacher } from '../../src/agent/cni/attach.ts';
import { PodWaiter } from '../../src/agent/cni/pods.ts';
import type { Netns } from '../../src/agent/dataplane/netns.ts';
import { BridgeGuard } from '../../src/agent/dataplane/nft/bridge-guard.ts';
import { HostPorts } from '../../src/agent/dataplane/nft/host-ports.ts';
import { PolicyTable } from '../../src/agent/dataplane/nft/policy-table.ts';
import { listPodInterfaces } from '../../src/agent/dataplane/pod-interfaces.ts';
import { MacvlanPods } from '../../src/agent/macvlan-pods.ts';
import { NodeNetwork } from '../../src/agent/network.ts';
import { NodeInspector } from '../../src/agent/node-inspector.ts';
import { NodeLeases } from '../../src/agent/state/leases.ts';
import { ResourceStore } from '../../src/agent/state/resources.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../kube-room/fake-clock.ts';
import { NetnsLab } from './netns-lab.ts';

const lab = new NetnsLab();
const BLOCK = { uid: 'b1', cidr: '10.42.0.0/26', pool: 'main', reserved: [] };
let folder = '';
let host: Netns;
let leases: NodeLeases;
let network: NodeNetwork;
let inspector: NodeInspector;
const lend = async () => ({ problem: 'nothing is lent here' });
let count = 0;

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'weft-t-inspector-'));
  count += 1;
  host = lab.addNode(`node${count}`);
  const resources = new ResourceStore(path.join(folder, 'resources.json'), systemClock);
  const policy = new PolicyTable(host.path);
  const mesh = { open: () => undefined, close: () => undefined, judgedPorts: () => [], judges: () => () => undefined };
  leases = new NodeLeases(folder, systemClock, [], () => []);
  leases.learnLost({ over: [], loans: [], blocks: [BLOCK.uid] }, [BLOCK.uid]);
  leases.setBlocks([BLOCK]);
  network = new NodeNetwork({
    ...{ host, policy, resources, mesh, logger: silentLog },
    hostPorts: new HostPorts(host.path),
    bridges: new BridgeGuard(host.path),
    macvlans: new MacvlanPods(host, resources, host.path),
  });
  const attacher = new Attacher({
    pods: new PodWaiter({ all: () => [] }, systemClock),
    ...{ leases, dataplane: network, clock: systemClock, logger: silentLog },
    broken: () => undefined,
    leasesChanged: () => undefined,
    announced: async () => undefined,
    requestBlock: () => undefined,
  });
  inspector = new NodeInspector({
    ...{ leases, attacher, lend },
    blocks: () => [BLOCK.cidr],
    links: () => listPodInterfaces(host),
    check: (attachment) => network.check(attachment),
  });
});
afterEach(() => rmSync(folder, { recursive: true }));
afterAll(() => lab.close());

/** A pod with its lease, its policy and its link, as ADD leaves them. */
async function attach(name: string) {
  const wish = { podUid: name, containerId: `sandbox-${name}`, ifname: 'eth0', netns: lab.add(`${name}${count}`) };
  const allocation = leases.allocate({ ...wish, pools: ['main'], families: [4], fixed: [] });
  if ('reason' in allocation) throw new Error(allocation.message);
  const addressing = { pools: ['main'], families: [4 as const], fixed: [] };
  const pod = { uid: name, namespace: 'shop', name, serviceAccount: 'default', addresses: [], addressing };
  await network.guard(pod, allocation.attachment);
  network.wire(allocation.attachment);
  const { containerId, ifname } = wish;
  return { ...allocation.attachment, dead: { podUid: name, containerId, ifname } };
}

test('a node that is as it should be has leases without a fault, and nothing stray', async () => {
  const web = await attach('web');
  expect(await inspector.inspect()).toEqual({
    blocks: [BLOCK.cidr],
    lent: [],
    attachments: [
      {
        ...{ podUid: 'web', containerId: 'sandbox-web', ifname: 'eth0', addresses: web.addresses },
        ...{ hostInterface: web.hostInterface, isAlive: true, faults: [] },
      },
    ],
    ...{ resting: [], strayLinks: [], strayRoutes: [] },
  });
});

test('a lease without link, a link and a route without lease, and an address that rests are told, and put right', async () => {
  const broken = await attach('broken');
  const [stray, routed, gone] = [await attach('stray'), await attach('routed'), await attach('gone')];
  lab.ip(host.path, 'link', 'del', broken.hostInterface);
  leases.release(stray.dead);
  lab.ip(host.path, 'route', 'add', '10.42.0.40/32', 'dev', routed.hostInterface, 'proto', '87');
  leases.release(gone.dead);
  await network.unwire(gone);
  const seen = await inspector.inspect();
  const faultsOf = (podUid: string) => seen.attachments.find((one) => one.podUid === podUid)?.faults;
  expect(faultsOf('broken')).toEqual([expect.stringContaining('not a pair')]);
  expect(faultsOf('routed')).toEqual([]);
  expect(seen.strayLinks).toEqual([stray.hostInterface]);
  expect(seen.strayRoutes).toEqual(['10.42.0.40']);
  expect(seen.resting.map(({ address, lastPodUid }) => [address, lastPodUid])).toEqual([
    [stray.addresses[0], 'stray'],
    [gone.addresses[0], 'gone'],
  ]);

  expect(await inspector.repair([])).toEqual({
    done: ['put back 2 links of pods', 'took away 1 links that no lease names'],
    refused: [],
  });
  const after = await inspector.inspect();
  expect(after.attachments.flatMap(({ faults }) => faults)).toEqual([]);
  expect([after.strayLinks, after.strayRoutes]).toEqual([[], []]);
});

test('a lease is taken back when its namespace is gone, and never while it is there, whoever asks', async () => {
  const [dead, live] = [await attach('dead'), await attach('live')];
  lab.remove(dead.netns);
  expect((await inspector.inspect()).attachments.map(({ podUid, isAlive }) => [podUid, isAlive])).toEqual([
    ['dead', false],
    ['live', true],
  ]);
  const other = { ...dead.dead, podUid: 'somebody else' };
  const { done, refused } = await inspector.repair([other, live.dead, dead.dead]);
  expect(refused).toHaveLength(2);
  expect(done).toContain(`released ${dead.addresses.join()}`);
  expect(leases.all().map(({ podUid }) => podUid)).toEqual(['live']);
  expect(leases.resting().map(({ address }) => address)).toEqual(dead.addresses);
  expect(lab.ip(live.netns, 'address')).toContain(live.addresses[0]);
});

test('where the journal was lost, the link tells whether an address is used', async () => {
  const { hostInterface, addresses } = await attach('old');
  const shown = addresses.map((address) => {
    return { podUid: 'old', ifname: 'eth0', containerId: hostInterface, address };
  });
  rmSync(path.join(folder, 'leases.journal'));
  leases = new NodeLeases(folder, systemClock, [BLOCK], () => shown);
  const rebuilt = new NodeInspector({
    ...{ leases, lend, blocks: () => [BLOCK.cidr], links: () => listPodInterfaces(host), check: () => ['never asked'] },
    attacher: { reap: async () => [], repair: async () => 0, collectOrphans: async () => 0 },
  });
  const isAlive = async () => (await rebuilt.inspect()).attachments.map((one) => [one.isAlive, one.faults]);
  expect(await isAlive()).toEqual([[true, []]]);
  lab.ip(host.path, 'link', 'del', hostInterface);
  expect(await isAlive()).toEqual([[false, []]]);
});
