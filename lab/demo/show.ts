import path from 'node:path';
import { kubectl } from '../cluster/cluster.ts';
import type { ClusterConfig } from '../cluster/config.ts';
import { eventually, execInPod } from '../cluster/install.ts';
import { ROOT } from '../setup/paths.ts';
import { renderTable } from '../setup/progress.ts';

const WEB = 'http://web.shop/';

interface Answer {
  readonly version: string;
  readonly host: string;
  readonly clientCertificate: string;
}

function print(title: string, table: string): void {
  console.log(`\n${title}\n\n${table.replaceAll(/^/gm, '  ')}`);
}

async function clientOf(config: ClusterConfig, namespace: string): Promise<string> {
  const query = ['-n', namespace, 'get', 'pod', '-l', 'app=client', '-o', 'jsonpath={.items[0].metadata.name}'];
  return `${namespace}/${await kubectl(config, query)}`;
}

/** One call of `namespace`'s client; undefined when it got no answer. */
async function call(config: ClusterConfig, namespace: string): Promise<Answer | undefined> {
  const command = ['/bin/echo-app', 'get', '-url', WEB];
  const { code, stdout } = await execInPod(config, await clientOf(config, namespace), command, 'client');
  return code === 0 ? (JSON.parse(stdout) as Answer) : undefined;
}

export async function showAddresses(config: ClusterConfig): Promise<void> {
  const pools = await kubectl(config, ['get', 'ippools']);
  const blocks = await kubectl(config, ['get', 'ipblocks']);
  const columns = 'POD:.metadata.name,NODE:.spec.nodeName,ADDRESS:.status.podIP';
  const pods = await kubectl(config, ['-n', 'shop', 'get', 'pods', '-o', `custom-columns=${columns}`]);
  print(
    'Addresses: the pool, the blocks that nodes own of it, and what pods got from those',
    `${pools}\n${blocks}\n${pods}`.trimEnd(),
  );
}

export async function showIdentities(config: ClusterConfig): Promise<void> {
  const meshed = await call(config, 'shop');
  const plain = await call(config, 'plain');
  const certificate = meshed?.clientCertificate ?? '';
  const uri = (key: string) => new RegExp(`${key}=([^;]+)`).exec(certificate)?.[1] ?? '(none)';
  print(
    'Identities: the certificate that each side of a call presented',
    renderTable(
      ['CALL', 'CALLER', 'SERVER'],
      [
        ['shop/client → web (both in the mesh)', uri('URI'), uri('By')],
        [
          'plain/client → web (no proxy, TLS mode Permissive)',
          plain?.clientCertificate || '(none: plain text)',
          '(none)',
        ],
      ],
    ),
  );
}

export async function showSplit(config: ClusterConfig): Promise<void> {
  const rows: string[][] = [];
  for (const [v1, v2] of [
    [90, 10],
    [50, 50],
    [0, 100],
  ] as const) {
    await setWeights(config, v1, v2);
    const counts = await load(config, 1000);
    rows.push([`${v1} : ${v2}`, String(counts['v1'] ?? 0), String(counts['v2'] ?? 0), String(counts['error'] ?? 0)]);
  }
  await setWeights(config, 90, 10);
  print(
    'Traffic split: 1000 requests by version, after each change of the weights',
    renderTable(['WEIGHTS', 'v1', 'v2', 'FAILED'], rows),
  );
}

/** Resolves when every proxy has acknowledged the weights. */
async function setWeights(config: ClusterConfig, v1: number, v2: number): Promise<void> {
  const value = [
    { subset: 'v1', weight: v1 },
    { subset: 'v2', weight: v2 },
  ];
  const patch = JSON.stringify([{ op: 'replace', path: '/spec/rules/1/backends', value }]);
  await kubectl(config, ['-n', 'shop', 'patch', 'trafficsplit', 'web', '--type=json', '-p', patch]);
  await eventually('every proxy has the weights', async () => {
    const split = JSON.parse(await kubectl(config, ['-n', 'shop', 'get', 'trafficsplit', 'web', '-o', 'json'])) as {
      metadata: { generation: number };
      status?: { conditions?: { type: string; status: string; observedGeneration: number }[] };
    };
    const condition = split.status?.conditions?.find(({ type }) => type === 'Programmed');
    return condition?.status === 'True' && condition.observedGeneration === split.metadata.generation;
  });
}

async function load(config: ClusterConfig, count: number): Promise<Record<string, number>> {
  const command = ['/bin/echo-app', 'load', '-url', WEB, '-n', String(count)];
  const { output } = await execInPod(config, await clientOf(config, 'shop'), command, 'client');
  return JSON.parse(output.split('\n').find((line) => line.startsWith('{')) ?? '{}') as Record<string, number>;
}

export async function showPolicy(config: ClusterConfig): Promise<void> {
  const rows: string[][] = [];
  const look = async (when: string) => {
    for (const namespace of ['shop', 'plain']) {
      const answer = await call(config, namespace);
      rows.push([
        when,
        `${namespace}/client → web`,
        answer === undefined ? 'refused' : `answered by ${answer.version}`,
      ]);
    }
  };
  const file = path.join(ROOT, 'examples/policy.yaml');
  await look('before');
  await kubectl(config, ['apply', '-f', file]);
  await eventually('the policy bites', async () => (await call(config, 'plain')) === undefined);
  await look('with examples/policy.yaml');
  await kubectl(config, ['-n', 'shop', 'delete', 'networkpolicies.weft.dev', 'no-plain']);
  await eventually('the call is allowed again', async () => (await call(config, 'plain')) !== undefined);
  await look('without its Deny');
  print('Network policy: who reaches web', renderTable(['WHEN', 'CALL', 'RESULT'], rows));
}
