import { step } from '../../lab/setup/progress.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { isConflict } from '../../src/kube/errors.ts';
import { collectionPath, type Kind, KINDS, objectPath } from '../../src/kube/kinds.ts';
import { nodeAddress } from './node-address.ts';
import { podObject, podStatus } from './pod-object.ts';
import { endpointSliceObject, nodeObject, policyObject, serviceObject } from './objects.ts';
import { blockCidr, nodeName, type PodPlace, range, type World } from './world.ts';

export const SYSTEM = 'weft-system';
const AGENT = 'weft-agent';
const POOL = 'pods';
/** Requests under way at a time. */
const PARALLEL = 24;

/** A node of the world with what its agent needs to be believed. */
export interface FilledNode {
  readonly node: string;
  readonly address: string;
  readonly token: string;
  readonly leases: readonly { readonly podUid: string; readonly addresses: readonly string[] }[];
  /** Uids of pods that have a proxy. */
  readonly proxies: readonly string[];
}

/** Nodes with their blocks, namespaces, pods that run, services with their endpoints. Weft's chart must be there. */
export async function fillCluster(
  api: KubeClient,
  { size, namespaces, apps, pods: places }: World,
): Promise<readonly FilledNode[]> {
  const nodes = await each(range(size.nodes), (node) => create(api, KINDS.node, nodeObject(node)));
  const pool = await create(api, KINDS.ipPool, {
    metadata: { name: POOL },
    spec: { cidr: '10.64.0.0/16', blockSize: 26, encapsulation: 'VXLAN', natOutgoing: true },
  });
  await each(nodes, async ({ metadata }, node) => {
    const cidr = blockCidr(node);
    const spec = { cidr, poolName: POOL, poolUid: uidOf(pool), nodeName: metadata.name, nodeUid: metadata.uid };
    await create(api, KINDS.ipBlock, { metadata: { name: cidr.replaceAll(/[./]/g, '-') }, spec });
  });
  await each(namespaces, (name) => create(api, KINDS.namespace, { metadata: { name } }));
  await each(namespaces, async (namespace) => {
    const account: Kind<KubeObject> = { ...KINDS.service, kind: 'ServiceAccount', plural: 'serviceaccounts' };
    await create(api, account, { metadata: { namespace, name: 'default' } }).catch((error: unknown) => {
      if (!isConflict(error)) throw error;
    });
  });
  const pods = await step('pods', () => each(places, async (place) => ({ place, uid: await runPod(api, place) })));
  const byApp = Map.groupBy(pods, ({ place }) => place.app);
  await step('services', () =>
    each(apps, async (app) => {
      const service = await create(api, KINDS.service, serviceObject(app));
      const ready = (byApp.get(app) ?? []).slice(0, size.ready);
      await create(api, KINDS.endpointSlice, endpointSliceObject(app, uidOf(service), ready));
    }),
  );
  const byNode = Map.groupBy(pods, ({ place }) => place.node);
  return each(range(size.nodes), async (node) => ({
    node: nodeName(node),
    address: nodeAddress(node),
    token: await agentToken(api, node),
    leases: (byNode.get(node) ?? []).map(({ place, uid }) => ({ podUid: uid, addresses: [place.address] })),
    proxies: (byNode.get(node) ?? []).flatMap(({ place, uid }) => (place.hasProxy === true ? [uid] : [])),
  }));
}

/** One NetworkPolicy of both directions for each application. */
export async function addPolicies(api: KubeClient, { apps }: World): Promise<void> {
  await each(apps, (app) => create(api, KINDS.kubernetesNetworkPolicy, policyObject(app)));
}

/** As the scheduler leaves it; its uid. */
export async function createPod(api: KubeClient, place: PodPlace): Promise<string> {
  return uidOf(await create(api, KINDS.pod, podObject(place)));
}

async function runPod(api: KubeClient, place: PodPlace): Promise<string> {
  const uid = await createPod(api, place);
  const where = { namespace: place.app.namespace, name: place.name };
  await api.request('PATCH', objectPath(KINDS.pod, where, 'status'), {
    contentType: 'application/merge-patch+json',
    body: { status: podStatus(place) },
  });
  return uid;
}

/** The node's DaemonSet pod, and a token bound to it: as the kubelet gets it for the pod's volume. */
async function agentToken(api: KubeClient, node: number): Promise<string> {
  const name = `${AGENT}-${nodeName(node)}`;
  const pod = await create(api, KINDS.pod, {
    metadata: { namespace: SYSTEM, name, labels: { app: AGENT } },
    spec: {
      ...{ nodeName: nodeName(node), serviceAccountName: AGENT, hostNetwork: true },
      automountServiceAccountToken: false,
      containers: [{ name: 'agent', image: 'weft' }],
    },
  });
  const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name, uid: uidOf(pod) };
  return requestToken(api, AGENT, { audiences: ['weft-operator'], boundObjectRef });
}

/** Of a service account of Weft's namespace. */
export async function requestToken(api: KubeClient, account: string, spec: object): Promise<string> {
  const path = `/api/v1/namespaces/${SYSTEM}/serviceaccounts/${account}/token`;
  const body = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: 7200, ...spec },
  };
  return (await api.request<{ readonly status: { readonly token: string } }>('POST', path, { body })).status.token;
}

async function create<T extends KubeObject>(api: KubeClient, kind: Kind<T>, object: object): Promise<T> {
  const { apiVersion, kind: name } = kind;
  const { namespace } = (object as T).metadata;
  return api.request<T>('POST', collectionPath(kind, namespace), { body: { apiVersion, kind: name, ...object } });
}

function uidOf({ metadata }: KubeObject): string {
  return metadata.uid ?? '';
}

/** `work` of each item, `PARALLEL` at a time; results in the order of the items. */
async function each<T, R>(items: readonly T[], work: (item: T, index: number) => Promise<R>): Promise<R[]> {
  const results = new Array<R>(items.length);
  const queue = items.entries();
  const worker = async () => {
    for (const [index, item] of queue) results[index] = await work(item, index);
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  return results;
}
