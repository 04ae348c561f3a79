import type { ClusterNetworkPolicy } from '../api/cluster-network-policy.ts';
import type { NetworkPolicy } from '../api/generated/networkpolicy.ts';
import type { KubernetesNetworkPolicy, Namespace, Node, Pod, Service } from '../api/kubernetes.ts';
import { type KubeObject, objectKey } from '../api/meta.ts';

/** Everything that decides whether a connection passes. */
export interface ClusterObjects {
  readonly pods: readonly Pod[];
  readonly namespaces: readonly Namespace[];
  readonly nodes: readonly Node[];
  readonly services: readonly Service[];
  readonly kubernetesPolicies: readonly KubernetesNetworkPolicy[];
  /** Weft's own. */
  readonly policies: readonly NetworkPolicy[];
  readonly clusterPolicies: readonly ClusterNetworkPolicy[];
}

export const NOTHING: ClusterObjects = {
  ...{ pods: [], namespaces: [], nodes: [], services: [] },
  ...{ kubernetesPolicies: [], policies: [], clusterPolicies: [] },
};

/** What people may call the lists, in lower case. */
const LIST_OF: Readonly<Record<string, keyof ClusterObjects>> = {
  ...{ pod: 'pods', po: 'pods', namespace: 'namespaces', ns: 'namespaces', node: 'nodes' },
  ...{ service: 'services', svc: 'services' },
  ...{ 'networkpolicy.weft.dev': 'policies', wnp: 'policies' },
  ...{ 'networkpolicy.networking.k8s.io': 'kubernetesPolicies', netpol: 'kubernetesPolicies' },
  ...{ clusternetworkpolicy: 'clusterPolicies', cnp: 'clusterPolicies' },
};

/** Objects of `changes` take the place of those of their name; a pod stays where it is, and keeps its addresses. */
export function withObjects(base: ClusterObjects, changes: ClusterObjects): ClusterObjects {
  const running = new Map(base.pods.map((pod) => [objectKey(pod), pod]));
  const pods = changes.pods.map((pod) => {
    const known = running.get(objectKey(pod));
    if (known === undefined) return pod;
    const nodeName = pod.spec.nodeName ?? known.spec.nodeName;
    const status = pod.status ?? known.status;
    return {
      metadata: { ...pod.metadata, ...(known.metadata.uid === undefined ? {} : { uid: known.metadata.uid }) },
      spec: { ...pod.spec, ...(nodeName === undefined ? {} : { nodeName }) },
      ...(status === undefined ? {} : { status }),
    };
  });
  return mapLists(base, (name, objects) => {
    const added: readonly KubeObject[] = name === 'pods' ? pods : changes[name];
    const names = new Set(added.map(objectKey));
    return [...objects.filter((object) => !names.has(objectKey(object))), ...added];
  });
}

/** @throws Error naming the first that is not there. */
export function withoutObjects(base: ClusterObjects, gone: ClusterObjects): ClusterObjects {
  return mapLists(base, (name, objects) => {
    const keys = new Set(gone[name].map(objectKey));
    const left = objects.filter((object) => !keys.delete(objectKey(object)));
    for (const key of keys) throw new Error(`${name} has no '${key}' that could be deleted`);
    return left;
  });
}

/** `KIND/NAME` or `KIND/NAMESPACE/NAME`, as one object of its list; undefined: not written so. */
export function parseReference(text: string): ClusterObjects | undefined {
  const [kind = '', ...parts] = text.split('/');
  const list = LIST_OF[kind.toLowerCase()];
  const [namespace, name] = parts.length === 1 ? [undefined, parts[0]] : parts;
  if (list === undefined || parts.length === 0 || parts.length > 2 || name === undefined || name === '')
    return undefined;
  return { ...NOTHING, [list]: [{ metadata: { name, ...(namespace === undefined ? {} : { namespace }) } }] };
}

function mapLists(
  base: ClusterObjects,
  change: (name: keyof ClusterObjects, objects: readonly KubeObject[]) => readonly KubeObject[],
): ClusterObjects {
  const names = Object.keys(base) as (keyof ClusterObjects)[];
  return Object.fromEntries(names.map((name) => [name, change(name, base[name])])) as unknown as ClusterObjects;
}
