import path from 'node:path';
import { kubectl } from '../../lab/cluster/cluster.ts';
import { type ClusterConfig, kubeconfigOf } from '../../lab/cluster/config.ts';
import { ROOT } from '../../lab/setup/paths.ts';
import { until } from '../../lab/setup/shell.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { type KubeApi, KubeClient } from '../../src/kube/client.ts';
import { loadConnection } from '../../src/kube/connection.ts';
import { isNotFound, KubeError } from '../../src/kube/errors.ts';
import { collectionPath, type Kind, KINDS, objectPath } from '../../src/kube/kinds.ts';
import { systemClock } from '../../src/lib/clock.ts';

/** A control plane without nodes: nobody acts on what a test writes but the test itself. */
export const KUBE_CLUSTER: ClusterConfig = { name: 'kube', subnet: '172.30.2', nodes: [] };

export const CHART = path.join(ROOT, 'charts/weft');

export const kube = (...args: string[]): Promise<string> => kubectl(KUBE_CLUSTER, args);

/** An administrator's client; close it at the end. */
export function connect(): KubeClient {
  return new KubeClient(loadConnection({ from: 'file', path: kubeconfigOf(KUBE_CLUSTER) }, systemClock), systemClock);
}

/** A client with the rights of a service account. */
export function connectAs(namespace: string, serviceAccount: string): KubeClient {
  const connection = loadConnection({ from: 'file', path: kubeconfigOf(KUBE_CLUSTER) }, systemClock);
  const user = `system:serviceaccount:${namespace}:${serviceAccount}`;
  const credentials = async () => {
    const own = await connection.credentials();
    return { ...own, headers: { ...own.headers, 'impersonate-user': user } };
  };
  return new KubeClient({ ...connection, credentials }, systemClock);
}

/** The API server's reason for refusing a request, or undefined when it granted it. */
export async function refusal(request: Promise<unknown>): Promise<string | undefined> {
  try {
    await request;
    return undefined;
  } catch (error) {
    if (error instanceof KubeError && error.status >= 400) return error.message;
    throw error;
  }
}

/** Without a trace in the store; as strict about unknown fields as kubectl is. */
export const DRY = { dryRun: 'All', fieldValidation: 'Strict' };

export async function makeNamespace(api: KubeClient, name: string): Promise<void> {
  const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
  await api.request('POST', collectionPath(KINDS.namespace), { body });
}

export function create<T extends KubeObject>(api: KubeClient, kind: Kind<T>, body: object): Promise<T> {
  const { namespace } = (body as T).metadata;
  return api.request<T>('POST', collectionPath(kind, namespace), { body });
}

/** The stored object; undefined when there is none. */
export async function read<T extends KubeObject>(
  api: KubeClient,
  kind: Kind<T>,
  where: { readonly name: string; readonly namespace?: string },
): Promise<T | undefined> {
  try {
    return await api.request<T>('GET', objectPath(kind, where));
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** An API that can be taken away: while `isCut`, nothing gets through. */
export class SwitchedApi implements KubeApi {
  readonly #api: KubeApi;
  isCut = false;

  constructor(api: KubeApi) {
    this.#api = api;
  }

  async request<T>(...args: Parameters<KubeApi['request']>): Promise<T> {
    this.#check();
    return await this.#api.request<T>(...args);
  }

  async watch(...args: Parameters<KubeApi['watch']>): Promise<void> {
    this.#check();
    await this.#api.watch(...args);
  }

  #check(): void {
    if (this.isCut) throw new KubeError('the link is cut', { status: 0, reason: 'Unreachable' });
  }
}

export function waitUntil(what: string, isTrue: () => Promise<boolean>): Promise<true> {
  return until(what, 30_000, async () => ((await isTrue()) ? true : undefined));
}
