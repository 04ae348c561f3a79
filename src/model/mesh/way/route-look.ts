import type { BackendIr, EndpointsIr, RouteRuleIr } from '../../node/ir.ts';
import { countingBackends, statusOfNobody } from '../backend-shares.ts';
import { parseClusterKey } from '../backends.ts';
import { translateEndpoints } from '../endpoints.ts';
import { sentRequest } from '../path-rewrite.ts';
import type { PlacedRule } from '../placed-rule.ts';
import { type Call, type CallRequest, lookAtRule, type MatchLook } from '../request-match.ts';
import { describeCluster } from './describe-cluster.ts';
import { describeMatches } from './describe-match.ts';
import { describeAnswer, describeEffects, describeHeaders } from './describe-rule.ts';
import { type EndpointFacts, type EndpointLook, type LeftOut, leftOutOf, lookAtEndpoints } from './endpoint-look.ts';

export interface RuleLook {
  readonly origin: string;
  /** Where its object has it. */
  readonly path?: string;
  readonly asks: string;
  readonly outcome: 'decides' | 'may decide' | 'no match' | 'not asked';
  readonly why: string;
}

/** What policies say of a call at one endpoint. */
export interface PolicyLook {
  readonly isAllowed: boolean;
  readonly why: string;
}

export type JudgedEndpoint = EndpointLook & { readonly policy: PolicyLook };

export interface BackendLook {
  /** Key of its cluster. */
  readonly name: string;
  readonly weight: number;
  readonly percent: number;
  readonly settings: readonly string[];
  /** What its cluster is told beside its endpoints; absent: it names nothing, or the kernel routes. */
  readonly cluster?: Omit<EndpointsIr, 'endpoints'>;
  readonly endpoints: readonly JudgedEndpoint[];
  readonly leftOut: readonly LeftOut[];
  /** What becomes of its share, where nobody takes it. */
  readonly failure?: string;
}

/** What a rule does with the call. */
export interface RouteLook {
  readonly origin: string;
  readonly path?: string;
  readonly effects: readonly string[];
  /** In place of backends. */
  readonly answer?: string;
  readonly backends: readonly BackendLook[];
  /** The rule itself; absent: the kernel routes. */
  readonly rule?: RouteRuleIr;
}

export interface RouteFacts extends EndpointFacts {
  readonly call: Call;
  /** Whether the port is one of HTTP. */
  readonly isHttp: boolean;
  readonly judge: (endpoint: EndpointLook, request: CallRequest | undefined) => PolicyLook;
}

/** The rules of a port as the caller's proxy meets them, and what those do that decide, or may. */
export function lookAtRules(placed: readonly PlacedRule[], facts: RouteFacts) {
  const looks = placed.map((of) => ({ ...of, look: lookAtRule(of.rule, facts.call) }));
  const decider = looks.findIndex(({ look }) => look.outcome === 'match');
  const isAsked = (at: number) => decider === -1 || at <= decider;
  const rules = looks.map(({ path, rule, look }, at): RuleLook => {
    const outcome = { match: 'decides', maybe: 'may decide', 'no match': 'no match' } as const;
    return {
      origin: rule.origin,
      ...(path === undefined ? {} : { path }),
      asks: describeMatches(rule.matches),
      ...(isAsked(at) ? { outcome: outcome[look.outcome], why: look.why } : { outcome: 'not asked', why: '' }),
    };
  });
  const deciding = looks.filter(({ look }, at) => isAsked(at) && look.outcome !== 'no match');
  return { rules, routes: deciding.map(({ path, rule, look }) => lookAtRoute(path, rule, look, facts)) };
}

function lookAtRoute(path: string | undefined, rule: RouteRuleIr, { match }: MatchLook, facts: RouteFacts): RouteLook {
  const { request } = facts.call;
  const ruled = { ...(request === undefined ? {} : { request }), ...(match === undefined ? {} : { match }) };
  const answer = describeAnswer(rule, ruled);
  const backends = answer === undefined ? rule.backends : [];
  const clusters = new Map(backends.map(({ cluster = '' }) => [cluster, clusterOf(cluster, facts)]));
  const hasEndpoints = (key: string) => {
    const { endpoints = [], dns } = clusters.get(key) ?? {};
    return endpoints.length > 0 || dns !== undefined;
  };
  const counting = countingBackends({ ...rule, backends }, hasEndpoints);
  const sum = counting.reduce((total, { weight }) => total + weight, 0);
  const looks = backends.map((backend) => {
    const share = counting.includes(backend) && sum > 0 ? (100 * backend.weight) / sum : 0;
    const sent = request === undefined ? undefined : sentRequest(request, rule, match, backend);
    return lookAtBackend(backend, share, rule, clusters.get(backend.cluster ?? ''), sent, facts);
  });
  return {
    ...{ origin: rule.origin, effects: describeEffects(rule, facts.isHttp, ruled), backends: looks, rule },
    ...(path === undefined ? {} : { path }),
    ...(answer === undefined ? {} : { answer }),
  };
}

function clusterOf(key: string, { index }: RouteFacts): EndpointsIr | undefined {
  const parsed = parseClusterKey(key);
  return parsed === undefined ? undefined : translateEndpoints(index, parsed.service).get(key);
}

function lookAtBackend(
  backend: BackendIr,
  percent: number,
  rule: RouteRuleIr,
  body: EndpointsIr | undefined,
  sent: CallRequest | undefined,
  facts: RouteFacts,
): BackendLook {
  const { cluster = 'nothing', weight } = backend;
  const { service = '', subset } = parseClusterKey(cluster) ?? {};
  const called = body?.endpoints ?? [];
  const endpoints = lookAtEndpoints(facts, called, service, true).map((look) => ({
    ...look,
    policy: facts.judge(look, sent),
  }));
  const { endpoints: _, ...told } = body ?? { endpoints: [] };
  const failure = failureOf(rule, body, endpoints, facts.isHttp);
  return {
    ...{ name: cluster, weight, percent, settings: settingsOf(backend, body), endpoints },
    leftOut: body === undefined ? [] : leftOutOf(facts.index, service, subset, called),
    ...('protocol' in told ? { cluster: told } : {}),
    ...(failure === undefined ? {} : { failure }),
  };
}

function settingsOf({ requestHeaders, responseHeaders }: BackendIr, body: EndpointsIr | undefined): readonly string[] {
  return [
    ...(body === undefined ? [] : describeCluster(body)),
    ...(requestHeaders === undefined ? [] : [`request headers: ${describeHeaders(requestHeaders)}`]),
    ...(responseHeaders === undefined ? [] : [`response headers: ${describeHeaders(responseHeaders)}`]),
  ];
}

function failureOf(
  rule: RouteRuleIr,
  body: EndpointsIr | undefined,
  endpoints: readonly JudgedEndpoint[],
  isHttp: boolean,
): string | undefined {
  const answered = (status: number) => (isHttp ? `answered with ${status}` : 'closed');
  if (body === undefined) return `${answered(statusOfNobody(rule))}: what it names is not there`;
  if (endpoints.length === 0) return body.dns === undefined ? `${answered(503)}: it has no endpoint` : undefined;
  return refusalOf(endpoints);
}

export function isRefusing({ refusal, policy }: JudgedEndpoint): boolean {
  return refusal !== undefined || !policy.isAllowed;
}

/** Undefined when some endpoint takes the call. */
export function refusalOf(endpoints: readonly JudgedEndpoint[]): string | undefined {
  const [first] = endpoints;
  if (first === undefined || !endpoints.every(isRefusing)) return undefined;
  return `every endpoint refuses it: ${first.refusal ?? first.policy.why}`;
}
