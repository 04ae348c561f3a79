import type { Namespace, Pod } from '../../api/kubernetes.ts';
import { objectKey } from '../../api/meta.ts';
import { INJECT_LABEL, isInjected } from './identity.ts';

/**
 * Pods that run without a proxy though they, or their namespaces, ask for one: made before the label was there, or by
 * an API server that did not ask the webhook. `namespace/name`, sorted.
 *
 * @param exempt namespaces whose pods never get one.
 */
export function podsWithoutProxy(
  pods: readonly Pod[],
  namespaceOf: (name: string) => Namespace | undefined,
  exempt: ReadonlySet<string>,
): string[] {
  return pods
    .filter(({ metadata }) => !exempt.has(metadata.namespace ?? 'default'))
    .filter((pod) => isRunning(pod) && pod.spec.hostNetwork !== true && !isInjected(pod) && asks(pod, namespaceOf))
    .map(objectKey)
    .sort();
}

function asks({ metadata }: Pod, namespaceOf: (name: string) => Namespace | undefined): boolean {
  const own = metadata.labels?.[INJECT_LABEL];
  return own === undefined
    ? namespaceOf(metadata.namespace ?? 'default')?.metadata.labels?.[INJECT_LABEL] === 'enabled'
    : own === 'enabled';
}

function isRunning({ status, metadata }: Pod): boolean {
  const hasEnded = status?.phase === 'Succeeded' || status?.phase === 'Failed';
  return !hasEnded && metadata.deletionTimestamp === undefined;
}
