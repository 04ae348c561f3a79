import type { HTTPRoute } from '../../api/kubernetes.ts';
import { objectKey } from '../../api/meta.ts';
import { REASON } from '../../api/reasons.ts';
import type { AppProtocol, BackendIr, RouteMatchIr, RouteRuleIr } from '../node/ir.ts';
import type { Problem, Translation } from '../problem.ts';
import { clusterKey } from './backends.ts';
import { callPolicy } from './call-policy.ts';
import { parseDuration } from './duration.ts';
import { translateRouteMatch } from './http-route-match.ts';
import { isServiceRef, meshServiceFor, type MeshIndex } from './mesh-index.ts';
import { meshPortsOf } from './protocol.ts';

export type HttpRouteRule = NonNullable<HTTPRoute['spec']['rules']>[number];
type BackendRef = NonNullable<HttpRouteRule['backendRefs']>[number];

const KNOWN_FIELDS = ['name', 'matches', 'backendRefs', 'timeouts'];

export function routeOrigin(route: HTTPRoute): string {
  return `HTTPRoute ${objectKey(route)}`;
}

/**
 * Whether one of the route's parentRefs means this port of this Service; a ref without port means every one, and one
 * with a section, which Weft does not know, none.
 */
export function isAttached(route: HTTPRoute, serviceKey: string, port: number): boolean {
  const namespace = route.metadata.namespace ?? 'default';
  return (route.spec.parentRefs ?? []).some(
    (ref) =>
      isServiceRef(ref) &&
      ref.sectionName === undefined &&
      `${ref.namespace ?? namespace}/${ref.name}` === serviceKey &&
      serviceKey.startsWith(`${namespace}/`) &&
      (ref.port === undefined || ref.port === port),
  );
}

/**
 * The rules that an HTTPRoute gives a Service it is attached to, one for each of its matches, in the route's order:
 * the Gateway API's precedence goes over single matches (see `compareRouteRules`).
 *
 * What Weft does not do is never passed over: a rule with filters answers 500, a match that cannot be made out matches
 * nothing, and both are problems. So does the share of a backend that means nothing (HTTPRouteRule.backendRefs).
 */
export function translateHttpRoute(
  route: HTTPRoute,
  serviceKey: string,
  protocol: AppProtocol,
  index: MeshIndex,
): Translation<readonly RouteRuleIr[]> {
  const problems: Problem[] = [];
  const mesh = meshServiceFor(index, serviceKey);
  const value = (route.spec.rules ?? []).flatMap((rule, position) => {
    const path = `spec.rules[${position}]`;
    const matches = matchesOf(rule, path, problems);
    const backends = translateBackends(route, rule, path, index, problems);
    const timeoutMs = timeoutOf(rule, path, problems);
    return matches.map(
      (match): RouteRuleIr => ({
        origin: routeOrigin(route),
        matches: isEverything(match) ? [] : [match],
        backends,
        ...callPolicy(protocol, mesh, { timeoutMs }),
      }),
    );
  });
  return { value, problems };
}

function matchesOf(rule: HttpRouteRule, path: string, problems: Problem[]): readonly RouteMatchIr[] {
  const matches = rule.matches ?? [];
  if (matches.length === 0) return [{ headers: [] }];
  return matches.flatMap(
    (match, position) => translateRouteMatch(match, `${path}.matches[${position}]`, problems) ?? [],
  );
}

function isEverything({ path, method, headers }: RouteMatchIr): boolean {
  return path === undefined && method === undefined && headers.length === 0;
}

function translateBackends(
  route: HTTPRoute,
  rule: HttpRouteRule,
  path: string,
  index: MeshIndex,
  problems: Problem[],
): readonly BackendIr[] {
  const unknown = Object.keys(rule).filter((field) => !KNOWN_FIELDS.includes(field));
  for (const field of unknown.sort()) {
    problems.push({
      path: `${path}.${field}`,
      reason: REASON.unsupportedValue,
      message: 'must be absent, as Weft does not know it; the calls of this rule are answered with 500',
    });
  }
  const refs = rule.backendRefs ?? [];
  // Without a backend there is nobody to ask (HTTPRouteRule.backendRefs).
  if (refs.length === 0 || unknown.length > 0) return [{ weight: 1 }];
  return refs.map((ref, position) => translateBackend(route, ref, `${path}.backendRefs[${position}]`, index, problems));
}

function translateBackend(
  route: HTTPRoute,
  ref: BackendRef,
  path: string,
  index: MeshIndex,
  problems: Problem[],
): BackendIr {
  const { group = '', kind = 'Service', name, port, weight = 1 } = ref;
  const namespace = route.metadata.namespace ?? 'default';
  const refuse = (field: string, reason: string, message: string): BackendIr => {
    problems.push({ path: `${path}.${field}`, reason, message });
    return { weight };
  };
  if (!isServiceRef({ group, kind })) return refuse('kind', REASON.invalidKind, 'must be a Service of the core group');
  if ((ref.namespace ?? namespace) !== namespace) {
    return refuse('namespace', REASON.refNotPermitted, `must be '${namespace}', the route's own namespace, or absent`);
  }
  if ('filters' in ref) return refuse('filters', REASON.unsupportedValue, 'must be absent, as Weft does not know it');
  const serviceKey = `${namespace}/${name}`;
  const service = index.service(serviceKey);
  if (service === undefined) {
    const message = `must name a Service that exists; there is no '${serviceKey}', its share of the calls is answered with 500`;
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

function timeoutOf(rule: HttpRouteRule, path: string, problems: Problem[]): number | undefined {
  const text = rule.timeouts?.request;
  const timeoutMs = text === undefined ? undefined : parseDuration(text);
  if (text !== undefined && timeoutMs === undefined) {
    const message = `must be a duration such as 10s or 500ms; it is '${text}' and counts as absent`;
    problems.push({ path: `${path}.timeouts.request`, reason: REASON.unsupportedValue, message });
  }
  return timeoutMs;
}
