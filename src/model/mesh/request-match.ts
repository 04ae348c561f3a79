import type { RouteMatchIr, RouteRuleIr } from '../node/ir.ts';
import type { ValueMatchIr } from '../node/sending-ir.ts';
import { matchesWhole, quoted } from './expression.ts';

/** A request as rules see it. */
export interface CallRequest {
  readonly method: string;
  /** Without the query, after dot segments were removed. */
  readonly path: string;
  /** Without its question mark, as it is written. */
  readonly query: string;
  /** By names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface Call {
  /** Of the calling pod: `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`. */
  readonly spiffeId: string;
  /** Absent: any, so that only who calls can be judged. */
  readonly request?: CallRequest;
}

export interface MatchLook {
  /** `maybe`: it depends on the request that is not said, or on an expression that only RE2 can read. */
  readonly outcome: 'match' | 'no match' | 'maybe';
  /** What does not fit, or is not known; empty where all fits. */
  readonly why: string;
  /** The match that the call has. */
  readonly match?: RouteMatchIr;
}

/** RFC 9110, 9.2.2. */
export const IDEMPOTENT: readonly string[] = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PUT', 'TRACE'];

/** Whether the rule is about the call: any of its matches is, or it has none (`agent/envoy/routes.ts` tells Envoy so). */
export function lookAtRule({ matches }: Pick<RouteRuleIr, 'matches'>, call: Call): MatchLook {
  if (matches.length === 0) return { outcome: 'match', why: '' };
  const looks = matches.map((match) => lookAtMatch(match, call));
  const found = looks.find(({ outcome }) => outcome === 'match');
  if (found !== undefined) return found;
  const outcome = looks.some((look) => look.outcome === 'maybe') ? 'maybe' : 'no match';
  const why = looks.filter((look) => look.outcome === outcome).map((look) => look.why);
  return { outcome, why: [...new Set(why)].join('; ') };
}

function lookAtMatch(match: RouteMatchIr, { spiffeId, request }: Call): MatchLook {
  if (!isCaller(match, spiffeId)) return { outcome: 'no match', why: `the caller is ${identityPath(spiffeId)}` };
  const asked = partsOf(match);
  if (request === undefined) {
    return asked.length === 0 ? { outcome: 'match', why: '', match } : { outcome: 'maybe', why: 'no request is given' };
  }
  const looks = asked.map((part) => ({ ...part, fits: part.fits(request) }));
  const misfit = looks.find(({ fits }) => fits === false);
  if (misfit !== undefined) return { outcome: 'no match', why: misfit.say(request) };
  const unread = looks.find(({ fits }) => fits === undefined);
  if (unread !== undefined)
    return { outcome: 'maybe', why: `the expression for ${unread.name} can only be read by RE2` };
  return { outcome: 'match', why: '', match };
}

interface Part {
  readonly name: string;
  readonly fits: (request: CallRequest) => boolean | undefined;
  /** What the request has there. */
  readonly say: (request: CallRequest) => string;
}

function partsOf({ path, method, headers, cookies = [], query = [] }: RouteMatchIr): Part[] {
  const part = (name: string, match: ValueMatchIr, read: (request: CallRequest) => string | undefined): Part => ({
    name,
    fits: (request) => matchesValue(match, read(request)),
    say: (request) => `${name} is ${read(request) ?? 'absent'}`,
  });
  const cookie = ({ headers: { cookie: all } }: CallRequest) => all;
  return [
    ...(path === undefined
      ? []
      : [
          {
            name: 'path',
            fits: (of: CallRequest) => matchesPath(path, of.path),
            say: (of: CallRequest) => `path is ${of.path}`,
          },
        ]),
    ...(method === undefined ? [] : [part('method', { name: 'method', value: method }, (of) => of.method)]),
    ...headers.map((match) => part(`header ${match.name}`, match, (of) => of.headers[match.name])),
    ...cookies.map(({ not, ...match }) => ({
      ...part('', { name: 'cookie', type: 'Regex', value: cookieExpression(match), ...(not && { not }) }, cookie),
      name: `cookie ${match.name}`,
      say: (of: CallRequest) => `the cookies are ${cookie(of) ?? 'absent'}`,
    })),
    ...query.map((match) => part(`query ${match.name}`, match, (of) => queryValue(of.query, match.name))),
  ];
}

/** Whether a rule's match may be about calls of this pod at all. */
export function isCaller({ source }: RouteMatchIr, spiffeId: string): boolean {
  if (source === undefined) return true;
  const [, namespace, serviceAccount] = /\/ns\/([^/]*)\/sa\/([^/]*)$/.exec(spiffeId) ?? [];
  return (
    (source.namespace === undefined || source.namespace === namespace) &&
    (source.serviceAccount === undefined || source.serviceAccount === serviceAccount)
  );
}

/** A SPIFFE id without its trust domain. */
export function identityPath(spiffeId: string): string {
  return spiffeId.replace(/^spiffe:\/\/[^/]*/, '');
}

/**
 * Of the header `cookie`. A client shows all its cookies in one header (RFC 6265, 5.4), HTTP/2 in several that Envoy
 * joins by the same mark.
 */
export function cookieExpression({ name, type, value }: ValueMatchIr): string {
  const inner = { Exact: quoted(value), Prefix: `${quoted(value)}[^;]*`, Regex: `(?:${value})`, Present: '[^;]*' };
  return `(?:.*;\\s*)?${quoted(name)}="?${inner[type ?? 'Exact']}"?(?:\\s*;.*)?`;
}

/** Prefixes end at a slash: `/a` has `/a/b` below it, and not `/ab`. */
function matchesPath({ type, value }: NonNullable<RouteMatchIr['path']>, path: string): boolean | undefined {
  if (type === 'Exact') return path === value;
  if (type === 'Regex') return matchesWhole(value, path);
  const prefix = value.replace(/\/+$/, '');
  return prefix === '' || path === prefix || path.startsWith(`${prefix}/`);
}

/** What is absent has no value: `not` holds then, as if it were empty. */
function matchesValue({ type, value, not }: ValueMatchIr, given: string | undefined): boolean | undefined {
  if (type === 'Present') return (given !== undefined) !== (not === true);
  const text = given ?? (not === true ? '' : undefined);
  if (text === undefined) return false;
  const has =
    type === 'Regex' ? matchesWhole(value, text) : type === 'Prefix' ? text.startsWith(value) : text === value;
  return has === undefined ? undefined : has !== (not === true);
}

/** Of a parameter that comes twice the first counts; nothing is decoded. */
function queryValue(query: string, name: string): string | undefined {
  for (const pair of query.split('&')) {
    const [key, ...value] = pair.split('=');
    if (key === name) return value.join('=');
  }
  return undefined;
}
