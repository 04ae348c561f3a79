import type { Container, Node, Pod } from '../api/kubernetes.ts';
import type { KubeObject } from '../api/meta.ts';

/** What `kubectl apply` writes of the object into itself. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * A pod as it is kept: what `api/kubernetes.ts` names, and no more. The rest (environments, volumes, tolerations,
 * container statuses) is most of its size, and there are ten thousand of them.
 */
export function trimPod(pod: Pod): Pod {
  const { spec, status, ...object } = trimObject(pod);
  const { nodeName, hostNetwork, serviceAccountName, securityContext, containers, initContainers } = spec;
  return {
    ...object,
    spec: {
      ...(nodeName === undefined ? {} : { nodeName }),
      ...(hostNetwork === undefined ? {} : { hostNetwork }),
      ...(serviceAccountName === undefined ? {} : { serviceAccountName }),
      ...(securityContext?.runAsUser === undefined
        ? {}
        : { securityContext: { runAsUser: securityContext.runAsUser } }),
      containers: containers.map(trimContainer),
      ...(initContainers === undefined ? {} : { initContainers: initContainers.map(trimContainer) }),
    },
    ...(status === undefined ? {} : { status: trimStatus(status) }),
  };
}

/** A Node without the list of images that its kubelet keeps. */
export function trimNode(node: Node): Node {
  const { spec, status, ...object } = trimObject(node);
  const { addresses, conditions, nodeInfo } = status ?? {};
  return {
    ...object,
    ...(spec?.taints === undefined ? {} : { spec: { taints: spec.taints } }),
    status: {
      ...(addresses === undefined ? {} : { addresses }),
      ...(conditions === undefined
        ? {}
        : { conditions: conditions.map(({ type, status: is }) => ({ type, status: is })) }),
      ...(nodeInfo?.bootID === undefined ? {} : { nodeInfo: { bootID: nodeInfo.bootID } }),
    },
  };
}

/** Any object without its bookkeeping, which is often half of its size. */
export function trimObject<T extends KubeObject>(object: T): T {
  const { managedFields: _, annotations, ...metadata } = object.metadata as T['metadata'] & { managedFields?: unknown };
  if (annotations === undefined) return { ...object, metadata };
  const kept = Object.fromEntries(Object.entries(annotations).filter(([name]) => name !== LAST_APPLIED));
  return { ...object, metadata: { ...metadata, annotations: kept } };
}

function trimContainer(container: Container): Container {
  const { name, ports, livenessProbe, readinessProbe, startupProbe, restartPolicy, securityContext } = container;
  return {
    name,
    ...(ports === undefined ? {} : { ports }),
    ...(livenessProbe === undefined ? {} : { livenessProbe }),
    ...(readinessProbe === undefined ? {} : { readinessProbe }),
    ...(startupProbe === undefined ? {} : { startupProbe }),
    ...(restartPolicy === undefined ? {} : { restartPolicy }),
    ...(securityContext?.runAsUser === undefined ? {} : { securityContext: { runAsUser: securityContext.runAsUser } }),
  };
}

function trimStatus({ phase, podIP, podIPs, hostIP }: NonNullable<Pod['status']>): NonNullable<Pod['status']> {
  return {
    ...(phase === undefined ? {} : { phase }),
    ...(podIP === undefined ? {} : { podIP }),
    ...(podIPs === undefined ? {} : { podIPs }),
    ...(hostIP === undefined ? {} : { hostIP }),
  };
}
