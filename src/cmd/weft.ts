import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import type { KubeObject } from '../api/meta.ts';
import type { ClusterObjects } from '../cli/cluster-objects.ts';
import { ExitError } from '../cli/exit-error.ts';
import { createProgram } from '../cli/program.ts';
import type { PolicyWorld } from '../cli/explain.ts';
import type { MeshParts } from '../cli/explain-call.ts';
import type { ClusterView } from '../cli/status.ts';
import { askOperator } from '../controllers/ipam/ask-operator.ts';
import {
  parseUninstallResult,
  UNINSTALL_OBJECT,
  type UninstallRequest,
} from '../controllers/uninstall/conversation.ts';
import { KubeClient } from '../kube/client.ts';
import { loadConnection } from '../kube/connection.ts';
import { isNotFound } from '../kube/errors.ts';
import { collectionPath, type Kind, KINDS, objectPath } from '../kube/kinds.ts';
import { compareAndSwapConfigMap } from '../kube/registry.ts';
import { sleep, systemClock } from '../lib/clock.ts';
import { httpRouteOf } from '../model/mesh/grpc-route.ts';

const program = createProgram(
  {
    readFile: (file) => readFileSync(file, 'utf8'),
    print: (text) => console.log(text),
    view: readCluster,
    policyWorld: () => withLists(readPolicyWorld),
    meshParts: () => withLists(readMeshParts),
    listFiles: listManifests,
    clusterObjects: readClusterObjects,
    remove: askForRemoval,
    askIpam: async (namespace, ask) => {
      const api = new KubeClient(loadConnection({ from: 'default' }, systemClock), systemClock);
      const question = { id: randomUUID(), ask };
      return askOperator({ api, namespace, clock: systemClock }, question).finally(() => api.close());
    },
  },
  (code) => {
    process.exitCode = code;
  },
);

try {
  await program.parseAsync(process.argv);
} catch (error) {
  console.error(`weft: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = error instanceof ExitError ? error.code : 1;
}

/** Waits for the leading operator's answer, at most 3 minutes. */
async function askForRemoval({ namespace, force }: { readonly namespace: string; readonly force: boolean }) {
  const api = new KubeClient(loadConnection({ from: 'default' }, systemClock), systemClock);
  const { name, requestField, resultField } = UNINSTALL_OBJECT;
  const request: UninstallRequest = { id: randomUUID(), force };
  const signal = AbortSignal.timeout(180_000);
  await compareAndSwapConfigMap(api, { namespace, name, field: requestField }, () => JSON.stringify(request), signal);
  for (;;) {
    await sleep(systemClock, 500);
    const where = objectPath(KINDS.configMap, { namespace, name });
    const { data = {} } = await api.request<{ data?: Readonly<Record<string, string>> }>('GET', where, { signal });
    const result = parseUninstallResult(data[resultField]);
    if (result?.id !== request.id) continue;
    await api.close();
    return result;
  }
}

function listManifests(place: string): readonly string[] {
  if (!statSync(place).isDirectory()) return [place];
  const found = readdirSync(place, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.(ya?ml|json)$/.test(name),
  );
  return found.sort().map((name) => path.join(place, name));
}

async function readClusterObjects(): Promise<ClusterObjects> {
  const { objects, nodes } = await withLists(readPolicyWorld);
  const { pods, namespaces, services, kubernetesPolicies, policies, clusterPolicies } = objects;
  return {
    ...{ nodes, pods: pods.upserts, namespaces: namespaces?.upserts ?? [], services: services?.upserts ?? [] },
    ...{ kubernetesPolicies: kubernetesPolicies?.upserts ?? [], policies: policies?.upserts ?? [] },
    clusterPolicies: clusterPolicies?.upserts ?? [],
  };
}

/** All objects of a kind. */
type Lister = <T extends KubeObject>(kind: Kind<T>) => Promise<{ readonly upserts: readonly T[] }>;

async function withLists<R>(read: (list: Lister) => Promise<R>): Promise<R> {
  const api = new KubeClient(loadConnection({ from: 'default' }, systemClock), systemClock);
  const list: Lister = async <T extends KubeObject>(kind: Kind<T>) => {
    try {
      return { upserts: (await api.request<{ readonly items: readonly T[] }>('GET', collectionPath(kind))).items };
    } catch (error) {
      // A kind that this cluster does not have.
      if (isNotFound(error)) return { upserts: [] };
      throw error;
    }
  };
  return read(list).finally(() => api.close());
}

async function readPolicyWorld(list: Lister): Promise<PolicyWorld> {
  const [pods, namespaces, nodes, services, kubernetesPolicies, policies, clusterPolicies, nodeNetworks, meshServices] =
    await Promise.all([
      list(KINDS.pod),
      list(KINDS.namespace),
      list(KINDS.node),
      list(KINDS.service),
      list(KINDS.kubernetesNetworkPolicy),
      list(KINDS.networkPolicy),
      list(KINDS.clusterNetworkPolicy),
      list(KINDS.nodeNetwork),
      list(KINDS.meshService),
    ]);
  const objects = { pods, namespaces, nodes, services, kubernetesPolicies, policies, clusterPolicies };
  return {
    objects,
    nodes: nodes.upserts,
    nodeNetworks: nodeNetworks.upserts as PolicyWorld['nodeNetworks'],
    meshServices: meshServices.upserts,
  };
}

async function readMeshParts(list: Lister): Promise<MeshParts> {
  const [slices, splits, smiSplits, routeGroups, httpRoutes, grpcRoutes, grants] = await Promise.all([
    list(KINDS.endpointSlice),
    list(KINDS.trafficSplit),
    list(KINDS.smiTrafficSplit),
    list(KINDS.httpRouteGroup),
    list(KINDS.httpRoute),
    list(KINDS.grpcRoute),
    list(KINDS.referenceGrant),
  ]);
  return {
    endpointSlices: slices.upserts,
    trafficSplits: splits.upserts,
    smiSplits: smiSplits.upserts,
    routeGroups: routeGroups.upserts,
    httpRoutes: [...httpRoutes.upserts, ...grpcRoutes.upserts.map(httpRouteOf)],
    referenceGrants: grants.upserts,
  };
}

async function readCluster(): Promise<ClusterView> {
  const api = new KubeClient(loadConnection({ from: 'default' }, systemClock), systemClock);
  const list = async <T extends KubeObject>(kind: Kind<T>) =>
    (await api.request<{ readonly items: readonly KubeObject[] }>('GET', collectionPath(kind))).items;
  const [nodes, pools, policies, meshServices, trafficSplits] = await Promise.all(
    [KINDS.nodeNetwork, KINDS.ipPool, KINDS.networkPolicy, KINDS.meshService, KINDS.trafficSplit].map((kind) =>
      list(kind as Kind<KubeObject>),
    ),
  );
  await api.close();
  const all = [nodes, pools, policies, meshServices, trafficSplits].map((items) => items ?? []);
  const [n = [], p = [], w = [], m = [], t = []] = all as ClusterView['nodes'][];
  return { nodes: n, pools: p, policies: w, meshServices: m, trafficSplits: t };
}
