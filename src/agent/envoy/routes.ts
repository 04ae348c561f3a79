import { createHash } from 'node:crypto';
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  RouteAction_ClusterNotFoundResponseCode,
  type RouteActionSchema,
  type RouteSchema,
} from '../../xds/generated/wire/envoy/config/route/v3/route_components_pb.js';
import { RouteConfigurationSchema } from '../../xds/generated/wire/envoy/config/route/v3/route_pb.js';
import { PreviousHostsPredicateSchema } from '../../xds/generated/wire/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.js';
import { countingBackends, statusOfNobody } from '../../model/mesh/backend-shares.ts';
import { IDEMPOTENT, isCaller } from '../../model/mesh/request-match.ts';
import type { BackendIr, RetryIr, RouteMatchIr, RouteRuleIr, ServiceIr, ServicePortIr } from '../../model/node/ir.ts';
import type { CookieIr, MirrorIr, ValueMatchIr } from '../../model/node/sending-ir.ts';
import { durationOf, type EncodedResource, encodeResource, packAny } from './encoded.ts';
import { hashPolicyOf } from './load-balancing.ts';
import { FIXED_CLUSTER } from './names.ts';
import { headerChangesOf, headersToAdd, redirectOf, respondOf, rewriteOf } from './route-changes.ts';
import { filterConfigOf, percentOf } from './route-filters.ts';
import { cookieMatches, matchOf, methodIsIdempotent } from './route-match.ts';

type Route = MessageInitShape<typeof RouteSchema> & object;
type RouteAction = MessageInitShape<typeof RouteActionSchema> & object;

const EVERYTHING: RouteMatchIr = { headers: [] };
const RETRY_ON = {
  ConnectFailure: 'connect-failure',
  Refused: 'refused-stream',
  GatewayError: 'gateway-error',
} as const;

/** A try goes to an endpoint that has not had the call, as far as so many draws find one. */
const ELSEWHERE = {
  retryHostPredicate: [
    {
      name: 'envoy.retry_host_predicates.previous_hosts',
      configType: { case: 'typedConfig' as const, value: packAny(PreviousHostsPredicateSchema, {}) },
    },
  ],
  hostSelectionRetryMaxAttempts: 8n,
};

/** Name of the route table of a service's port. */
export function routeName({ namespace, name }: ServiceIr, { port }: ServicePortIr): string {
  return `${namespace}/${name}:${port}`;
}

/** What a route table depends on beside the service. */
export interface RouteContext {
  /** Of the calling pod. */
  readonly spiffeId: string;
  /** Whether a cluster has an endpoint. */
  readonly hasEndpoints: (cluster: string) => boolean;
}

/** Route tables of the service's HTTP ports, as one caller has them. */
export function encodeRoutes(service: ServiceIr, context: RouteContext): EncodedResource[] {
  const ports = service.ports.filter(({ protocol }) => protocol !== 'TCP');
  return ports.map((port) => {
    const name = routeName(service, port);
    const routes = port.rules.flatMap((rule) => routesOf(rule, context));
    return encodeResource(RouteConfigurationSchema, name, {
      name,
      virtualHosts: [{ name, domains: ['*'], routes }],
      validateClusters: false,
    });
  });
}

/** In order; the first that matches decides. */
export function routesOf(rule: RouteRuleIr, { spiffeId, hasEndpoints }: RouteContext): Route[] {
  const matches = rule.matches.length === 0 ? [EVERYTHING] : rule.matches.filter((match) => isCaller(match, spiffeId));
  const asked = { ...rule, backends: countingBackends(rule, hasEndpoints) };
  return matches.flatMap((match) =>
    variantsOf(asked).flatMap(({ returning, ...variant }) => byMethod(variant, match, returning)),
  );
}

interface Variant extends RouteRuleIr {
  /** Clients that show this cookie. */
  readonly returning?: ValueMatchIr;
}

/** Of a rule that keeps clients at their backend: first a route for those of each backend, then the draw for the others. */
function variantsOf(rule: RouteRuleIr): Variant[] {
  const drawn = rule.backends.filter(({ weight }) => weight > 0);
  const { stickiness } = rule;
  if (stickiness === undefined || drawn.length < 2) return [rule];
  const returning = drawn.map((backend) => ({
    ...rule,
    backends: [backend],
    returning: { name: stickiness.name, value: stickyValue(backend) },
  }));
  return [...returning, rule];
}

function byMethod(rule: RouteRuleIr, match: RouteMatchIr, returning: ValueMatchIr | undefined): Route[] {
  const cookie = returning === undefined ? [] : [cookieMatches(returning)];
  const plain = { match: matchOf(match, ...cookie), ...actionOf(rule, match, safeOnly(rule.retry)) };
  if (rule.retry?.on.includes('GatewayError') !== true) return [plain];
  // A gateway's error may follow work that was done: only what may be done twice is tried again.
  const twice = actionOf(rule, match, rule.retry);
  if (match.method !== undefined) {
    return IDEMPOTENT.includes(match.method) ? [{ match: matchOf(match, ...cookie), ...twice }] : [plain];
  }
  return [{ match: matchOf(match, ...cookie, methodIsIdempotent()), ...twice }, plain];
}

function safeOnly(retry: RetryIr | undefined): RetryIr | undefined {
  return retry === undefined
    ? undefined
    : { ...retry, on: retry.on.filter((condition) => condition !== 'GatewayError') };
}

type Answer = Omit<Route, 'match' | '$typeName' | '$unknown'>;

function actionOf(rule: RouteRuleIr, match: RouteMatchIr, retry: RetryIr | undefined): Answer {
  const { backends, timeoutMs = 0, idleTimeoutMs, mirrors = [], rewrite } = rule;
  const around = { ...headerChangesOf(rule), typedPerFilterConfig: filterConfigOf(rule) };
  if (rule.redirect !== undefined) return { ...around, action: redirectOf(rule.redirect, match) };
  if (rule.respond !== undefined) return { ...around, action: respondOf(rule.respond) };
  const isHttpRoute = statusOfNobody(rule) === 500;
  const target = targetOf(rule, backends, isHttpRoute ? FIXED_CLUSTER.absent : FIXED_CLUSTER.nothing);
  if (target === undefined) {
    return { ...around, action: { case: 'directResponse', value: { status: statusOfNobody(rule) } } };
  }
  const retryPolicy = retryPolicyOf(retry);
  // No time limit unless one is asked for: zero says so.
  const value = {
    clusterSpecifier: target,
    ...(isHttpRoute && { clusterNotFoundResponseCode: RouteAction_ClusterNotFoundResponseCode.INTERNAL_SERVER_ERROR }),
    timeout: durationOf(timeoutMs),
    ...(idleTimeoutMs !== undefined && { idleTimeout: durationOf(idleTimeoutMs) }),
    ...(retryPolicy && { retryPolicy }),
    hashPolicy: hashPolicyOf(rule.hash),
    requestMirrorPolicies: mirrors.map(mirrorOf),
    ...(rewrite && rewriteOf(rewrite, match)),
  };
  return { ...around, action: { case: 'route', value } };
}

function mirrorOf({ cluster, percent }: MirrorIr) {
  return { cluster, runtimeFraction: { defaultValue: percentOf(percent) }, disableShadowHostSuffixAppend: true };
}

/** @param nobody the cluster of a backend that names nothing. */
function targetOf(
  { stickiness }: RouteRuleIr,
  backends: readonly BackendIr[],
  nobody: string,
): RouteAction['clusterSpecifier'] | undefined {
  const clusters = backends
    .filter(({ weight }) => weight > 0)
    .map((backend) => ({
      name: backend.cluster ?? nobody,
      weight: backend.weight,
      ...headerChangesOf(backend),
      ...(stickiness && { responseHeadersToAdd: headersToAdd({ add: [stickyCookie(stickiness, backend)] }) }),
    }));
  const [first, ...others] = clusters;
  if (first === undefined) return undefined;
  const isPlain = backends.every((of) => of.requestHeaders === undefined && of.responseHeaders === undefined);
  return others.length === 0 && isPlain
    ? { case: 'cluster', value: first.name }
    : { case: 'weightedClusters', value: { clusters } };
}

function stickyCookie({ name, ttlSeconds }: CookieIr, backend: BackendIr) {
  const lifetime = ttlSeconds === undefined ? '' : `; Max-Age=${ttlSeconds}`;
  return { name: 'set-cookie', value: `${name}=${stickyValue(backend)}; Path=/${lifetime}; HttpOnly` };
}

/** Names the backend as long as it is the same one, wherever it stands in the list. */
function stickyValue({ cluster = FIXED_CLUSTER.nothing }: BackendIr): string {
  return createHash('sha256').update(cluster).digest('hex').slice(0, 12);
}

function retryPolicyOf(retry: RetryIr | undefined): RouteAction['retryPolicy'] {
  if (retry === undefined || retry.attempts === 0 || retry.on.length === 0) return undefined;
  return {
    retryOn: retry.on.map((condition) => RETRY_ON[condition]).join(','),
    numRetries: retry.attempts,
    ...ELSEWHERE,
    ...(retry.perTryTimeoutMs !== undefined && { perTryTimeout: durationOf(retry.perTryTimeoutMs) }),
  };
}
