/** Made from crds/ by `npm run generate`; do not edit. */
import type { Condition, ObjectMeta } from '../meta.ts';

/**
 * Which share of the calls to a port of a service goes where. Of two TrafficSplits (or HTTPRoutes) for the same port the older counts; the other says so in its conditions.
 */
export interface TrafficSplit {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
  readonly spec: TrafficSplitSpec;
  readonly status?: TrafficSplitStatus;
}
/**
 * The port and the rules for calls to it.
 */
export interface TrafficSplitSpec {
  /**
   * The Kubernetes Service, or the MeshService, of the same namespace that is called, for example web.
   */
  readonly service: string;
  /**
   * The port that is called, for example 80.
   */
  readonly port: number;
  /**
   * What happens to calls; the first rule that matches decides. Calls that none matches go to the service as if there were no TrafficSplit.
   */
  readonly rules: readonly TrafficSplitRule[];
  /**
   * What happens to the share of a backend that has no ready endpoint. Fail answers it with 503; Redistribute gives it to the other backends of the rule. Absent is Fail. HTTP protocols only.
   */
  readonly onNoEndpoints?: 'Fail' | 'Redistribute';
}
export interface TrafficSplitRule {
  /**
   * Calls that the rule is for, any of which matches; empty or absent is every call. HTTP protocols only.
   */
  readonly matches?: readonly TrafficSplitMatch[];
  /**
   * Where the calls go, each its share. Of a TCP port the rule has nothing beside them.
   */
  readonly backends?: readonly TrafficSplitBackend[];
  /**
   * For the whole answer, retries included, in milliseconds; absent is what the MeshService says.
   */
  readonly timeoutMilliseconds?: number;
  readonly retry?: TrafficSplitRetry;
  readonly stickiness?: TrafficSplitStickiness;
  /**
   * Who gets a copy of the calls as well; its answers are thrown away.
   */
  readonly mirrors?: readonly TrafficSplitMirror[];
  readonly rewrite?: TrafficSplitRewrite;
  readonly redirect?: TrafficSplitRedirect;
  readonly respond?: TrafficSplitRespond;
  readonly fault?: TrafficSplitFault;
  readonly requestHeaders?: TrafficSplitHeaderChanges;
  readonly responseHeaders?: TrafficSplitHeaderChanges1;
}
/**
 * Conditions that hold together.
 */
export interface TrafficSplitMatch {
  readonly path?: TrafficSplitPathMatch;
  /**
   * The method of the call.
   */
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE' | 'CONNECT' | 'OPTIONS' | 'TRACE' | 'PATCH';
  /**
   * Headers of the call, all of which must match.
   */
  readonly headers?: readonly TrafficSplitHeaderMatch[];
  /**
   * Cookies of the call, all of which must match.
   */
  readonly cookies?: readonly TrafficSplitCookieMatch[];
  /**
   * Parameters of the query, as they are written there, all of which must match; of one that comes twice the first counts.
   */
  readonly query?: readonly TrafficSplitQueryMatch[];
  readonly source?: TrafficSplitSource;
}
/**
 * The path of the call.
 */
export interface TrafficSplitPathMatch {
  /**
   * Exact is the whole path; Prefix goes by whole elements: /api is /api and /api/v1, not /apis. Regex is an expression of RE2 that the whole path is.
   */
  readonly type: 'Exact' | 'Prefix' | 'Regex';
  /**
   * Starts with /, for example /api; an expression too, for example /v[0-9]+/.*
   */
  readonly value: string;
}
export interface TrafficSplitHeaderMatch {
  /**
   * The header's name, in any case, for example x-canary.
   */
  readonly name: string;
  /**
   * Absent is Exact. Prefix is how it begins, Regex an expression of RE2 that the whole of it is, Present any value.
   */
  readonly type?: 'Exact' | 'Prefix' | 'Regex' | 'Present';
  /**
   * The value, its beginning, or the expression.
   */
  readonly value?: string;
  /**
   * The match holds where this does not.
   */
  readonly not?: boolean;
}
export interface TrafficSplitCookieMatch {
  /**
   * The cookie's name, for example beta.
   */
  readonly name: string;
  /**
   * Absent is Exact. Prefix is how it begins, Regex an expression of RE2 that the whole of it is, Present any value.
   */
  readonly type?: 'Exact' | 'Prefix' | 'Regex' | 'Present';
  /**
   * The value, its beginning, or the expression.
   */
  readonly value?: string;
  /**
   * The match holds where this does not.
   */
  readonly not?: boolean;
}
export interface TrafficSplitQueryMatch {
  /**
   * The parameter's name, for example preview.
   */
  readonly name: string;
  /**
   * Absent is Exact. Prefix is how it begins, Regex an expression of RE2 that the whole of it is, Present any value.
   */
  readonly type?: 'Exact' | 'Prefix' | 'Regex' | 'Present';
  /**
   * The value, its beginning, or the expression.
   */
  readonly value?: string;
}
/**
 * Who calls, by the identity of the calling pod.
 */
export interface TrafficSplitSource {
  /**
   * The caller's namespace; absent is every one.
   */
  readonly namespace?: string;
  /**
   * The caller's service account; absent is every one.
   */
  readonly serviceAccount?: string;
}
export interface TrafficSplitBackend {
  /**
   * A Kubernetes Service, or a MeshService, of the same namespace; default is spec.service. One that does not exist keeps its share and answers 503.
   */
  readonly service?: string;
  /**
   * A subset of its MeshService, for example v2; absent is the whole service.
   */
  readonly subset?: string;
  /**
   * Its port; default is spec.port.
   */
  readonly port?: number;
  /**
   * The share relative to the other weights, which need not add up to 100.
   */
  readonly weight?: number;
}
/**
 * When a call is tried again; absent is what the MeshService says.
 */
export interface TrafficSplitRetry {
  /**
   * Tries after the first, 0 to 10; 0 is none.
   */
  readonly attempts?: number;
  /**
   * How long one try may take, in milliseconds; absent is as long as the request.
   */
  readonly perTryTimeoutMilliseconds?: number;
  /**
   * As of the MeshService.
   */
  readonly when?: readonly ('ConnectFailure' | 'Refused' | 'GatewayError')[];
}
/**
 * Keeps each client at the backend that it was given first, by a cookie. It is given another when that backend is gone from the rule, or has weight 0; other weights are for new clients.
 */
export interface TrafficSplitStickiness {
  /**
   * The cookie's name, for example web-version.
   */
  readonly cookie: string;
  /**
   * How long, in seconds; absent is until the client's session ends.
   */
  readonly ttlSeconds?: number;
}
export interface TrafficSplitMirror {
  /**
   * As of backends; one that does not exist gets nothing.
   */
  readonly service?: string;
  /**
   * As of backends.
   */
  readonly subset?: string;
  /**
   * As of backends.
   */
  readonly port?: number;
  /**
   * The share of the calls that is copied.
   */
  readonly percent?: number;
}
/**
 * What the backend is asked instead. The query stays.
 */
export interface TrafficSplitRewrite {
  /**
   * Takes the place of the prefix that matched, for example /v2 or /.
   */
  readonly prefix?: string;
  /**
   * Takes the place of the whole path.
   */
  readonly path?: string;
  /**
   * Takes the place of the host that was called, for example web.internal.
   */
  readonly host?: string;
}
/**
 * Tells the caller to ask elsewhere, in place of backends. What is absent stays as it was called.
 */
export interface TrafficSplitRedirect {
  /**
   * Of the new address.
   */
  readonly scheme?: 'http' | 'https';
  /**
   * Of the new address.
   */
  readonly host?: string;
  /**
   * Of the new address.
   */
  readonly port?: number;
  /**
   * Of the new address.
   */
  readonly path?: string;
  /**
   * Of the answer: 301, 302, 303, 307 or 308.
   */
  readonly status?: 301 | 302 | 303 | 307 | 308;
}
/**
 * The answer, in place of backends.
 */
export interface TrafficSplitRespond {
  /**
   * Of the answer.
   */
  readonly status: number;
  /**
   * Of the answer; absent is none.
   */
  readonly body?: string;
}
/**
 * Harm that is done on purpose, to see how callers bear it.
 */
export interface TrafficSplitFault {
  readonly delay?: TrafficSplitDelay;
  readonly abort?: TrafficSplitAbort;
}
/**
 * Calls that wait before they are sent.
 */
export interface TrafficSplitDelay {
  /**
   * How long, in milliseconds.
   */
  readonly milliseconds: number;
  /**
   * The share of the calls.
   */
  readonly percent?: number;
}
/**
 * Calls that are answered so, and not sent.
 */
export interface TrafficSplitAbort {
  /**
   * Of the answer.
   */
  readonly status: number;
  /**
   * The share of the calls.
   */
  readonly percent?: number;
}
/**
 * What changes in the headers of the call.
 */
export interface TrafficSplitHeaderChanges {
  /**
   * Headers that take the place of those of their names.
   */
  readonly set?: readonly TrafficSplitHeader[];
  /**
   * Headers that come beside those of their names.
   */
  readonly add?: readonly TrafficSplitHeader[];
  /**
   * Names of headers that are taken away.
   */
  readonly remove?: readonly string[];
}
export interface TrafficSplitHeader {
  /**
   * The header's name, for example x-version.
   */
  readonly name: string;
  /**
   * Its value.
   */
  readonly value: string;
}
/**
 * What changes in the headers of the answer.
 */
export interface TrafficSplitHeaderChanges1 {
  /**
   * Headers that take the place of those of their names.
   */
  readonly set?: readonly TrafficSplitHeader[];
  /**
   * Headers that come beside those of their names.
   */
  readonly add?: readonly TrafficSplitHeader[];
  /**
   * Names of headers that are taken away.
   */
  readonly remove?: readonly string[];
}
/**
 * What has taken effect. Written by the operator.
 */
export interface TrafficSplitStatus {
  readonly proxies?: ProxyCounts;
  /**
   * How the calls of the last two minutes to the backends were divided, as callers' proxies have counted them; calls of them by other ways than this split count too. While there are none, what was last.
   */
  readonly backends?: readonly TrafficSplitMeasuredBackend[];
  /**
   * Accepted: the spec can be followed. ResolvedRefs: everything it names exists. Programmed: every proxy that can be reached has accepted it in this form.
   */
  readonly conditions?: readonly Condition[];
}
/**
 * Proxies that must know this.
 */
export interface ProxyCounts {
  /**
   * Those of Running pods on Ready nodes.
   */
  readonly targeted?: number;
  /**
   * Those that have accepted the newest form.
   */
  readonly acknowledged?: number;
  /**
   * Those that have refused it and keep what they had.
   */
  readonly rejected?: number;
  /**
   * Others; they get the newest form before they serve new pods.
   */
  readonly unreachable?: number;
}
export interface TrafficSplitMeasuredBackend {
  /**
   * The backend's service.
   */
  readonly service: string;
  /**
   * Its subset.
   */
  readonly subset?: string;
  /**
   * Its port.
   */
  readonly port: number;
  /**
   * Of these calls, those that it got.
   */
  readonly percent: number;
}
