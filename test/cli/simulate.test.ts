import { describe, expect, test } from '@jest/globals';
import { NOTHING } from '../../src/cli/cluster-objects.ts';
import { createProgram } from '../../src/cli/program.ts';

const WORKLOADS = `
apiVersion: v1
kind: List
items:
  - apiVersion: apps/v1
    kind: Deployment
    metadata: { name: web, namespace: shop }
    spec: { template: { metadata: { labels: { app: web } }, spec: { containers: [] } } }
  - apiVersion: apps/v1
    kind: StatefulSet
    metadata: { name: db, namespace: shop }
    spec:
      template:
        metadata: { labels: { app: db } }
        spec: { containers: [{ name: db, ports: [{ name: sql, containerPort: 5432 }] }] }
  - apiVersion: batch/v1
    kind: CronJob
    metadata: { name: report, namespace: batch }
    spec: { jobTemplate: { spec: { template: { spec: { containers: [] } } } } }
  - { apiVersion: v1, kind: ConfigMap, metadata: { name: left-out } }
`;
const DB_FROM_WEB = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: db, namespace: shop }
spec:
  podSelector: { matchLabels: { app: db } }
  ingress: [{ from: [{ podSelector: { matchLabels: { app: web } } }], ports: [{ port: sql }] }]
`;
const NO_REPORTS = `
apiVersion: weft.dev/v1alpha1
kind: NetworkPolicy
metadata: { name: no-reports, namespace: shop }
spec:
  mode: Audit
  podSelector: { matchLabels: { app: web } }
  ingress:
    - { action: Deny, from: [{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: batch } } }] }
    - { action: Allow }
`;
const FILES: Readonly<Record<string, string>> = {
  ...{ 'base/workloads.yaml': WORKLOADS, 'db.yaml': DB_FROM_WEB, 'audit.yaml': NO_REPORTS },
  'worse.yaml': NO_REPORTS.replace('mode: Audit', 'mode: Perhaps'),
  'nameless.yaml': 'apiVersion: v1\nkind: Pod\nspec: { containers: [] }\n',
};

async function weft(...args: readonly string[]): Promise<{ readonly text: string; readonly code: number }> {
  const printed: string[] = [];
  let code = -1;
  const unused = () => Promise.reject(new Error('the cluster is not asked'));
  const ports = {
    readFile: (path: string) => FILES[path] ?? '',
    listFiles: (path: string) => Object.keys(FILES).filter((file) => file === path || file.startsWith(`${path}/`)),
    print: (text: string) => printed.push(text),
    ...{ view: unused, policyWorld: unused, meshParts: unused, remove: unused, askIpam: unused },
    clusterObjects: async () => NOTHING,
  };
  const program = createProgram(ports, (of) => {
    code = of;
  });
  await program.parseAsync(['node', 'weft', 'simulate', ...args]);
  return { text: printed.join('\n'), code };
}

describe('weft simulate, without a cluster', () => {
  test('shows what a policy closes, and ends with 1', async () => {
    const { text, code } = await weft('--against', 'base', '-f', 'db.yaml');
    expect(text.split('\n')).toEqual([
      'CHANGE   FROM                    TO        PORTS                                                                               BECAUSE',
      'CLOSES   shop/web                shop/db   all of ICMP, other protocols, all of SCTP, TCP/0-5431, TCP/5433-65535, all of UDP   policies select the pod, and no rule allows it',
      'CLOSES   batch/report            shop/db   everything                                                                          policies select the pod, and no rule allows it',
      'CLOSES   outside all addresses   shop/db   everything                                                                          policies select the pod, and no rule allows it',
      '',
      '3 pods and 0 nodes compared, with all other addresses.',
    ]);
    expect(code).toBe(1);
  });

  test('shows what opens when it goes', async () => {
    const { text, code } = await weft('--against', 'base', 'db.yaml', '--delete', 'netpol/shop/db', '-o', 'json');
    const { differences } = JSON.parse(text) as { differences: readonly object[] };
    expect(differences).toHaveLength(3);
    expect(differences[1]).toEqual({
      ...{ change: 'opens', families: [4], from: ['batch/report'], to: ['shop/db'], ports: 'everything' },
      because: 'no policy speaks of ingress of shop/db',
    });
    expect(code).toBe(1);
    const manifests = await weft('--against', 'base', 'db.yaml', '--delete', 'db.yaml', '-o', 'json');
    expect(manifests).toEqual({ text, code });
  });

  test('a policy on trial changes nothing, unless it is to be taken for enforced', async () => {
    expect(await weft('--against', 'base', '-f', 'audit.yaml')).toEqual({
      text: 'Nothing opens and nothing closes. 3 pods and 0 nodes compared, with all other addresses.',
      code: 0,
    });
    const { text, code } = await weft('--against', 'base', 'audit.yaml', '--enforce-audit');
    expect(text).toMatch(/^CLOSES +batch\/report +shop\/web +everything +NetworkPolicy shop\/no-reports denies it$/m);
    expect(text.match(/CLOSES/g)).toHaveLength(1);
    expect(code).toBe(1);
  });

  test('pods that are in one of the worlds only are named', async () => {
    const { text } = await weft('-f', 'base');
    expect(text).toContain('not compared, as they are new or gone: batch/report, shop/db, shop/web');
  });

  test.each([
    [['-f', 'worse.yaml'], 'worse.yaml:2: NetworkPolicy no-reports: spec.mode must be one of Enforce, Audit'],
    [['-f', 'nameless.yaml'], 'nameless.yaml: a Pod lacks metadata.name'],
    [['--delete', 'netpol/shop/db'], "kubernetesPolicies has no 'shop/db' that could be deleted"],
    [[], 'nothing to simulate: give manifests (-f)'],
  ])('%j is refused with the reason and code 2', async (args, says) => {
    await expect(weft(...args)).rejects.toMatchObject({ code: 2, message: expect.stringContaining(says) });
  });
});
