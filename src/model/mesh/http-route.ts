import type { HTTPRoute, ParentRef, RouteBackendRef } from '../../api/kubernetes.ts';
import { objectKey } from '../../api/meta.ts';
import { REASON } from '../../api/reasons.ts';
import type { AppProtocol, BackendIr, RouteMatchIr } from '../node/ir.ts';
import type { Problem, Translation } from '../problem.ts';
import { clusterKey } from './backends.ts';
import { callPolicy } from './call-policy.ts';
import { parseDuration } from './duration.ts';
import { BACKEND_FILTERS, type FilterEffects, RULE_FILTERS, translateFilters } from './http-route-filters.ts';
import { translateRouteMatch } from './http-route-match.ts';
import { isServiceRef, meshServiceFor, type MeshIndex, parentServiceKeys } from './mesh-index.ts';
import type { PlacedRule } from './placed-rule.ts';
import { isHttp, meshPortsOf, type ServicePort } from './protocol.ts';
import { isGranted } from './reference-grant.ts';

export type HttpRouteRule = NonNullable<HTTPRoute['spec']['rules']>[number];
type BackendRef = NonNullable<HttpRouteRule['backendRefs']>[number];

const KNOWN_FIELDS = ['name', 'matches', 'filters', 'backendRefs', 'timeouts'];

/** A GRPCRoute keeps its kind: see `httpRouteOf`. */
export function routeOrigin(route: HTTPRoute): string {
  return `${route.kind ?? 'HTTPRoute'} ${objectKey(route)}`;
}

/** Whether a port of that protocol has calls that the route is about: gRPC is HTTP/2. */
export function isCarriedBy({ kind }: HTTPRoute, protocol: AppProtocol): boolean {
  return kind === 'GRPCRoute' ? protocol === 'HTTP2' || protocol === 'GRPC' : isHttp(protocol);
}

/** What calls are answered with where nobody can be asked; with 503 gRPC is UNAVAILABLE (GRPCRouteRule.backendRefs). */
function errorOf({ kind }: HTTPRoute): number {
  return kind === 'GRPCRoute' ? 503 : 500;
}

/** Whether one of the route's parentRefs means this port of this Service. */
export function isAttached(route: HTTPRoute, serviceKey: string, port: ServicePort): boolean {
  const namespace = route.metadata.namespace ?? 'default';
  return (route.spec.parentRefs ?? []).some(
    (ref) => isServiceRef(ref) && `${ref.namespace ?? namespace}/${ref.name}` === serviceKey && meansPort(ref, port),
  );
}

/** The section of a Service is a port by its name; a ref with neither means every port. */
export function meansPort({ port, sectionName }: ParentRef, of: ServicePort): boolean {
  return (port === undefined || port === of.port) && (sectionName === undefined || sectionName === of.name);
}

/** A route of another namespace than the Service's is for callers of its own namespace only (GEP-1294, consumer routes). */
export function isOfConsumer({ metadata: { namespace = 'default' } }: HTTPRoute, serviceKey: string): boolean {
  return !serviceKey.startsWith(`${namespace}/`);
}

/**
 * The rules that an HTTPRoute gives a Service it is attached to, one for each of its matches, in the route's order:
 * the Gateway API's precedence goes over single matches (see `compareRouteRules`).
 *
 * What Weft does not do is never passed over: a rule with a filter that it does not know answers 500, a match that
 * cannot be made out matches nothing, and both are problems. So does the share of a backend that means nothing
 * (HTTPRouteRule.backendRefs).
 *
 * @param serviceKey whose MeshService says how calls are made; undefined: that of each rule's first backend.
 */
export function translateHttpRoute(
  route: HTTPRoute,
  serviceKey: string | undefined,
  protocol: AppProtocol,
  index: MeshIndex,
): Translation<readonly PlacedRule[]> {
  const problems: Problem[] = [];
  const value = (route.spec.rules ?? []).flatMap((rule, position) => {
    const path = `spec.rules[${position}]`;
    const matches = matchesOf(rule, path, problems);
    const context = {
      path: `${path}.filters`,
      allowed: RULE_FILTERS,
      clusterOf: (ref: RouteBackendRef, at: string) =>
        translateBackend(route, ref, at, index, problems, 'nobody gets a copy').cluster,
    };
    const effects = translateFilters(rule.filters ?? [], context, problems);
    const backends = translateBackends(route, rule, path, index, problems, effects);
    const asked = serviceKey ?? firstBackend(route, rule);
    const mesh = asked === undefined ? undefined : meshServiceFor(index, asked);
    const policy = callPolicy(protocol, mesh, timeoutsOf(rule, path, problems));
    return matches.map(
      (match): PlacedRule => ({
        path,
        rule: {
          origin: routeOrigin(route),
          matches: isEverything(match) ? [] : [match],
          backends,
          ...policy,
          ...effects,
        },
      }),
    );
  });
  return { value, problems };
}

function firstBackend({ metadata }: HTTPRoute, { backendRefs = [] }: HttpRouteRule): string | undefined {
  const [first] = backendRefs;
  return first === undefined ? undefined : `${first.namespace ?? metadata.namespace ?? 'default'}/${first.name}`;
}

function matchesOf(rule: HttpRouteRule, path: string, problems: Problem[]): readonly RouteMatchIr[] {
  const matches = rule.matches ?? [];
  if (matches.length === 0) return [{ headers: [] }];
  return matches.flatMap(
    (match, position) => translateRouteMatch(match, `${path}.matches[${position}]`, problems) ?? [],
  );
}

function isEverything({ path, method, headers, query = [] }: RouteMatchIr): boolean {
  return path === undefined && method === undefined && headers.length === 0 && query.length === 0;
}

function translateBackends(
  route: HTTPRoute,
  rule: HttpRouteRule,
  path: string,
  index: MeshIndex,
  problems: Problem[],
  effects: FilterEffects | undefined,
): readonly BackendIr[] {
  const unknown = Object.keys(rule).filter((field) => !KNOWN_FIELDS.includes(field));
  for (const field of unknown.sort()) {
    problems.push({
      path: `${path}.${field}`,
      reason: REASON.unsupportedValue,
      message: `must be absent, as Weft does not know it; the calls of this rule are answered with ${errorOf(route)}`,
    });
  }
  if (effects?.redirect !== undefined) return [];
  const refs = rule.backendRefs ?? [];
  // Without a backend there is nobody to ask (HTTPRouteRule.backendRefs).
  if (refs.length === 0 || unknown.length > 0 || effects === undefined) return [{ weight: 1 }];
  return refs.map((ref, position): BackendIr => {
    const at = `${path}.backendRefs[${position}]`;
    const backend = translateBackend(route, ref, at, index, problems);
    const none = () => undefined;
    const context = { path: `${at}.filters`, allowed: BACKEND_FILTERS, clusterOf: none };
    const changes = translateFilters(ref.filters ?? [], context, problems);
    return changes === undefined ? { weight: backend.weight } : { ...backend, ...changes };
  });
}

function translateBackend(
  route: HTTPRoute,
  ref: BackendRef,
  path: string,
  index: MeshIndex,
  problems: Problem[],
  consequence = `its share of the calls is answered with ${errorOf(route)}`,
): BackendIr {
  const { group = '', kind = 'Service', name, port, weight = 1 } = ref;
  const namespace = route.metadata.namespace ?? 'default';
  const refuse = (field: string, reason: string, message: string): BackendIr => {
    problems.push({ path: `${path}.${field}`, reason, message });
    return { weight };
  };
  if (!isServiceRef({ group, kind })) return refuse('kind', REASON.invalidKind, 'must be a Service of the core group');
  const there = ref.namespace ?? namespace;
  // Whom the caller calls anyway, he may be led to.
  const isParent = parentServiceKeys(route).includes(`${there}/${name}`);
  if (there !== namespace && !isParent && !isGranted(index.grantsOf(there), route, name)) {
    const message = `must be '${namespace}', the route's own namespace, or one with a ReferenceGrant for it`;
    return refuse('namespace', REASON.refNotPermitted, message);
  }
  const serviceKey = `${there}/${name}`;
  const service = index.service(serviceKey);
  if (service === undefined) {
    const message = `must name a Service that exists; there is no '${serviceKey}', ${consequence}`;
    return refuse('name', REASON.backendNotFound, message);
  }
  const ports = meshPortsOf(service).map((candidate) => candidate.port);
  if (port === undefined || !ports.includes(port)) {
    const known = ports.length === 0 ? 'it has none' : `it has ${ports.join(', ')}`;
    const message = `must be a TCP port of Service '${serviceKey}'; ${known}, and not ${port ?? 'none'}`;
    return refuse('port', REASON.backendNotFound, message);
  }
  return { cluster: clusterKey(serviceKey, port), weight };
}

/** 0 is without limit. */
function timeoutsOf({ timeouts = {} }: HttpRouteRule, path: string, problems: Problem[]) {
  const read = (field: 'request' | 'backendRequest') => {
    const text = timeouts[field];
    const durationMs = text === undefined ? undefined : parseDuration(text);
    if (text !== undefined && durationMs === undefined) {
      const message = `must be a duration such as 10s or 500ms; it is '${text}' and counts as absent`;
      problems.push({ path: `${path}.timeouts.${field}`, reason: REASON.unsupportedValue, message });
    }
    return durationMs;
  };
  return { timeoutMs: read('request'), perTryTimeoutMs: read('backendRequest') };
}
