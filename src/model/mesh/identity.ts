import type { Pod } from '../../api/kubernetes.ts';

/** Set on a pod, as label or as annotation, by the webhook that gave it the proxy. */
export const PROXY_MARK = 'weft.dev/proxy';

/** On a namespace or a pod: `enabled` or `disabled`; the pod's goes before that of its namespace. */
export const INJECT_LABEL = 'weft.dev/inject';

/** Whether the pod carries the proxy. */
export function isInjected({ metadata }: Pod): boolean {
  return metadata.labels?.[PROXY_MARK] === 'injected' || metadata.annotations?.[PROXY_MARK] === 'injected';
}

/** The name in the certificate of the pod's proxy: `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`. */
export function spiffeIdOf({ metadata, spec }: Pod, trustDomain: string): string {
  const namespace = metadata.namespace ?? 'default';
  return `spiffe://${trustDomain}/ns/${namespace}/sa/${spec.serviceAccountName || 'default'}`;
}
