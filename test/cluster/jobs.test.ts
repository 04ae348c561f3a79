import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { BUSYBOX_IMAGE, ECHO_IMAGE } from '../../lab/images/images.ts';
import type { MeshService } from '../../src/api/generated/meshservice.ts';
import { applyObjects, eventually, getObject, httpGet, kube, namespace, pod, podsReady } from './cluster.ts';

jest.setTimeout(300_000);

const NS = 'start';
const STARTS = 100;

const only = (image: string, command: readonly string[]) => ({
  containers: [{ name: 'main', imagePullPolicy: 'Never', image, command }],
});

beforeAll(async () => {
  await applyObjects(namespace(NS, { 'weft.dev/inject': 'enabled' }));
  await applyObjects(
    pod(`${NS}/web`, { probe: true }),
    {
      ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: NS } },
      spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
    },
    {
      ...{ apiVersion: 'weft.dev/v1alpha1', kind: 'MeshService', metadata: { name: 'web', namespace: NS } },
      // In plain nobody gets through: a caller whose proxy is not there yet fails.
      spec: {
        ...{ source: { service: { name: 'web' } }, ports: [{ port: 80, protocol: 'HTTP' }] },
        ...{ tls: { mode: 'Strict' }, telemetry: { accessLog: {} } },
      },
    },
    {
      ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'polite', namespace: NS } },
      spec: only(BUSYBOX_IMAGE, [
        ...['/bin/sh', '-c', 'trap "wget -qO- http://web.start/last-words; exit 0" TERM; while :; do sleep 1; done'],
      ]),
    },
  );
  await podsReady(NS);
  await eventually('the MeshService is in force', async () => {
    const { status } = await getObject<MeshService>('-n', NS, 'meshservice', 'web');
    return status?.conditions?.find(({ type }) => type === 'Programmed')?.status === 'True';
  });
});

afterAll(() => kube('delete', 'namespace', NS));

test(`of ${STARTS} jobs each gets through at its first try, as soon as it starts, and ends with its work`, async () => {
  await applyObjects({
    ...{ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'once', namespace: NS } },
    spec: {
      ...{ completions: STARTS, parallelism: 20, backoffLimit: 0 },
      template: { spec: { restartPolicy: 'Never', ...only(ECHO_IMAGE, httpGet('http://web.start/')) } },
    },
  });
  let ended: string | undefined;
  await eventually(
    'the Job has ended',
    async () => {
      const { status } = await getObject<{ status: { conditions?: { type: string; status: string }[] } }>(
        ...['-n', NS, 'job', 'once'],
      );
      const types = (status.conditions ?? [])
        .filter((condition) => condition.status === 'True')
        .map(({ type }) => type);
      ended = types.find((type) => type === 'Complete' || type === 'Failed');
      return ended !== undefined;
    },
    180_000,
  );
  expect(ended).toBe('Complete');
  const answers = await kube(
    '-n',
    NS,
    'logs',
    '-l',
    'job-name=once',
    '-c',
    'main',
    '--tail=1',
    '--max-log-requests=200',
  );
  const asMeshed = answers.split('\n').filter((line) => line.includes('sa/default'));
  expect(asMeshed).toHaveLength(STARTS);
});

test('what an application calls when it is told to end gets through: its proxy ends after it', async () => {
  await kube('-n', NS, 'delete', 'pod', 'polite', '--grace-period=20');
  await eventually('its last words are heard', async () =>
    (await kube('-n', NS, 'logs', 'web', '-c', 'weft-proxy')).includes('"/last-words"'),
  );
});
