import type { MessageInitShape } from '@bufbuild/protobuf';
import { HeaderValueOption_HeaderAppendAction as AppendAction } from '../../xds/generated/wire/envoy/config/core/v3/base_pb.js';
import {
  RedirectAction_RedirectResponseCode as Redirect,
  type RouteActionSchema,
  type RouteSchema,
} from '../../xds/generated/wire/envoy/config/route/v3/route_components_pb.js';
import type { RouteMatchIr } from '../../model/node/ir.ts';
import type { HeaderChangeIr, HeaderIr, RedirectIr, RewriteIr, RouteSendingIr } from '../../model/node/sending-ir.ts';
import { prefixRewrite } from '../../model/mesh/path-rewrite.ts';

type Route = MessageInitShape<typeof RouteSchema> & object;
type RouteAction = MessageInitShape<typeof RouteActionSchema> & object;

const REDIRECT = {
  301: Redirect.MOVED_PERMANENTLY,
  302: Redirect.FOUND,
  303: Redirect.SEE_OTHER,
  307: Redirect.TEMPORARY_REDIRECT,
  308: Redirect.PERMANENT_REDIRECT,
} as const;

type HeaderChanges = Pick<
  Route,
  'requestHeadersToAdd' | 'requestHeadersToRemove' | 'responseHeadersToAdd' | 'responseHeadersToRemove'
>;

export function headerChangesOf({
  requestHeaders,
  responseHeaders,
}: Pick<RouteSendingIr, 'requestHeaders' | 'responseHeaders'>): HeaderChanges {
  return {
    ...(requestHeaders && {
      requestHeadersToAdd: headersToAdd(requestHeaders),
      requestHeadersToRemove: [...(requestHeaders.remove ?? [])],
    }),
    ...(responseHeaders && {
      responseHeadersToAdd: headersToAdd(responseHeaders),
      responseHeadersToRemove: [...(responseHeaders.remove ?? [])],
    }),
  };
}

export function headersToAdd({ set = [], add = [] }: HeaderChangeIr) {
  return [
    ...set.map((header) => headerOption(header, AppendAction.OVERWRITE_IF_EXISTS_OR_ADD)),
    ...add.map((header) => headerOption(header, AppendAction.APPEND_IF_EXISTS_OR_ADD)),
  ];
}

/** A percent sign would begin one of Envoy's own variables. */
function headerOption({ name, value }: HeaderIr, appendAction: AppendAction) {
  return { header: { key: name, value: value.replaceAll('%', '%%') }, appendAction, keepEmptyValue: true };
}

/** The query stays as it is. */
export function rewriteOf(
  { prefix, path, host }: RewriteIr,
  match: RouteMatchIr,
): Pick<RouteAction, 'regexRewrite' | 'hostRewriteSpecifier'> {
  return {
    ...(path !== undefined && { regexRewrite: { pattern: { regex: '^.*$' }, substitution: path } }),
    ...(prefix !== undefined && { regexRewrite: prefixRewrite(match, prefix) }),
    ...(host !== undefined && { hostRewriteSpecifier: { case: 'hostRewriteLiteral' as const, value: host } }),
  };
}

export function redirectOf(
  { scheme, host, port, path, prefix, status }: RedirectIr,
  match: RouteMatchIr,
): NonNullable<Route['action']> {
  return {
    case: 'redirect',
    value: {
      ...(scheme && { schemeRewriteSpecifier: { case: 'schemeRedirect' as const, value: scheme } }),
      ...(host && { hostRedirect: host }),
      ...(port && { portRedirect: port }),
      ...(path && { pathRewriteSpecifier: { case: 'pathRedirect' as const, value: path } }),
      ...(prefix !== undefined && {
        pathRewriteSpecifier: { case: 'regexRewrite' as const, value: prefixRewrite(match, prefix) },
      }),
      responseCode: REDIRECT[status],
    },
  };
}

export function respondOf({ status, body }: NonNullable<RouteSendingIr['respond']>): NonNullable<Route['action']> {
  const text = body === undefined ? {} : { body: { specifier: { case: 'inlineString' as const, value: body } } };
  return { case: 'directResponse', value: { status, ...text } };
}
