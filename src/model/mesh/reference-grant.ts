import type { HTTPRoute, ReferenceGrant } from '../../api/kubernetes.ts';

export const GATEWAY_API = 'gateway.networking.k8s.io';

/**
 * Whether one of the grants, all of the namespace that is referred to, lets an object of the Gateway API refer to an
 * object of the core group there (ReferenceGrantSpec: any of `from` with any of `to`; `to` without a name is every one).
 */
export function isGrantedTo(
  grants: readonly ReferenceGrant[],
  from: { readonly kind: string; readonly namespace: string },
  to: { readonly kind: string; readonly name: string },
): boolean {
  return grants.some(
    ({ spec }) =>
      spec.from.some((of) => of.group === GATEWAY_API && of.kind === from.kind && of.namespace === from.namespace) &&
      spec.to.some((of) => of.group === '' && of.kind === to.kind && (of.name ?? to.name) === to.name),
  );
}

/** Whether the grants, all of the Service's namespace, let this route refer to the Service. */
export function isGranted(grants: readonly ReferenceGrant[], route: HTTPRoute, serviceName: string): boolean {
  const { kind = 'HTTPRoute', metadata } = route;
  const from = { kind, namespace: metadata.namespace ?? 'default' };
  return isGrantedTo(grants, from, { kind: 'Service', name: serviceName });
}

/** Namespaces whose objects the grant is for, each once. */
export function grantedNamespaces({ spec }: ReferenceGrant): readonly string[] {
  return [...new Set(spec.from.map(({ namespace }) => namespace))];
}
