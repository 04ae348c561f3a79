import { REASON } from '../../api/reasons.ts';
import type { RouteMatchIr, RouteRuleIr } from '../node/ir.ts';
import type { Problem } from '../problem.ts';
import type { HttpRouteRule } from './http-route.ts';

type HttpRouteMatch = NonNullable<HttpRouteRule['matches']>[number];

const KNOWN_FIELDS = ['path', 'method', 'headers'];
const PATH_TYPES: Readonly<Record<string, 'Exact' | 'Prefix'>> = { Exact: 'Exact', PathPrefix: 'Prefix' };

/** Undefined when the match uses something that Weft does not know: it then matches nothing, instead of too much. */
export function translateRouteMatch(
  match: HttpRouteMatch,
  path: string,
  problems: Problem[],
): RouteMatchIr | undefined {
  const unsupported = unsupportedFields(match);
  for (const field of unsupported) {
    problems.push({
      path: `${path}.${field}`,
      reason: REASON.unsupportedValue,
      message: 'must be one that Weft knows: path Exact or PathPrefix, method, headers Exact; the match is left out',
    });
  }
  if (unsupported.length > 0) return undefined;
  const { type = 'PathPrefix', value = '/' } = match.path ?? {};
  const pathType = PATH_TYPES[type] ?? 'Prefix';
  const isEveryPath = pathType === 'Prefix' && value === '/';
  return {
    ...(isEveryPath ? {} : { path: { type: pathType, value } }),
    ...(match.method === undefined ? {} : { method: match.method }),
    headers: (match.headers ?? []).map(({ name, value: text }) => ({ name: name.toLowerCase(), value: text })),
  };
}

/**
 * The Gateway API's precedence among all matches on a port (HTTPRouteRule.matches): an exact path, then the longest
 * prefix, then a method, then the most headers. Equal ones keep their order, so hand rules over oldest route first.
 */
export function compareRouteRules(a: RouteRuleIr, b: RouteRuleIr): number {
  const [ranksA, ranksB] = [ranksOf(a), ranksOf(b)];
  for (const [position, rank] of ranksA.entries()) {
    const difference = (ranksB[position] ?? 0) - rank;
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Larger is met earlier. */
function ranksOf({ matches: [match] }: RouteRuleIr): readonly number[] {
  if (match === undefined) return [0, 0, 0, 0];
  const { path, method, headers } = match;
  return [path?.type === 'Exact' ? 1 : 0, path?.value.length ?? 0, method === undefined ? 0 : 1, headers.length];
}

function unsupportedFields(match: HttpRouteMatch): string[] {
  const fields = Object.keys(match).filter((field) => !KNOWN_FIELDS.includes(field));
  if (match.path?.type !== undefined && PATH_TYPES[match.path.type] === undefined) fields.push('path.type');
  for (const [position, { type = 'Exact' }] of (match.headers ?? []).entries()) {
    if (type !== 'Exact') fields.push(`headers[${position}].type`);
  }
  return fields.sort();
}
