import type { RetryIr, RouteMatchIr, RouteRuleIr } from '../../node/ir.ts';
import type { HashIr, HeaderChangeIr, RedirectIr, RouteSendingIr } from '../../node/sending-ir.ts';
import { rewrittenPath } from '../path-rewrite.ts';
import { type CallRequest, IDEMPOTENT } from '../request-match.ts';

/** The call that a rule is asked about: of the request what is known, and the match that it has. */
export interface RuledCall {
  readonly request?: CallRequest;
  readonly match?: RouteMatchIr;
}

/** What is answered in place of a backend; undefined: backends are asked. */
export function describeAnswer(rule: RouteRuleIr, { request, match }: RuledCall): string | undefined {
  const { redirect, respond } = rule;
  if (redirect !== undefined)
    return `redirected with ${redirect.status} to ${describeTarget(redirect, request, match)}`;
  if (respond === undefined) return undefined;
  return `answered with ${respond.status} by the caller's proxy${respond.body === undefined ? '' : `: ${respond.body}`}`;
}

/** What a rule does with a call beside choosing a backend, as short sentences. */
export function describeEffects(rule: RouteRuleIr, isHttp: boolean, call: RuledCall): readonly string[] {
  const { fault, timeoutMs, idleTimeoutMs, hash, sessionCookie, stickiness, requestHeaders, responseHeaders } = rule;
  const isAsking = rule.redirect === undefined && rule.respond === undefined;
  const limits = [
    ...(timeoutMs === undefined ? ['no timeout'] : [`timeout ${milliseconds(timeoutMs)}`]),
    describeRetry(rule.retry, call.request),
  ];
  const { delay, abort } = fault ?? {};
  return [
    ...(delay === undefined ? [] : [`${delay.percent} % of the calls are delayed by ${milliseconds(delay.ms)}`]),
    ...(abort === undefined
      ? []
      : [`${abort.percent} % of the calls are answered with ${abort.status} instead (fault)`]),
    ...(isAsking ? describeRewrite(rule, call) : []),
    ...(requestHeaders === undefined ? [] : [`request headers: ${describeHeaders(requestHeaders)}`]),
    ...(responseHeaders === undefined ? [] : [`response headers: ${describeHeaders(responseHeaders)}`]),
    ...(rule.mirrors ?? []).map(({ cluster, percent }) => `${percent} % of the calls are copied to ${cluster}`),
    ...(isHttp && isAsking ? limits : []),
    ...(idleTimeoutMs === undefined ? [] : [`ended after ${milliseconds(idleTimeoutMs)} of silence`]),
    ...(hash === undefined ? [] : [`endpoint by ${describeHash(hash)}, with RingHash or Maglev`]),
    ...(sessionCookie === undefined ? [] : [`cookie ${sessionCookie.name} keeps a client at its endpoint`]),
    ...(stickiness === undefined
      ? []
      : [`cookie ${stickiness.name} keeps a client at its backend, whatever the weights`]),
    ...(rule.redistributes === true ? ['shares of backends without endpoints go to the others'] : []),
  ];
}

export function milliseconds(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000} s` : `${ms} ms`;
}

function describeRetry(retry: RetryIr | undefined, request: CallRequest | undefined): string {
  if (retry === undefined) return 'no retry';
  const isUnsafe = request !== undefined && !IDEMPOTENT.includes(request.method);
  const conditions = retry.on.filter((of) => of !== 'GatewayError' || !isUnsafe);
  const untried = conditions.length < retry.on.length ? `, GatewayError not for ${request?.method}` : '';
  const careful = retry.on.includes('GatewayError') && request === undefined ? ' of methods that may be repeated' : '';
  if (conditions.length === 0) return `no retry${untried}`;
  const each = retry.perTryTimeoutMs === undefined ? '' : `, each try ${milliseconds(retry.perTryTimeoutMs)}`;
  const times = retry.attempts === 1 ? '1 retry' : `${retry.attempts} retries`;
  return `${times} on ${conditions.join(', ')}${careful}${each}${untried}`;
}

function describeRewrite({ rewrite }: RouteSendingIr, { request, match }: RuledCall): string[] {
  if (rewrite === undefined) return [];
  const { prefix, path, host } = rewrite;
  const changes = prefix !== undefined || path !== undefined;
  const to =
    request === undefined ? (path ?? `${prefix} in place of the prefix`) : rewrittenPath(rewrite, match, request.path);
  return [...(changes ? [`path becomes ${to}`] : []), ...(host === undefined ? [] : [`host becomes ${host}`])];
}

/** What stays as the client asked for it is left out. */
function describeTarget(
  redirect: RedirectIr,
  request: CallRequest | undefined,
  match: RouteMatchIr | undefined,
): string {
  const { scheme, host = request?.headers['host'], port, path, prefix } = redirect;
  const place = [
    ...(scheme === undefined ? [] : [`${scheme}:`]),
    ...(host === undefined ? [] : [`//${host}`]),
    ...(port === undefined ? [] : [`port ${port}`]),
  ];
  const kept = prefix === undefined ? 'the same path' : `${prefix} in place of the prefix`;
  return [...place, request === undefined ? (path ?? kept) : rewrittenPath(redirect, match, request.path)].join(' ');
}

export function describeHeaders({ set = [], add = [], remove = [] }: HeaderChangeIr): string {
  return [
    ...set.map(({ name, value }) => `set ${name}: ${value}`),
    ...add.map(({ name, value }) => `add ${name}: ${value}`),
    ...remove.map((name) => `remove ${name}`),
  ].join(', ');
}

function describeHash(hash: HashIr): string {
  return hash.by === 'SourceAddress' ? "the caller's address" : `${hash.by.toLowerCase()} ${hash.name}`;
}
