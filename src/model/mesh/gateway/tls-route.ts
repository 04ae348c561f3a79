import type { TLSRoute } from '../../../api/gateway.ts';
import type { HTTPRoute } from '../../../api/kubernetes.ts';

/** The same route as one of HTTP, of which only its backends count. */
export function routeOfTls({ spec, ...route }: TLSRoute): HTTPRoute {
  const { rules, ...rest } = spec;
  return {
    ...route,
    kind: 'TLSRoute',
    spec: { ...rest, rules: rules.map(({ backendRefs }) => (backendRefs === undefined ? {} : { backendRefs })) },
  };
}
