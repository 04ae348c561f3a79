import type { Any } from '@bufbuild/protobuf/wkt';
import { HTTPFaultSchema } from '../../xds/generated/wire/envoy/extensions/filters/http/fault/v3/fault_pb.js';
import { LocalRateLimitSchema } from '../../xds/generated/wire/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.js';
import {
  StatefulSessionPerRouteSchema,
  StatefulSessionSchema,
} from '../../xds/generated/wire/envoy/extensions/filters/http/stateful_session/v3/stateful_session_pb.js';
import { CookieBasedSessionStateSchema } from '../../xds/generated/wire/envoy/extensions/http/stateful_session/cookie/v3/cookie_pb.js';
import { FractionalPercent_DenominatorType as Denominator } from '../../xds/generated/wire/envoy/type/v3/percent_pb.js';
import type { RouteRuleIr } from '../../model/node/ir.ts';
import type { CookieIr, FaultIr, RateLimitIr } from '../../model/node/sending-ir.ts';
import { durationOf, packAny } from './encoded.ts';
import type { HttpFilter } from './filters.ts';

const FAULT = 'envoy.filters.http.fault';
const SESSION = 'envoy.filters.http.stateful_session';
const RATE_LIMIT = 'envoy.filters.http.local_ratelimit';

/** In front of the router, those that some of the rules need; the rules themselves say what they do, by their routes. */
export function filtersFor(rules: readonly RouteRuleIr[]): HttpFilter[] {
  return [
    ...(rules.some(({ fault }) => fault !== undefined) ? [filter(FAULT, packAny(HTTPFaultSchema, {}))] : []),
    ...(rules.some(({ sessionCookie }) => sessionCookie !== undefined)
      ? [filter(SESSION, packAny(StatefulSessionSchema, {}))]
      : []),
  ];
}

/** What these filters do on a route of the rule. */
export function filterConfigOf({ fault, sessionCookie }: RouteRuleIr): { [name: string]: Any } {
  return {
    ...(fault && { [FAULT]: encodeFault(fault) }),
    ...(sessionCookie && { [SESSION]: encodeSession(sessionCookie) }),
  };
}

export function percentOf(percent: number) {
  return { numerator: percent, denominator: Denominator.HUNDRED };
}

/** Of a port of the pod: for all that comes to it together; without a limit there, for what routes say alone. */
export function rateLimitFilter(limit: RateLimitIr | undefined, statPrefix: string): HttpFilter {
  return filter(RATE_LIMIT, encodeRateLimit(limit, statPrefix));
}

/** Of a route: its calls are held to this, and not to the limit of the port. */
export function rateLimitOfRoute(limit: RateLimitIr, statPrefix: string): { [name: string]: Any } {
  return { [RATE_LIMIT]: encodeRateLimit(limit, statPrefix) };
}

function encodeRateLimit(limit: RateLimitIr | undefined, statPrefix: string): Any {
  if (limit === undefined) return packAny(LocalRateLimitSchema, { statPrefix });
  const always = { defaultValue: percentOf(100) };
  return packAny(LocalRateLimitSchema, {
    statPrefix,
    tokenBucket: {
      maxTokens: limit.burst,
      tokensPerFill: limit.requestsPerSecond,
      fillInterval: durationOf(1000),
    },
    filterEnabled: always,
    filterEnforced: always,
  });
}

function filter(name: string, value: Any): HttpFilter {
  return { name, configType: { case: 'typedConfig', value } };
}

function encodeFault({ delay, abort }: FaultIr): Any {
  return packAny(HTTPFaultSchema, {
    ...(delay && {
      delay: {
        faultDelaySecifier: { case: 'fixedDelay', value: durationOf(delay.ms) },
        percentage: percentOf(delay.percent),
      },
    }),
    ...(abort && {
      abort: { errorType: { case: 'httpStatus', value: abort.status }, percentage: percentOf(abort.percent) },
    }),
  });
}

function encodeSession({ name, ttlSeconds = 0 }: CookieIr): Any {
  const typedConfig = packAny(CookieBasedSessionStateSchema, {
    cookie: { name, path: '/', ttl: durationOf(ttlSeconds * 1000) },
  });
  const sessionState = { name: 'envoy.http.stateful_session.cookie', typedConfig };
  return packAny(StatefulSessionPerRouteSchema, {
    override: { case: 'statefulSession', value: { sessionState } },
  });
}
