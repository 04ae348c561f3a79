import type { HttpRouteFilter, HttpRoutePathModifier } from '../../api/kubernetes.ts';
import { REASON } from '../../api/reasons.ts';
import type { MirrorIr, RedirectIr, RewriteIr, RouteSendingIr } from '../node/sending-ir.ts';
import type { Problem } from '../problem.ts';
import { translateHeaderChanges } from './header-changes.ts';

/** What filters of a rule, or of a backend of it, do with a call. */
export type FilterEffects = Pick<
  RouteSendingIr,
  'requestHeaders' | 'responseHeaders' | 'redirect' | 'rewrite' | 'mirrors'
>;

export interface FilterContext {
  /** Of the list of filters. */
  readonly path: string;
  /** Those that may stand there. */
  readonly allowed: readonly HttpRouteFilter['type'][];
  /** The `endpoints` resource that a backendRef means; undefined, and a problem, when it means none. */
  readonly clusterOf: (
    ref: NonNullable<HttpRouteFilter['requestMirror']>['backendRef'],
    path: string,
  ) => string | undefined;
}

export const RULE_FILTERS: readonly string[] = [
  'RequestHeaderModifier',
  'ResponseHeaderModifier',
  'RequestMirror',
  'RequestRedirect',
  'URLRewrite',
];
/** Of a backend: what can be done once it is chosen. */
export const BACKEND_FILTERS: readonly string[] = ['RequestHeaderModifier', 'ResponseHeaderModifier'];

const REDIRECT_STATUS = [301, 302, 303, 307, 308] as const;

/**
 * What the filters do together. Undefined, and a problem, when one of them is none that Weft knows: the calls are then
 * not let through without it (HTTPRouteFilter: "must not be skipped").
 */
export function translateFilters(
  filters: readonly HttpRouteFilter[],
  { path, allowed, clusterOf }: FilterContext,
  problems: Problem[],
): FilterEffects | undefined {
  const mirrors: MirrorIr[] = [];
  let effects: FilterEffects = {};
  let isKnown = true;
  for (const [position, filter] of filters.entries()) {
    const at = `${path}[${position}]`;
    const refuse = (field: string, message: string) => {
      problems.push({ path: `${at}.${field}`, reason: REASON.unsupportedValue, message });
      isKnown = false;
    };
    if (!allowed.includes(filter.type)) {
      refuse('type', `must be one of ${allowed.join(', ')}; the calls of this rule are answered with an error`);
      continue;
    }
    const { requestHeaderModifier, responseHeaderModifier, requestMirror, requestRedirect, urlRewrite } = filter;
    if (requestHeaderModifier !== undefined)
      effects = { ...effects, requestHeaders: translateHeaderChanges(requestHeaderModifier) };
    if (responseHeaderModifier !== undefined)
      effects = { ...effects, responseHeaders: translateHeaderChanges(responseHeaderModifier) };
    if (requestMirror !== undefined) {
      const cluster = clusterOf(requestMirror.backendRef, `${at}.requestMirror.backendRef`);
      // One that means nothing is left out: nobody misses a copy.
      if (cluster !== undefined) mirrors.push({ cluster, percent: percentOf(requestMirror) });
    }
    if (requestRedirect !== undefined) {
      const redirect = redirectOf(requestRedirect);
      if (redirect === undefined) refuse('requestRedirect.statusCode', `must be one of ${REDIRECT_STATUS.join(', ')}`);
      else effects = { ...effects, redirect };
    }
    if (urlRewrite !== undefined) effects = { ...effects, rewrite: rewriteOf(urlRewrite) };
  }
  if (!isKnown) return undefined;
  return mirrors.length === 0 ? effects : { ...effects, mirrors };
}

function percentOf({ percent, fraction }: NonNullable<HttpRouteFilter['requestMirror']>): number {
  if (fraction !== undefined) return (100 * fraction.numerator) / (fraction.denominator ?? 100);
  return percent ?? 100;
}

/** A scheme brings its own port where none is named. */
function redirectOf({
  scheme,
  hostname,
  port,
  path,
  statusCode = 302,
}: NonNullable<HttpRouteFilter['requestRedirect']>): RedirectIr | undefined {
  const status = REDIRECT_STATUS.find((code) => code === statusCode);
  if (status === undefined) return undefined;
  return {
    ...(scheme === undefined ? {} : { scheme }),
    ...(hostname === undefined ? {} : { host: hostname }),
    ...(port === undefined ? {} : { port }),
    ...pathOf(path),
    status,
  };
}

function rewriteOf({ hostname, path }: NonNullable<HttpRouteFilter['urlRewrite']>): RewriteIr {
  return { ...(hostname === undefined ? {} : { host: hostname }), ...pathOf(path) };
}

function pathOf(path: HttpRoutePathModifier | undefined): { readonly path?: string; readonly prefix?: string } {
  if (path?.type === 'ReplaceFullPath') return { path: path.replaceFullPath ?? '/' };
  if (path?.type === 'ReplacePrefixMatch') return { prefix: path.replacePrefixMatch ?? '/' };
  return {};
}
