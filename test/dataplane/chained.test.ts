import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { PodMeshIr } from '../../src/model/node/ir.ts';
import { inNetns } from '../../src/agent/dataplane/netns.ts';
import { AgentLab } from './agent-lab.ts';

const lab = new AgentLab();
const folder = path.join(lab.folder, 'net.d');
const file = path.join(folder, '10-other.conflist');
const NETWORK = `other-${process.pid}`;
const OTHER = {
  cniVersion: '1.0.0',
  name: NETWORK,
  plugins: [
    {
      ...{ type: 'bridge', bridge: 'cni0', isGateway: true },
      ipam: {
        type: 'host-local',
        ranges: [[{ subnet: '10.99.0.0/24' }]],
        dataDir: path.join(lab.folder, 'host-local'),
      },
    },
  ],
};
const mesh: PodMeshIr = {
  ...{ spiffeId: 'spiffe://cluster.local/ns/shop/sa/web', proxyUid: 1337, tlsMode: 'Permissive' },
  ...{ inbound: [], probePorts: [8080] },
};

const plugins = () =>
  (JSON.parse(readFileSync(file, 'utf8')) as { plugins: { type: string }[] }).plugins.map(({ type }) => type);
const tablesOf = (name: string) =>
  lab.onNode('ip', 'netns', 'exec', path.basename(lab.netnsOf(name)), 'nft', 'list', 'ruleset');
const sockets = (name: string) => inNetns(lab.netnsOf(name), () => readFileSync('/proc/thread-self/net/unix', 'utf8'));

async function eventually(what: () => boolean): Promise<boolean> {
  for (let attempt = 0; attempt < 100 && !what(); attempt += 1) await new Promise((wake) => setTimeout(wake, 20));
  return what();
}

beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, JSON.stringify(OTHER));
  await lab.start([], 'chained');
  await lab.tell('plain');
  await lab.tell('web', { mesh });
}, 60_000);
afterAll(() => lab.close());

describe('behind another CNI', () => {
  test('Weft is the last plugin of its list, and has neither a list nor a table of its own', () => {
    expect(plugins()).toEqual(['bridge', 'weft']);
    expect(lab.onNode('nft', 'list', 'tables')).toBe('');
    expect(lab.onNode('ip', '-o', 'link', 'show', 'type', 'vxlan')).toBe('');
  });

  test('a pod outside of the mesh gets what the other plugin gave it, and nothing else', () => {
    const added = lab.cnitool('add', NETWORK, 'plain');
    expect(added).toMatchObject({ code: 0, ips: [{ address: '10.99.0.2/24', gateway: '10.99.0.1' }] });
    expect(added.interfaces?.map(({ name }) => name)).toContain('cni0');
    expect(tablesOf('plain')).toBe('');
    expect(lab.cnitool('check', NETWORK, 'plain').code).toBe(0);
  });

  test('a pod in the mesh gets redirect and socket before it starts; its probes come from the bridge', () => {
    expect(lab.cnitool('add', NETWORK, 'web')).toMatchObject({ code: 0, ips: [{ address: '10.99.0.3/24' }] });
    expect(tablesOf('web')).toContain('table inet weft_mesh');
    expect(tablesOf('web')).toMatch(/ip saddr \{ [^}]*10\.99\.0\.1, [^}]*\} tcp dport 8080 accept/);
    expect(sockets('web')).toContain('@weft');
    expect(lab.cnitool('check', NETWORK, 'web').code).toBe(0);
  });

  test('CHECK fails without the redirect', () => {
    const netns = path.basename(lab.netnsOf('web'));
    lab.onNode('ip', 'netns', 'exec', netns, 'nft', 'delete', 'table', 'inet', 'weft_mesh');
    expect(lab.cnitool('check', NETWORK, 'web').msg).toContain('lacks table inet weft_mesh');
  });

  test('the proxy of a pod is served again, and redirected to, after a restart', async () => {
    await lab.node.stop();
    expect(sockets('web')).not.toContain('@weft');
    await lab.node.restart();
    expect(sockets('web')).toContain('@weft');
    expect(lab.cnitool('check', NETWORK, 'web').code).toBe(0);
  });

  test('Weft is in the list again when the other CNI rewrites it, also by a rename', async () => {
    writeFileSync(file, JSON.stringify(OTHER));
    expect(await eventually(() => plugins().includes('weft'))).toBe(true);
    writeFileSync(`${file}.tmp`, JSON.stringify(OTHER));
    renameSync(`${file}.tmp`, file);
    expect(await eventually(() => plugins().includes('weft'))).toBe(true);
    rmSync(file);
    writeFileSync(file, JSON.stringify(OTHER));
    expect(await eventually(() => plugins().includes('weft'))).toBe(true);
  });

  test('an ADD that no plugin was called before is refused', () => {
    expect(lab.cni('ADD', 'plain')).toMatchObject({ code: 7, msg: expect.stringContaining('no prevResult') });
  });

  test('a policy of Weft’s is refused, and one that is the other CNI’s to enforce is not', async () => {
    const rule = { action: 'allow', peers: 'any', ports: 'any' } as const;
    const weft = { rules: [{ ...rule, origin: 'NetworkPolicy shop/web' }], otherwise: 'deny' } as const;
    await expect(lab.node.put([['chain', 'weft', weft]])).rejects.toThrow('chained behind another CNI');
    const others = { rules: [{ ...rule, origin: 'KubernetesNetworkPolicy shop/web' }], otherwise: 'deny' } as const;
    await lab.node.put([['chain', 'others', others]]);
  });

  test('DEL takes the proxy’s socket away, and is repeatable', () => {
    expect(lab.cnitool('del', NETWORK, 'web').code).toBe(0);
    expect(sockets('web')).not.toContain('@weft');
    expect(lab.cni('DEL', 'web').code).toBe(0);
    expect(lab.cni('CHECK', 'web').code).toBe(3);
  });

  test('after an uninstall the list is the other CNI’s again', async () => {
    expect(await lab.node.teardown()).toEqual([]);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(OTHER);
    expect(lab.cnitool('del', NETWORK, 'plain').code).toBe(0);
  });
});
