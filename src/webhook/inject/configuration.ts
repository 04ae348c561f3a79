import type { OwnerReference } from '../../api/meta.ts';
import { INJECT_LABEL } from '../../model/mesh/identity.ts';

export const INJECT_PATH = '/inject';

export interface WebhookTarget {
  readonly name: string;
  /** Certificates that the webhook's own leads to, PEM. */
  readonly caBundlePem: string;
  /** The Service in front of the operators; its name is in the webhook's certificate. */
  readonly service: { readonly namespace: string; readonly name: string; readonly port: number };
  /** With whose deletion the configuration goes too. */
  readonly owner?: OwnerReference;
}

/**
 * The MutatingWebhookConfiguration (admissionregistration.k8s.io/v1) of the injection: pods of namespaces that ask
 * for the proxy, less those that refuse it; and pods that ask for it themselves, wherever they are.
 *
 * A pod that should have the proxy must not start without it, so without an operator it is not admitted
 * (`failurePolicy: Fail`). Namespaces that the operators' own start depends on are left out.
 */
export function injectConfiguration({ name, caBundlePem, service, owner }: WebhookTarget) {
  const place = { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['kube-system', service.namespace] };
  const label = (operator: 'In' | 'NotIn', value: string) => ({ key: INJECT_LABEL, operator, values: [value] });
  const webhook = (asked: string, ofNamespace: readonly object[], ofPod: readonly object[]) => ({
    name: `${asked}.inject.weft.dev`,
    admissionReviewVersions: ['v1'],
    clientConfig: {
      service: { ...service, path: INJECT_PATH },
      caBundle: Buffer.from(caBundlePem, 'utf8').toString('base64'),
    },
    rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'], scope: 'Namespaced' }],
    namespaceSelector: { matchExpressions: [place, ...ofNamespace] },
    objectSelector: { matchExpressions: ofPod },
    failurePolicy: 'Fail',
    matchPolicy: 'Equivalent',
    // Another webhook may have put a container before the proxy: then it is moved to the front again.
    reinvocationPolicy: 'IfNeeded',
    sideEffects: 'None',
    timeoutSeconds: 5,
  });
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name, ...(owner !== undefined && { ownerReferences: [owner] }) },
    webhooks: [
      // NotIn is true of what has no such label.
      webhook('namespace', [label('In', 'enabled')], [label('NotIn', 'disabled')]),
      webhook('pod', [label('NotIn', 'enabled')], [label('In', 'enabled')]),
    ],
  };
}
