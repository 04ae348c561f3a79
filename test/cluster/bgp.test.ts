import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { switchOf } from '../../lab/cluster/config.ts';
import { BIN } from '../../lab/setup/paths.ts';
import { run } from '../../lab/setup/shell.ts';
import { askBird } from '../../src/agent/bgp/control-socket.ts';
import type { BGPPeer } from '../../src/api/generated/bgppeer.ts';
import type { NodeNetwork } from '../../src/api/generated/nodenetwork.ts';
import {
  applyObjects,
  eventually,
  getObject,
  kube,
  namespace,
  pod,
  podAddress,
  podsReady,
  reaches,
  runOnNode,
  TEST_CLUSTER,
} from './cluster.ts';

jest.setTimeout(180_000);

const [NS, WEFT_NS] = ['routed', 'weft-system'];
const ROUTER = `${TEST_CLUSTER.subnet}.250`;
const NODES = TEST_CLUSTER.nodes;
const apiVersion = 'weft.dev/v1alpha1';
const folder = mkdtempSync(path.join(tmpdir(), 'weft-router-'));
const file = (name: string) => path.join(folder, name);
let router: ChildProcess;

const PEER = {
  apiVersion,
  kind: 'BGPPeer',
  metadata: { name: 'router' },
  spec: { peerAddress: ROUTER, asNumber: 65_001, passwordSecret: { name: 'router' } },
};

/** On the nodes' switch, with an address of their subnet. */
async function startRouter(): Promise<void> {
  const netns = switchOf(TEST_CLUSTER);
  await run('ip', ['-n', netns, 'addr', 'replace', `${ROUTER}/24`, 'dev', 'br0']);
  const peers = NODES.map((_, index) => {
    const neighbor = `${TEST_CLUSTER.subnet}.${11 + index}`;
    const session = `local ${ROUTER} as 65001; neighbor ${neighbor} as 64512; password "open sesame";`;
    return `protocol bgp n${index} { ${session} ipv4 { import all; export none; }; }\n`;
  });
  writeFileSync(
    file('bird.conf'),
    `router id ${ROUTER};\nprotocol device {}\nprotocol direct { ipv4; }\n${peers.join('')}`,
  );
  const own = ['-f', '-c', file('bird.conf'), '-s', file('bird.ctl'), '-P', file('bird.pid')];
  router = spawn('ip', ['netns', 'exec', netns, path.join(BIN, 'bird'), ...own], { stdio: 'ignore' });
}

async function routerKnows(): Promise<string> {
  return (await askBird(file('bird.ctl'), 'show route')).map(({ text }) => text).join('\n');
}

async function blocksOfPool(): Promise<string[]> {
  const { items } = await getObject<{ items: { spec: { cidr: string; poolName: string } }[] }>('ipblocks');
  return items.flatMap(({ spec }) => (spec.poolName === 'routed' ? spec.cidr : []));
}

async function established(node: string): Promise<string> {
  const { status } = await getObject<NodeNetwork>('nn', node);
  const found = status?.conditions?.find(({ type }) => type === 'BGPEstablished');
  return `${found?.status} ${found?.reason}`;
}

beforeAll(async () => {
  await startRouter();
  const pool = { cidr: '10.245.0.0/16', encapsulation: 'None', namespaceSelector: { matchLabels: { net: NS } } };
  await applyObjects(
    { apiVersion, kind: 'IPPool', metadata: { name: 'routed' }, spec: pool },
    namespace(NS, { net: NS }),
    { apiVersion, kind: 'BGPConfiguration', metadata: { name: 'default' }, spec: {} },
  );
  await eventually('the pool is ready', async () => (await kube('get', 'ipp', 'routed')).includes('True'));
  await applyObjects(pod(`${NS}/a`, { node: 'node-1' }), pod(`${NS}/b`, { node: 'node-2' }));
  await podsReady(NS);
});

afterAll(async () => {
  await kube('delete', 'namespace', NS);
  await kube('delete', 'bgppeers,bgpconfigurations', '--all');
  await kube('delete', 'ipp', 'routed', '--wait=false');
  await kube('-n', WEFT_NS, 'delete', 'secret', 'router', '--ignore-not-found');
  router.kill();
  await run('ip', ['-n', switchOf(TEST_CLUSTER), 'addr', 'del', `${ROUTER}/24`, 'dev', 'br0'], { allowFailure: true });
  rmSync(folder, { recursive: true });
});

test('nodes peer with each other, say so, and their pods reach each other without a tunnel', async () => {
  for (const node of NODES) {
    await eventually(`${node} has its session`, async () => (await established(node)) === 'True Established');
  }
  const { status } = await getObject<NodeNetwork>('nn', 'node-1');
  expect(status?.bgp?.sessions).toEqual([
    expect.objectContaining({ peer: 'Node/node-2', asNumber: 64_512, state: 'Established' }),
  ]);
  expect(await reaches(`${NS}/b`, await podAddress(`${NS}/a`))).toBe(true);
});

test('a BGPPeer whose Secret is missing says so, and has its sessions when it is there', async () => {
  await applyObjects(PEER);
  const status = async () => (await getObject<BGPPeer>('bgpp', 'router')).status;
  await eventually('it is not accepted', async () => (await status())?.conditions?.[0]?.reason === 'SecretNotFound');
  await kube('-n', WEFT_NS, 'create', 'secret', 'generic', 'router', '--from-literal=password=open sesame');
  await eventually(
    'both nodes have the session',
    async () => {
      const now = await status();
      return now?.conditions?.[0]?.status === 'True' && now.sessions === 2 && now.established === 2;
    },
    60_000,
  );
  const blocks = await blocksOfPool();
  expect(blocks.length).toBeGreaterThanOrEqual(2);
  await eventually('the router knows every block', async () => {
    const known = await routerKnows();
    return blocks.every((block) => known.includes(block));
  });
});

test("a load balancer's address is announced by every node, under traffic policy Local by those with a ready pod", async () => {
  const address = '198.51.100.7';
  const announcers = async () => {
    const answer = await askBird(file('bird.ctl'), `show route for ${address}/32`).catch((error: unknown) => {
      if (String(error).includes('Network not found')) return [];
      throw error;
    });
    return answer.flatMap(({ text }) => /\[(n\d)/.exec(text)?.[1] ?? []).sort();
  };
  const advertise = { loadBalancerIPs: ['198.51.100.0/24'] };
  await applyObjects(
    { apiVersion, kind: 'BGPConfiguration', metadata: { name: 'default' }, spec: { advertise } },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace: NS, name: 'lb' },
      spec: { type: 'LoadBalancer', selector: { app: 'a' }, ports: [{ port: 80, targetPort: 8080 }] },
    },
  );
  const status = JSON.stringify({ status: { loadBalancer: { ingress: [{ ip: address }] } } });
  await kube('-n', NS, 'patch', 'service', 'lb', '--subresource=status', '--type=merge', '-p', status);
  await eventually('both nodes announce it', async () => (await announcers()).join() === 'n0,n1');
  await kube('-n', NS, 'patch', 'service', 'lb', '-p', '{"spec":{"externalTrafficPolicy":"Local"}}');
  await eventually('the node of its pod alone does', async () => (await announcers()).join() === 'n0');
  await kube('-n', NS, 'delete', 'service', 'lb');
  await eventually('nobody does', async () => (await announcers()).length === 0);
});

test('no password is in what the agents and operators say', async () => {
  for (const app of ['weft-agent', 'weft-operator']) {
    expect(await kube('-n', WEFT_NS, 'logs', '-l', `app=${app}`, '--tail=-1')).not.toContain('sesame');
  }
  expect(await kube('get', 'nn,bgpp', '-o', 'yaml')).not.toContain('sesame');
});

test('while an agent restarts, the router keeps the routes of its node, and pods reach each other', async () => {
  const blocks = await blocksOfPool();
  const address = await podAddress(`${NS}/a`);
  const before = await askBird(file('bird.ctl'), 'show protocols');
  await kube('-n', WEFT_NS, 'delete', 'pod', '-l', 'app=weft-agent', '--field-selector', 'spec.nodeName=node-1');
  const gaps: string[] = [];
  await eventually(
    'the sessions are up again, and others than before',
    async () => {
      const known = await routerKnows();
      gaps.push(...blocks.filter((block) => !known.includes(block)));
      if (!(await reaches(`${NS}/b`, address))) gaps.push(address);
      const now = await askBird(file('bird.ctl'), 'show protocols');
      const isUp = now.filter(({ text }) => text.includes('Established')).length === NODES.length;
      return isUp && JSON.stringify(now) !== JSON.stringify(before);
    },
    90_000,
  );
  expect(gaps).toEqual([]);
});

test('without the BGPConfiguration nobody speaks BGP, and its routes are gone', async () => {
  await kube('delete', 'bgpconfiguration', 'default');
  await eventually('the router knows no block', async () => !(await routerKnows()).includes('10.245.'));
  for (const node of NODES) {
    await eventually(`${node} has ended it`, async () => (await established(node)) === 'undefined undefined');
    const { stdout } = await runOnNode(TEST_CLUSTER, node, [
      'sh',
      '-c',
      'ip route show proto bird; pgrep -x bird || true',
    ]);
    expect(stdout.trim()).toBe('');
  }
  // Nodes of one subnet have direct routes of Weft's own.
  expect(await reaches(`${NS}/b`, await podAddress(`${NS}/a`))).toBe(true);
});
