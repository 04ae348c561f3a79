import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { applyNftInNetns } from '../../src/agent/dataplane/nft/redirect.ts';
import { renderNames } from '../../src/agent/dataplane/nft/host-names.ts';
import type { MeshService } from '../../src/api/generated/meshservice.ts';
import { compileMesh } from '../../src/model/mesh/compile-mesh.ts';
import { DnsLab, resolveBy } from './dns-lab.ts';
import type { HttpEcho } from './http-host.ts';
import { MeshLab, type MeshPod } from './mesh-lab.ts';

const CLIENT = ['10.9.0.1', 'fd00:9::1'] as const;
const SERVER = ['10.9.0.2', 'fd00:9::2'] as const;
const MESH = { tlsMode: 'Permissive', inbound: [], probePorts: [] } as const;
const NAME = 'catalog.example.test';
/** Of more than 64 bytes, in labels of the greatest length. */
const LONG_NAME = `${'a'.repeat(63)}.${'b-1'.repeat(21)}.${'c'.repeat(63)}.test`;
const CLUSTER_ZONE = `
@ 60 IN SOA dns. nobody. 1 60 60 60 60
other.example.test. 60 IN A 192.0.2.1
${NAME}.longer. 60 IN A 192.0.2.2
x${NAME}. 60 IN A 192.0.2.3
${NAME}. 60 IN TXT "the cluster knows the name, and no address"
gone.example.test. 60 IN A 192.0.2.4
`;

const a = (name: string) => ({ name, type: 'A' as const });
const aaaa = (name: string) => ({ name, type: 'AAAA' as const });

function catalog(namespace: string, hosts: readonly string[]): MeshService {
  return {
    apiVersion: 'weft.dev/v1alpha1',
    kind: 'MeshService',
    metadata: { name: 'catalog', namespace },
    spec: {
      source: {
        static: {
          endpoints: [
            { address: SERVER[0], port: 8080, weight: 3 },
            { address: SERVER[0], port: 8081, labels: { version: 'v2' } },
          ],
        },
      },
      ports: [{ port: 80, protocol: 'HTTP' }],
      hosts,
      loadBalancing: { policy: 'RoundRobin' },
    },
  };
}

let lab: MeshLab;
let client: MeshPod;
let dns: DnsLab | undefined;
let giveBack: (() => void) | undefined;

async function apply(meshServices: readonly MeshService[]): Promise<void> {
  const { services, endpoints } = compileMesh({
    ...{ services: [], endpointSlices: [], pods: [], trafficSplits: [], httpRoutes: [], referenceGrants: [] },
    meshServices,
    trustDomain: 'cluster.local',
  });
  for (const [key, body] of endpoints) lab.set('endpoints', key, body);
  for (const [key, body] of services) {
    const version = lab.set('service', key, body);
    expect(await lab.answerOf(client.uid, 'service', key, version)).toMatchObject({ accepted: true });
  }
}

beforeAll(async () => {
  lab = await MeshLab.start();
  const [from, to] = lab.cable([CLIENT, SERVER]);
  giveBack = resolveBy(
    from,
    `nameserver ${SERVER[0]}\nsearch shop.svc.cluster.local svc.cluster.local\noptions ndots:5\n`,
  );
  dns = await DnsLab.start(to, SERVER, { '.': CLUSTER_ZONE });
  client = await lab.addPod('client', from, CLIENT, MESH);
  const server = await lab.addPod('server', to, SERVER, { ...MESH, inbound: [] });
  await server.application.serve(8080, 'v1');
  await server.application.serve(8081, 'v2');
  await apply([catalog('shop', [NAME, LONG_NAME]), catalog('elsewhere', ['elsewhere.example.test'])]);
}, 60_000);
afterAll(async () => {
  await dns?.stop();
  giveBack?.();
  await lab.close();
}, 30_000);

/** All of its threads (proc_pid_stat(5)): the signal takes a moment. */
function isStopped(pid: number): boolean {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.every((thread) => readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8').includes(') T '));
}

describe('an application in a pod with a proxy', () => {
  test('reaches a service that is listed by address under its name, each endpoint by its weight', async () => {
    const counts: Record<string, number> = {};
    for (let call = 0; call < 40; call++) {
      const { status, body } = await client.application.get(`http://${NAME}/`);
      expect([status, body]).toEqual([200, expect.anything()]);
      const { server } = JSON.parse(body) as HttpEcho;
      counts[server] = (counts[server] ?? 0) + 1;
    }
    expect(counts).toEqual({ v1: 30, v2: 10 });
  }, 60_000);

  test.each(SERVER)('finds its names and those of the cluster by one socket towards %s', async (server) => {
    const questions = [
      ...[a('other.example.test'), a(NAME), aaaa(NAME), a('other.example.test'), a(`${NAME}.longer`)],
      ...[a(`x${NAME}`), a(LONG_NAME), aaaa('other.example.test'), a('nobody.example.test'), a(NAME)],
    ];
    const answers = await client.application.resolve(server, questions);
    const ours = answers[1] ?? '';
    expect(ours).toMatch(/^240\./);
    expect(answers).toEqual([
      ...['192.0.2.1', ours, expect.stringMatching(/^100::/), '192.0.2.1', '192.0.2.2'],
      ...['192.0.2.3', ours, '', 'code 3', ours],
    ]);
  });

  test('does not know names of other namespaces', async () => {
    expect(await client.application.resolve(SERVER[0], [a('elsewhere.example.test')])).toEqual(['code 3']);
  });

  test('finds names of every length', async () => {
    const labels = Array.from({ length: 61 }, (_, index) => 'n'.repeat(index + 1));
    const names = [...labels, ...labels.map((label) => `${label}.${'m'.repeat(40)}.test`)];
    await apply([catalog('shop', names)]);
    await lab.until('all have an answer', async () => {
      const answers = await client.application.resolve(SERVER[0], names.map(a));
      return answers.every((answer) => answer.startsWith('240.')) ? true : undefined;
    });
  });

  test('knows a new name, and no longer one that is gone', async () => {
    const look = (names: readonly string[]) => client.application.resolve(SERVER[0], names.map(a));
    await apply([catalog('shop', ['gone.example.test'])]);
    await lab.until('the names are there', async () => {
      const [gone, name] = await look(['gone.example.test', NAME]);
      return gone?.startsWith('240.') === true && name === '' ? true : undefined;
    });
    await apply([catalog('shop', [NAME, LONG_NAME])]);
    await lab.until('the names are back', async () => {
      const [gone, name] = await look(['gone.example.test', NAME]);
      return gone === '192.0.2.4' && name?.startsWith('240.') === true ? true : undefined;
    });
  });

  test('finds all other names while its proxy does not answer, and its own while the agent does not', async () => {
    lab.proxies.close({
      ...{ podUid: client.uid, netns: client.netns, hostInterface: '', addresses: client.addresses },
      ...{ containerId: 'client', ifname: 'eth0' },
    });
    const questions = [a('other.example.test'), a(NAME)];
    expect(await client.application.resolve(SERVER[0], questions)).toEqual([
      '192.0.2.1',
      expect.stringMatching(/^240\./),
    ]);
    client.envoy.kill('SIGSTOP');
    try {
      await lab.until('the proxy stands still', () => (isStopped(client.envoy.pid ?? 0) ? true : undefined));
      const [other, own] = await client.application.resolve(SERVER[0], questions);
      expect(other).toBe('192.0.2.1');
      expect(own).not.toMatch(/^240\./);
    } finally {
      client.envoy.kill('SIGCONT');
    }
  });

  test('finds all names as before after the last name is gone', async () => {
    applyNftInNetns(client.netns, renderNames([], 15053));
    expect(await client.application.resolve(SERVER[0], [a(NAME), a('other.example.test')])).toEqual(['', '192.0.2.1']);
  });
});
