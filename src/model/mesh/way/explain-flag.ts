import type { CallWay } from './explain-call.ts';
import { milliseconds } from './describe-rule.ts';
import { ruleName } from './rule-name.ts';
import { type FlagMeaning, RESPONSE_FLAGS } from './response-flags.ts';
import type { BackendLook, JudgedEndpoint, RouteLook } from './route-look.ts';

export interface FlagLook extends FlagMeaning {
  readonly flag: string;
  /** What on this way makes it; empty: nothing that the API's objects show. */
  readonly here: readonly string[];
}

/** What a flag means on this way; undefined: there is none of that name. */
export function explainFlag(flag: string, way: CallWay): FlagLook | undefined {
  const meaning = RESPONSE_FLAGS[flag];
  return meaning === undefined ? undefined : { flag, ...meaning, here: [...new Set(MADE_BY[flag]?.(way) ?? [])] };
}

/** By flag: the parts of the way that make it. */
const MADE_BY: Readonly<Record<string, (way: CallWay) => readonly string[]>> = {
  UH: (way) => [...backendsOf(way).flatMap(emptiness), ...backendsOf(way).flatMap(leaving)],
  UF: (way) => endpointsOf(way).flatMap(unreachable),
  UO: (way) => backendsOf(way).flatMap(limits),
  NR: ({ rules }) =>
    rules.length > 0 && rules.every(({ outcome }) => outcome === 'no match')
      ? rules.map(({ asks, why, ...rule }) => `${ruleName(rule)} asks for ${asks}: ${why}`)
      : [],
  URX: ({ routes }) =>
    routes.flatMap(({ rule, ...route }) =>
      rule?.retry === undefined ? [] : [`${ruleName(route)}: ${route.effects.find((of) => /retr/.test(of))}`],
    ),
  UT: ({ routes }) => routes.flatMap(timeouts),
  DC: ({ routes }) => routes.flatMap(timeouts),
  DR: ({ routes }) => routes.flatMap(timeouts),
  SI: ({ routes }) =>
    routes.flatMap(({ rule, ...route }) =>
      rule?.idleTimeoutMs === undefined ? [] : [`${ruleName(route)}: ${milliseconds(rule.idleTimeoutMs)} of silence`],
    ),
  DI: ({ routes }) =>
    routes.flatMap(({ rule, ...route }) => {
      const { delay } = rule?.fault ?? {};
      return delay === undefined ? [] : [`${ruleName(route)} delays ${delay.percent} % by ${milliseconds(delay.ms)}`];
    }),
  FI: ({ routes }) =>
    routes.flatMap(({ rule, ...route }) => {
      const { abort } = rule?.fault ?? {};
      return abort === undefined ? [] : [`${ruleName(route)} answers ${abort.percent} % with ${abort.status}`];
    }),
  RL: (way) =>
    endpointsOf(way).flatMap(({ server, pod, address }) =>
      server?.rateLimit === undefined
        ? []
        : [
            `${pod ?? address} takes ${server.rateLimit.requestsPerSecond} requests a second, ${server.rateLimit.burst} at once`,
          ],
    ),
  UAEX: (way) =>
    endpointsOf(way).flatMap(({ policy }) => (policy.isAllowed ? [] : [`403, without a flag: ${policy.why}`])),
  NC: ({ routes }) =>
    routes.flatMap(({ backends, ...route }) =>
      backends.some(({ cluster, failure }) => cluster === undefined && failure?.includes('500') === true)
        ? [`${ruleName(route)} has a backend that names nothing`]
        : [],
    ),
  DPE: protocols,
  UPE: protocols,
};

/** A backend that names nothing is to a TrafficSplit a cluster without endpoints. */
function emptiness({ name, percent, endpoints, leftOut, cluster, failure }: BackendLook): string[] {
  if (endpoints.length > 0 || cluster?.dns !== undefined || failure?.includes('503') !== true) return [];
  const share = `${Math.round(percent)} % of the calls`;
  if (cluster === undefined) return [`a backend that names nothing, ${share}`];
  const why = leftOut.map(({ pod, address, why: because }) => `${pod ?? address}: ${because}`);
  return [`${name}, ${share}, has no endpoint${why.length === 0 ? '' : ` (${why.join('; ')})`}`];
}

function leaving({ name, endpoints, cluster }: BackendLook): string[] {
  if (endpoints.length === 0 || cluster === undefined) return [];
  const { outliers, healthCheck } = cluster;
  return [
    ...(outliers === undefined
      ? []
      : [`${name}: endpoints with ${outliers.consecutiveErrors} errors in a row are left out (outlierDetection)`]),
    ...(healthCheck === undefined
      ? []
      : [`${name}: endpoints that fail ${healthCheck.path ?? 'gRPC health'} are left out`]),
  ];
}

function unreachable({ pod, address, port, refusal, policy }: JudgedEndpoint): string[] {
  const name = `${pod ?? address}, port ${port}`;
  return [
    ...(refusal === undefined ? [] : [`${name}: ${refusal}`]),
    ...(policy.isAllowed ? [] : [`${name}: ${policy.why}`]),
  ];
}

function limits({ name, cluster }: BackendLook): string[] {
  const entries = Object.entries(cluster?.connections ?? {}).filter(([field]) => field.startsWith('max'));
  return entries.map(([field, count]) => `${name}: connections.${field} is ${count}`);
}

function timeouts({ rule, ...route }: RouteLook): string[] {
  const each = rule?.retry?.perTryTimeoutMs;
  return [
    ...(rule?.timeoutMs === undefined ? [] : [`${ruleName(route)}: timeout ${milliseconds(rule.timeoutMs)}`]),
    ...(each === undefined ? [] : [`${ruleName(route)}: each try ${milliseconds(each)}`]),
  ];
}

function protocols(way: CallWay): readonly string[] {
  const { name, port, protocol, protocolSource } = way.service;
  const others = endpointsOf(way).flatMap(({ pod, server }) =>
    server === undefined || server.protocol === protocol ? [] : [`the proxy of ${pod} takes it for ${server.protocol}`],
  );
  return [`port ${port} of ${name} speaks ${protocol}, as is said by ${protocolSource}`, ...others];
}

function backendsOf({ routes }: CallWay): readonly BackendLook[] {
  return routes.flatMap(({ backends }) => backends);
}

function endpointsOf(way: CallWay): readonly JudgedEndpoint[] {
  return backendsOf(way).flatMap(({ endpoints }) => endpoints);
}
