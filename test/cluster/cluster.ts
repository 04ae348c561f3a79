import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { kubectl } from '../../lab/cluster/cluster.ts';
import { kubeconfigOf, TEST_CLUSTER } from '../../lab/cluster/config.ts';
import { eventually, execInPod } from '../../lab/cluster/install.ts';
import { runOnNode } from '../../lab/cluster/node.ts';
import { BUSYBOX_IMAGE, ECHO_IMAGE } from '../../lab/images/images.ts';
import { ROOT } from '../../lab/setup/paths.ts';

const MANIFESTS = path.join(import.meta.dirname, 'manifests');

export const kube = (...args: string[]): Promise<string> => kubectl(TEST_CLUSTER, args);

export async function applyManifests(...files: readonly string[]): Promise<void> {
  for (const file of files) await kube('apply', '-f', path.join(MANIFESTS, file));
}

export async function applyObjects(...objects: readonly object[]): Promise<string> {
  return kubectl(
    TEST_CLUSTER,
    ['apply', '-f', '-'],
    JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }),
  );
}

export async function getObject<T>(...args: string[]): Promise<T> {
  return JSON.parse(await kube('get', ...args, '-o', 'json')) as T;
}

/** What the command says as JSON. */
export async function weft(...ask: string[]): Promise<object> {
  const env = { ...process.env, KUBECONFIG: kubeconfigOf(TEST_CLUSTER) };
  const { stdout } = await promisify(execFile)('node', [path.join(ROOT, 'dist/weft.js'), ...ask], { env }).catch(
    // Exit code 1: it does not pass.
    (error: unknown) => error as { readonly stdout: string },
  );
  return JSON.parse(stdout) as object;
}

interface PodOptions {
  readonly node?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly image?: 'echo' | 'busybox';
  readonly hostNetwork?: boolean;
  readonly probe?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A pod manifest: `echo` serves HTTP on 8080 and echoes TCP on 7000; `busybox` sleeps. */
export function pod(
  name: string,
  { node, labels = {}, image = 'echo', hostNetwork, probe, env = {}, annotations = {} }: PodOptions = {},
): object {
  const [namespace, shortName] = name.split('/');
  const container =
    image === 'echo'
      ? { image: ECHO_IMAGE, args: ['-port', '8080', '-tcp', '7000'], ports: [{ name: 'http', containerPort: 8080 }] }
      : { image: BUSYBOX_IMAGE, command: ['/bin/sh', '-c', 'trap exit TERM; while :; do sleep 1; done'] };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: shortName, namespace, labels: { app: shortName, ...labels }, annotations },
    spec: {
      terminationGracePeriodSeconds: 0,
      ...(node === undefined ? {} : { nodeName: node }),
      ...(hostNetwork === true ? { hostNetwork } : {}),
      containers: [
        {
          name: 'main',
          imagePullPolicy: 'Never',
          env: Object.entries(env).map(([key, value]) => ({ name: key, value })),
          ...container,
          ...(probe === true ? { readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 } } : {}),
        },
      ],
    },
  };
}

export function namespace(
  name: string,
  labels: Readonly<Record<string, string>> = {},
  annotations: Readonly<Record<string, string>> = {},
): object {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels, annotations } };
}

export async function podsReady(where: string): Promise<void> {
  await kube('-n', where, 'wait', 'pod', '--all', '--for=condition=Ready', '--timeout=90s');
}

export async function podAddress(name: string): Promise<string> {
  const [address = ''] = await podAddresses(name);
  return address;
}

/** IPv4 first. */
export async function podAddresses(name: string): Promise<string[]> {
  const [where = '', shortName = ''] = name.split('/');
  return (await kube('-n', where, 'get', 'pod', shortName, '-o', 'jsonpath={.status.podIPs[*].ip}')).split(' ');
}

/** Whether `from` gets an HTTP answer (or a TCP connection, for another port than 8080) from `address`. One try of 2 s. */
export async function reaches(from: string, address: string, port = 8080): Promise<boolean> {
  const host = address.includes(':') ? `[${address}]` : address;
  const command = port === 8080 ? httpGet(`http://${host}:8080/`) : dial(host, port);
  return (await execInPod(TEST_CLUSTER, from, command)).code === 0;
}

export async function hostReaches(node: string, address: string, port = 8080): Promise<boolean> {
  const command = ['timeout', '2', 'bash', '-c', `: </dev/tcp/${address}/${port}`];
  const { code } = await runOnNode(TEST_CLUSTER, node, command, { allowFailure: true });
  return code === 0;
}

/** Connects by TCP within 2 s and hangs up, in a pod. */
export function dial(address: string, port: number): string[] {
  return ['/bin/echo-app', 'dial', '-to', `${address}:${port}`];
}

/** Echoes lines over one TCP connection for that long, in a pod; fails when it breaks. */
export function hold(address: string, port: number, lasting: string): string[] {
  return ['/bin/echo-app', 'hold', '-to', `${address}:${port}`, '-for', lasting];
}

/** Prints one answer within 2 s, in a pod. */
export function httpGet(url: string): string[] {
  return ['/bin/echo-app', 'get', '-url', url];
}

export { eventually, execInPod, runOnNode, TEST_CLUSTER };
