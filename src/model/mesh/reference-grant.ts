import type { HTTPRoute, ReferenceGrant } from '../../api/kubernetes.ts';

const GATEWAY_API = 'gateway.networking.k8s.io';

/**
 * Whether one of the grants, all of the Service's namespace, lets this route refer to the Service from its own
 * (ReferenceGrantSpec: any of `from` with any of `to`; `to` without a name is every one).
 */
export function isGranted(grants: readonly ReferenceGrant[], route: HTTPRoute, serviceName: string): boolean {
  const { kind = 'HTTPRoute', metadata } = route;
  return grants.some(
    ({ spec: { from, to } }) =>
      from.some(
        (of) => of.group === GATEWAY_API && of.kind === kind && of.namespace === (metadata.namespace ?? 'default'),
      ) && to.some((of) => of.group === '' && of.kind === 'Service' && (of.name ?? serviceName) === serviceName),
  );
}

/** Namespaces whose routes the grant is for, each once. */
export function grantedNamespaces({ spec }: ReferenceGrant): readonly string[] {
  return [...new Set(spec.from.map(({ namespace }) => namespace))];
}
