import type { TrafficSplitMatch, TrafficSplitRule } from '../../api/generated/trafficsplit.ts';
import type { RouteMatchIr } from '../node/ir.ts';
import type { RedirectIr, RouteSendingIr, ValueMatchIr } from '../node/sending-ir.ts';
import { translateHeaderChanges } from './header-changes.ts';

/** What a rule does with a call beside choosing whom to ask and whom to tell: numbers as the API server fills them in. */
export function translateSplitRule(rule: TrafficSplitRule): Omit<RouteSendingIr, 'mirrors' | 'redistributes'> {
  const { stickiness, rewrite, redirect, respond, fault, requestHeaders, responseHeaders } = rule;
  return {
    ...(stickiness === undefined ? {} : { stickiness: translateStickiness(stickiness) }),
    ...(rewrite === undefined ? {} : { rewrite }),
    ...(redirect === undefined ? {} : { redirect: translateRedirect(redirect) }),
    ...(respond === undefined ? {} : { respond }),
    ...(fault === undefined ? {} : { fault: translateFault(fault) }),
    ...(requestHeaders === undefined ? {} : { requestHeaders: translateHeaderChanges(requestHeaders) }),
    ...(responseHeaders === undefined ? {} : { responseHeaders: translateHeaderChanges(responseHeaders) }),
  };
}

/** Header names in lower case, as HTTP/2 has them; they mean the same in any case (RFC 9110, 5.1). */
export function translateSplitMatch({
  path,
  method,
  headers = [],
  cookies = [],
  query = [],
  source,
}: TrafficSplitMatch): RouteMatchIr {
  return {
    ...(path === undefined ? {} : { path: { type: path.type, value: path.value } }),
    ...(method === undefined ? {} : { method }),
    headers: headers.map((match) => translateValue({ ...match, name: match.name.toLowerCase() })),
    ...(cookies.length === 0 ? {} : { cookies: cookies.map(translateValue) }),
    ...(query.length === 0 ? {} : { query: query.map(translateValue) }),
    ...(source === undefined ? {} : { source }),
  };
}

interface ValueMatch {
  readonly name: string;
  readonly type?: 'Exact' | 'Prefix' | 'Regex' | 'Present';
  readonly value?: string;
  readonly not?: boolean;
}

function translateValue({ name, type = 'Exact', value = '', not = false }: ValueMatch): ValueMatchIr {
  return { name, ...(type === 'Exact' ? {} : { type }), value, ...(not ? { not } : {}) };
}

function translateStickiness({ cookie, ttlSeconds }: NonNullable<TrafficSplitRule['stickiness']>) {
  return { name: cookie, ...(ttlSeconds === undefined ? {} : { ttlSeconds }) };
}

function translateRedirect({ status = 302, ...rest }: NonNullable<TrafficSplitRule['redirect']>): RedirectIr {
  return { ...rest, status };
}

function translateFault({
  delay,
  abort,
}: NonNullable<TrafficSplitRule['fault']>): NonNullable<RouteSendingIr['fault']> {
  return {
    ...(delay === undefined ? {} : { delay: { ms: delay.milliseconds, percent: delay.percent ?? 100 } }),
    ...(abort === undefined ? {} : { abort: { status: abort.status, percent: abort.percent ?? 100 } }),
  };
}
