import type { BackendIr, RouteRuleIr } from '../node/ir.ts';

type HasEndpoints = (cluster: string) => boolean;

/** The backends whose weights count: without those that have nobody, where the rule gives their shares to the others. */
export function countingBackends(rule: RouteRuleIr, hasEndpoints: HasEndpoints): readonly BackendIr[] {
  if (rule.redistributes !== true) return rule.backends;
  // A backend that names nothing is kept: its errors shall show.
  const left = rule.backends.filter(({ cluster }) => cluster === undefined || hasEndpoints(cluster));
  return left.some(({ weight }) => weight > 0) ? left : rule.backends;
}

/** Where nobody can be asked: the Gateway API demands 500 (HTTPRouteRule.backendRefs), Weft's own kinds say 503. */
export function statusOfNobody({ origin }: Pick<RouteRuleIr, 'origin'>): 500 | 503 {
  return origin.startsWith('HTTPRoute ') ? 500 : 503;
}
