import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  HeaderMatcherSchema,
  QueryParameterMatcherSchema,
  RouteMatchSchema,
} from '../../xds/generated/wire/envoy/config/route/v3/route_components_pb.js';
import type { StringMatcherSchema } from '../../xds/generated/wire/envoy/type/matcher/v3/string_pb.js';
import type { RouteMatchIr } from '../../model/node/ir.ts';
import type { ValueMatchIr } from '../../model/node/sending-ir.ts';
import { quoted } from '../../model/mesh/expression.ts';
import { cookieExpression, IDEMPOTENT } from '../../model/mesh/request-match.ts';

type RouteMatch = MessageInitShape<typeof RouteMatchSchema> & object;
type HeaderMatcher = MessageInitShape<typeof HeaderMatcherSchema> & object;
type QueryMatcher = MessageInitShape<typeof QueryParameterMatcherSchema> & object;
type StringMatcher = MessageInitShape<typeof StringMatcherSchema> & object;

/** Which calls a route is for. Who calls is not looked at: see `isCaller`. */
export function matchOf(
  { path, method, headers, cookies = [], query = [] }: RouteMatchIr,
  ...more: HeaderMatcher[]
): RouteMatch {
  const all = method === undefined ? headers : [{ name: ':method', value: method }, ...headers];
  return {
    pathSpecifier: pathOf(path),
    headers: [...all.map(headerMatches), ...cookies.map(cookieMatches), ...more],
    queryParameters: query.map(queryMatches),
  };
}

/** Of a call that has come by mutual TLS: its proxy has said here whose certificate it was, and nobody else can. */
export function isCertifiedAs({ namespace, serviceAccount }: NonNullable<RouteMatchIr['source']>): HeaderMatcher {
  const part = (name: string | undefined) => (name === undefined ? '[^/;,]+' : quoted(name));
  const id = `spiffe://[^/;,]+/ns/${part(namespace)}/sa/${part(serviceAccount)}`;
  return headerMatches({ name: 'x-forwarded-client-cert', type: 'Regex', value: `(?:.*;)?URI=${id}(?:;.*)?` });
}

export function methodIsIdempotent(): HeaderMatcher {
  return headerMatches({ name: ':method', type: 'Regex', value: IDEMPOTENT.join('|') });
}

export function cookieMatches(match: ValueMatchIr): HeaderMatcher {
  const { not } = match;
  const value = cookieExpression(match);
  return headerMatches({ name: 'cookie', type: 'Regex', value, ...(not === undefined ? {} : { not }) });
}

/** Prefixes end at a slash: `/a` has `/a/b` below it, and not `/ab`. */
function pathOf(path: RouteMatchIr['path']): NonNullable<RouteMatch['pathSpecifier']> {
  if (path?.type === 'Exact') return { case: 'path', value: path.value };
  if (path?.type === 'Regex') return { case: 'safeRegex', value: { regex: path.value } };
  const prefix = path?.value.replace(/\/+$/, '') ?? '';
  return prefix === '' ? { case: 'prefix', value: '/' } : { case: 'pathSeparatedPrefix', value: prefix };
}

/** A header that is absent is none that has the value: `not` holds then. */
function headerMatches({ name, type, value, not }: ValueMatchIr): HeaderMatcher {
  const negated = not === true ? { invertMatch: true } : {};
  if (type === 'Present') return { name, headerMatchSpecifier: { case: 'presentMatch', value: true }, ...negated };
  const more = not === true ? { ...negated, treatMissingHeaderAsEmpty: true } : {};
  return { name, headerMatchSpecifier: { case: 'stringMatch', value: stringMatches(type, value) }, ...more };
}

function queryMatches({ name, type, value }: ValueMatchIr): QueryMatcher {
  if (type === 'Present') return { name, queryParameterMatchSpecifier: { case: 'presentMatch', value: true } };
  return { name, queryParameterMatchSpecifier: { case: 'stringMatch', value: stringMatches(type, value) } };
}

function stringMatches(type: 'Prefix' | 'Regex' | undefined, value: string): StringMatcher {
  if (type === 'Prefix') return { matchPattern: { case: 'prefix', value } };
  if (type === 'Regex') return { matchPattern: { case: 'safeRegex', value: { regex: value } } };
  return { matchPattern: { case: 'exact', value } };
}
