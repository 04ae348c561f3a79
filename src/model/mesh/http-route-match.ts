import { REASON } from '../../api/reasons.ts';
import type { HttpRouteValueMatch } from '../../api/kubernetes.ts';
import type { RouteMatchIr, RouteRuleIr } from '../node/ir.ts';
import type { ValueMatchIr } from '../node/sending-ir.ts';
import type { Problem } from '../problem.ts';
import type { HttpRouteRule } from './http-route.ts';

type HttpRouteMatch = NonNullable<HttpRouteRule['matches']>[number];

const KNOWN_FIELDS = ['path', 'method', 'headers', 'queryParams'];
const PATH_TYPES: Readonly<Record<string, 'Exact' | 'Prefix' | 'Regex'>> = {
  Exact: 'Exact',
  PathPrefix: 'Prefix',
  RegularExpression: 'Regex',
};
const VALUE_TYPES: readonly string[] = ['Exact', 'RegularExpression'];

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
      message: 'must be one that Weft knows, and an expression of RE2; the match is left out',
    });
  }
  if (unsupported.length > 0) return undefined;
  const { type = 'PathPrefix', value = '/' } = match.path ?? {};
  const pathType = PATH_TYPES[type] ?? 'Prefix';
  const isEveryPath = pathType === 'Prefix' && value === '/';
  return {
    ...(isEveryPath ? {} : { path: { type: pathType, value } }),
    ...(match.method === undefined ? {} : { method: match.method }),
    headers: (match.headers ?? []).map((header) => translateValue({ ...header, name: header.name.toLowerCase() })),
    ...(match.queryParams === undefined ? {} : { query: match.queryParams.map(translateValue) }),
  };
}

function translateValue({ type = 'Exact', name, value }: HttpRouteValueMatch): ValueMatchIr {
  return { name, ...(type === 'Exact' ? {} : { type: 'Regex' }), value };
}

/**
 * The Gateway API's precedence among all matches on a port (HTTPRouteRule.matches): an exact path, then an expression,
 * which it leaves to us, then the longest prefix, then a method, then the most headers, then the most query parameters.
 * Equal ones keep their order, so hand rules over oldest route first.
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
function ranksOf({ origin, matches: [match] }: RouteRuleIr): readonly number[] {
  if (match === undefined) return [0, 0, 0, 0, 0];
  const { path, method, headers, query = [] } = match;
  // Of gRPC a prefix is a service by its name, which goes before any service by expression.
  const prefix = path !== undefined && origin.startsWith('GRPCRoute ') ? 2 : 0;
  const type = { Exact: 3, Regex: 1, Prefix: prefix }[path?.type ?? 'Prefix'];
  return [type, path?.value.length ?? 0, method === undefined ? 0 : 1, headers.length, query.length];
}

function unsupportedFields(match: HttpRouteMatch): string[] {
  const fields = Object.keys(match).filter((field) => !KNOWN_FIELDS.includes(field));
  const { type: pathType = 'PathPrefix', value: path = '/' } = match.path ?? {};
  if (PATH_TYPES[pathType] === undefined) fields.push('path.type');
  if (pathType === 'RegularExpression' && !isExpression(path)) fields.push('path.value');
  for (const field of ['headers', 'queryParams'] as const) {
    for (const [position, { type = 'Exact', value }] of (match[field] ?? []).entries()) {
      if (!VALUE_TYPES.includes(type)) fields.push(`${field}[${position}].type`);
      if (type === 'RegularExpression' && !isExpression(value)) fields.push(`${field}[${position}].value`);
    }
  }
  return fields.sort();
}

/** What is none in RE2 either, or looks around or back, which RE2 does not. What is left, a proxy may still refuse. */
function isExpression(text: string): boolean {
  if (/\(\?(<?[=!])|\\[1-9]/.test(text)) return false;
  try {
    return new RegExp(text).source !== '';
  } catch {
    return false;
  }
}
