import type { GRPCRoute, HTTPRoute } from '../../api/kubernetes.ts';
import type { HttpRouteRule } from './http-route.ts';

type GrpcMatch = NonNullable<NonNullable<NonNullable<GRPCRoute['spec']['rules']>[number]['matches']>[number]['method']>;
type PathMatch = NonNullable<NonNullable<NonNullable<HttpRouteRule['matches']>[number]>['path']>;

/** A segment of a path, where a service or a method may be any. */
const ANY = '[^/]+';

/** The same route as one of HTTP, which gRPC is: `/service/method` is the path of a call (gRPC over HTTP/2, Request-Headers). */
export function httpRouteOf({ spec, ...route }: GRPCRoute): HTTPRoute {
  const { rules = [], ...rest } = spec;
  return {
    ...route,
    kind: 'GRPCRoute',
    spec: {
      ...rest,
      rules: rules.map(
        ({ matches, ...rule }): HttpRouteRule => ({
          ...rule,
          ...(matches === undefined
            ? {}
            : {
                matches: matches.map(({ method, ...match }) => ({
                  ...match,
                  ...(method === undefined ? {} : { path: pathOf(method) }),
                })),
              }),
        }),
      ),
    },
  };
}

/** At least one of both is there (GRPCMethodMatch). */
function pathOf({ type = 'Exact', service, method }: GrpcMatch): PathMatch {
  if (type !== 'Exact') {
    return {
      type,
      value: `/${service === undefined ? ANY : `(${service})`}/${method === undefined ? ANY : `(${method})`}`,
    };
  }
  if (service === undefined) return { type: 'RegularExpression', value: `/${ANY}/${method}` };
  return method === undefined
    ? { type: 'PathPrefix', value: `/${service}` }
    : { type: 'Exact', value: `/${service}/${method}` };
}
