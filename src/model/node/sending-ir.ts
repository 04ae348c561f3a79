/** How calls are sent: the parts of `EndpointsIr`, `RouteRuleIr` and `InboundPortIr` about it. All absent: as Envoy does by itself. */

export type LoadBalancing = 'RoundRobin' | 'LeastRequest' | 'Random' | 'RingHash' | 'Maglev';

/** What decides about the endpoint under RingHash and Maglev; a call that lacks it goes to any. */
export type HashIr =
  | { readonly by: 'Header' | 'Query'; readonly name: string }
  /** With a lifetime the caller's proxy gives a cookie to who has none. */
  | { readonly by: 'Cookie'; readonly name: string; readonly ttlSeconds?: number }
  | { readonly by: 'SourceAddress' };

/** A cookie that the caller's proxy hands out; without lifetime it ends with the session. */
export interface CookieIr {
  readonly name: string;
  readonly ttlSeconds?: number;
}

/** What a caller's proxy does beyond choosing among the endpoints of one cluster. */
export interface SendingIr {
  readonly slowStartMs?: number;
  /** When fewer of the endpoints than this are healthy, all are asked. */
  readonly panicThresholdPercent?: number;
  /** Endpoints of the caller's zone come first. */
  readonly prefersZone?: true;
  readonly connections?: ConnectionsIr;
  /** Retries, as a share of the calls that are open. */
  readonly retryBudgetPercent?: number;
  readonly outliers?: OutliersIr;
  readonly healthCheck?: HealthCheckIr;
}

/** Limits of one calling proxy. */
export interface ConnectionsIr {
  readonly max?: number;
  readonly maxPendingRequests?: number;
  readonly maxRequests?: number;
  readonly maxRequestsPerConnection?: number;
  /** After which a connection without calls is closed. */
  readonly idleMs?: number;
}

export interface OutliersIr {
  readonly consecutiveErrors: number;
  readonly consecutiveGatewayErrors?: number;
  readonly intervalMs: number;
  readonly ejectionMs: number;
  readonly maxEjectedPercent: number;
}

export interface HealthCheckIr {
  /** Absent: the health service of gRPC. */
  readonly path?: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly healthyThreshold: number;
  readonly unhealthyThreshold: number;
}

export interface RateLimitIr {
  readonly requestsPerSecond: number;
  readonly burst: number;
}

/** What happens to a call beside the choice of its backend. */
export interface RouteSendingIr {
  readonly hash?: HashIr;
  /** Keeps a client at its endpoint. */
  readonly sessionCookie?: CookieIr;
  /** Keeps a client at its backend. */
  readonly stickiness?: CookieIr;
  /** Longest silence within a call, or on a connection of TCP. */
  readonly idleTimeoutMs?: number;
  /** The shares of backends without an endpoint go to the others. */
  readonly redistributes?: true;
  readonly mirrors?: readonly MirrorIr[];
  readonly rewrite?: RewriteIr;
  /** In place of backends. */
  readonly redirect?: RedirectIr;
  /** In place of backends. */
  readonly respond?: { readonly status: number; readonly body?: string };
  readonly fault?: FaultIr;
  readonly requestHeaders?: HeaderChangeIr;
  readonly responseHeaders?: HeaderChangeIr;
}

export interface MirrorIr {
  /** Key of an `endpoints` resource. */
  readonly cluster: string;
  readonly percent: number;
}

/** `prefix` takes the place of the prefix that matched, `path` that of the whole path; at most one of them. */
export interface RewriteIr {
  readonly prefix?: string;
  readonly path?: string;
  readonly host?: string;
}

export interface RedirectIr {
  readonly scheme?: 'http' | 'https';
  readonly host?: string;
  readonly port?: number;
  readonly path?: string;
  /** Takes the place of the prefix that matched; not with `path`. */
  readonly prefix?: string;
  readonly status: 301 | 302 | 303 | 307 | 308;
}

export interface FaultIr {
  readonly delay?: { readonly ms: number; readonly percent: number };
  readonly abort?: { readonly status: number; readonly percent: number };
}

export interface HeaderChangeIr {
  readonly set?: readonly HeaderIr[];
  readonly add?: readonly HeaderIr[];
  readonly remove?: readonly string[];
}

export interface HeaderIr {
  readonly name: string;
  readonly value: string;
}

/** Absent type: exactly the value. */
export interface ValueMatchIr {
  readonly name: string;
  readonly type?: 'Prefix' | 'Regex' | 'Present';
  /** Empty for `Present`. */
  readonly value: string;
  /** It holds when this does not. */
  readonly not?: true;
}

/** What a call must be beyond path, method and headers. */
export interface RouteMatchMoreIr {
  readonly cookies?: readonly ValueMatchIr[];
  readonly query?: readonly ValueMatchIr[];
  /** SPIFFE ids of callers begin, or with a service account are, so. */
  readonly source?: { readonly namespace?: string; readonly serviceAccount?: string };
}
