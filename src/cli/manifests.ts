import { parseAllDocuments } from 'yaml';
import type { Pod } from '../api/kubernetes.ts';
import type { KubeObject } from '../api/meta.ts';
import { type ClusterObjects, NOTHING } from './cluster-objects.ts';
import { validateManifests } from './validate.ts';

export interface ManifestFile {
  readonly path: string;
  readonly text: string;
}

interface Manifest extends KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly items?: readonly Manifest[];
  readonly spec?: object;
}

/** By `apiVersion kind`. */
const LISTS: Readonly<Record<string, keyof ClusterObjects>> = {
  ...{ 'v1 Pod': 'pods', 'v1 Namespace': 'namespaces', 'v1 Node': 'nodes', 'v1 Service': 'services' },
  'networking.k8s.io/v1 NetworkPolicy': 'kubernetesPolicies',
  'weft.dev/v1alpha1 NetworkPolicy': 'policies',
  'policy.networking.k8s.io/v1alpha2 ClusterNetworkPolicy': 'clusterPolicies',
};
const WORKLOADS = ['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'Job', 'CronJob', 'ReplicationController'];
const NAMESPACED: readonly (keyof ClusterObjects)[] = ['pods', 'services', 'kubernetesPolicies', 'policies'];

/**
 * What decides about connections in manifests; objects of other kinds are left out. A Deployment and its like is one
 * pod of its name.
 * @throws Error that names file, line and field.
 */
export function readManifests(files: readonly ManifestFile[]): ClusterObjects {
  const lists: Record<keyof ClusterObjects, KubeObject[]> = structuredClone(NOTHING) as never;
  for (const { path, text } of files) {
    const [finding] = validateManifests(text).findings;
    if (finding !== undefined) {
      const field = finding.path === '' ? '' : ` ${finding.path}`;
      throw new Error(`${path}:${finding.line}: ${finding.object}:${field} ${finding.message}`);
    }
    for (const document of parseAllDocuments(text)) {
      const manifest = document.toJS() as Manifest | null;
      for (const one of manifest?.items ?? [manifest]) {
        if (one === null || typeof one !== 'object') continue;
        const list = WORKLOADS.includes(one.kind ?? '') ? 'pods' : LISTS[`${one.apiVersion} ${one.kind}`];
        if (list === undefined) continue;
        if (typeof one.metadata?.name !== 'string') {
          throw new Error(`${path}: a ${one.kind} lacks metadata.name`);
        }
        if (one.spec === undefined && list !== 'namespaces' && list !== 'nodes') {
          throw new Error(`${path}: ${one.kind} '${one.metadata.name}' lacks spec`);
        }
        const object = list === 'pods' && one.kind !== 'Pod' ? podOf(one, path) : one;
        lists[list].push(NAMESPACED.includes(list) ? inNamespace(object) : object);
      }
    }
  }
  return { ...(lists as unknown as ClusterObjects), namespaces: withNamesAsLabels(lists) };
}

/** The API server labels namespaces with their names; those that are only named are made. */
function withNamesAsLabels(lists: Readonly<Record<keyof ClusterObjects, readonly KubeObject[]>>) {
  const written = new Map(lists.namespaces.map((namespace) => [namespace.metadata.name, namespace]));
  const named = NAMESPACED.flatMap((list) => lists[list].map(({ metadata }) => metadata.namespace ?? 'default'));
  const created = lists.namespaces.length === 0 && lists.pods.length === 0 ? [] : named;
  return [...new Set([...written.keys(), ...created])].map((name) => {
    const labels = { ...written.get(name)?.metadata.labels, 'kubernetes.io/metadata.name': name };
    return { metadata: { ...written.get(name)?.metadata, name, labels } };
  });
}

function inNamespace(object: KubeObject): KubeObject {
  return { ...object, metadata: { ...object.metadata, namespace: object.metadata.namespace ?? 'default' } };
}

function podOf({ kind, metadata, spec }: Manifest, path: string): Pod {
  const { template, jobTemplate } = spec as {
    readonly template?: Partial<Pod>;
    readonly jobTemplate?: { readonly spec?: { readonly template?: Partial<Pod> } };
  };
  const pod = template ?? jobTemplate?.spec?.template;
  if (pod?.spec === undefined) throw new Error(`${path}: ${kind} '${metadata.name}' lacks spec.template.spec`);
  const { name, namespace } = metadata;
  const labels = pod.metadata?.labels ?? {};
  return { metadata: { name, labels, ...(namespace === undefined ? {} : { namespace }) }, spec: pod.spec };
}
