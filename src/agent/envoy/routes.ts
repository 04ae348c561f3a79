import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  type HeaderMatcherSchema,
  RouteAction_ClusterNotFoundResponseCode,
  type RouteActionSchema,
  type RouteMatchSchema,
  type RouteSchema,
} from '../../xds/generated/wire/envoy/config/route/v3/route_components_pb.js';
import { RouteConfigurationSchema } from '../../xds/generated/wire/envoy/config/route/v3/route_pb.js';
import type { BackendIr, RetryIr, RouteMatchIr, RouteRuleIr, ServiceIr, ServicePortIr } from '../../model/node/ir.ts';
import { durationOf, type EncodedResource, encodeResource } from './encoded.ts';
import { FIXED_CLUSTER } from './names.ts';

type Route = MessageInitShape<typeof RouteSchema> & object;
type RouteMatch = MessageInitShape<typeof RouteMatchSchema> & object;
type HeaderMatcher = MessageInitShape<typeof HeaderMatcherSchema>;
type RouteAction = MessageInitShape<typeof RouteActionSchema> & object;

const EVERYTHING: RouteMatchIr = { headers: [] };
/** RFC 9110, 9.2.2. */
const IDEMPOTENT = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PUT', 'TRACE'];
const RETRY_ON = {
  ConnectFailure: 'connect-failure',
  Refused: 'refused-stream',
  GatewayError: 'gateway-error',
} as const;

/** Name of the route table of a service's port. */
export function routeName({ namespace, name }: ServiceIr, { port }: ServicePortIr): string {
  return `${namespace}/${name}:${port}`;
}

/** Route tables of the service's HTTP ports. */
export function encodeRoutes(service: ServiceIr): EncodedResource[] {
  const ports = service.ports.filter(({ protocol }) => protocol !== 'TCP');
  return ports.map((port) => {
    const name = routeName(service, port);
    const routes = port.rules.flatMap(routesOf);
    return encodeResource(RouteConfigurationSchema, name, {
      name,
      virtualHosts: [{ name, domains: ['*'], routes }],
      validateClusters: false,
    });
  });
}

/** In order; the first that matches decides. */
function routesOf(rule: RouteRuleIr): Route[] {
  const matches = rule.matches.length === 0 ? [EVERYTHING] : rule.matches;
  return matches.flatMap((match) => {
    const plain = { match: matchOf(match), ...actionOf(rule, safeOnly(rule.retry)) };
    if (rule.retry?.on.includes('GatewayError') !== true) return [plain];
    // A gateway's error may follow work that was done: only what may be done twice is tried again.
    const twice = actionOf(rule, rule.retry);
    if (match.method !== undefined) {
      return IDEMPOTENT.includes(match.method) ? [{ match: matchOf(match), ...twice }] : [plain];
    }
    return [{ match: matchOf(match, methodIsIdempotent()), ...twice }, plain];
  });
}

function safeOnly(retry: RetryIr | undefined): RetryIr | undefined {
  return retry === undefined
    ? undefined
    : { ...retry, on: retry.on.filter((condition) => condition !== 'GatewayError') };
}

function matchOf({ path, method, headers }: RouteMatchIr, ...more: HeaderMatcher[]): RouteMatch {
  const all = method === undefined ? headers : [{ name: ':method', value: method }, ...headers];
  return { pathSpecifier: pathOf(path), headers: [...all.map(headerIs), ...more] };
}

/** Prefixes end at a slash: `/a` has `/a/b` below it, and not `/ab`. */
function pathOf(path: RouteMatchIr['path']): NonNullable<RouteMatch['pathSpecifier']> {
  if (path?.type === 'Exact') return { case: 'path', value: path.value };
  const prefix = path?.value.replace(/\/+$/, '') ?? '';
  return prefix === '' ? { case: 'prefix', value: '/' } : { case: 'pathSeparatedPrefix', value: prefix };
}

function headerIs({ name, value }: { readonly name: string; readonly value: string }): HeaderMatcher {
  return {
    name,
    headerMatchSpecifier: { case: 'stringMatch', value: { matchPattern: { case: 'exact', value } } },
  };
}

function methodIsIdempotent(): HeaderMatcher {
  const regex = { regex: IDEMPOTENT.join('|') };
  return {
    name: ':method',
    headerMatchSpecifier: { case: 'stringMatch', value: { matchPattern: { case: 'safeRegex', value: regex } } },
  };
}

function actionOf(
  { origin, backends, timeoutMs = 0 }: RouteRuleIr,
  retry: RetryIr | undefined,
): Pick<Route, 'action'> & object {
  const isHttpRoute = origin.startsWith('HTTPRoute ');
  const target = targetOf(backends, isHttpRoute ? FIXED_CLUSTER.absent : FIXED_CLUSTER.nothing);
  if (target === undefined) return directResponse(isHttpRoute);
  const retryPolicy = retryPolicyOf(retry);
  // No time limit unless one is asked for: zero says so.
  const value = {
    clusterSpecifier: target,
    ...(isHttpRoute && { clusterNotFoundResponseCode: RouteAction_ClusterNotFoundResponseCode.INTERNAL_SERVER_ERROR }),
    timeout: durationOf(timeoutMs),
    ...(retryPolicy && { retryPolicy }),
  };
  return { action: { case: 'route', value } };
}

/** Where nobody can be asked: the Gateway API demands 500 (HTTPRouteRule.backendRefs), Weft's own kinds say 503. */
function directResponse(isHttpRoute: boolean): Pick<Route, 'action'> & object {
  return { action: { case: 'directResponse', value: { status: isHttpRoute ? 500 : 503 } } };
}

/** @param nobody the cluster of a backend that names nothing. */
function targetOf(backends: readonly BackendIr[], nobody: string): RouteAction['clusterSpecifier'] | undefined {
  const clusters = backends
    .filter(({ weight }) => weight > 0)
    .map(({ cluster = nobody, weight }) => ({ name: cluster, weight }));
  const [first, ...others] = clusters;
  if (first === undefined) return undefined;
  return others.length === 0
    ? { case: 'cluster', value: first.name }
    : { case: 'weightedClusters', value: { clusters } };
}

function retryPolicyOf(retry: RetryIr | undefined): RouteAction['retryPolicy'] {
  if (retry === undefined || retry.attempts === 0 || retry.on.length === 0) return undefined;
  return {
    retryOn: retry.on.map((condition) => RETRY_ON[condition]).join(','),
    numRetries: retry.attempts,
    ...(retry.perTryTimeoutMs !== undefined && { perTryTimeout: durationOf(retry.perTryTimeoutMs) }),
  };
}
