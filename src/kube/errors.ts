/**
 * A request that the API server did not grant, or that never reached it. Classify by `status`, never by text.
 * The message says what was tried and on what; it never holds a body or a header that was sent.
 */
export class KubeError extends Error {
  readonly code = 'KUBE_REQUEST';
  /** HTTP status; 0 when no answer came. */
  readonly status: number;
  /** metav1.Status.reason (`NotFound`, `Conflict`, `Expired`), or `Unreachable`, `WatchInactive`, `BadAnswer`. */
  readonly reason: string;
  /** How long the server asks to be left alone; 0 when it does not. */
  readonly retryAfterMs: number;

  constructor(message: string, facts: { status: number; reason: string; retryAfterMs?: number; cause?: unknown }) {
    super(message, facts.cause === undefined ? {} : { cause: facts.cause });
    this.name = 'KubeError';
    this.status = facts.status;
    this.reason = facts.reason;
    this.retryAfterMs = facts.retryAfterMs ?? 0;
  }
}

/** The object, or its whole kind, is not there. */
export function isNotFound(error: unknown): boolean {
  return error instanceof KubeError && error.status === 404;
}

/** Another writer was first (stale resourceVersion, unmet precondition), or the name is taken (`AlreadyExists`). */
export function isConflict(error: unknown): boolean {
  return error instanceof KubeError && error.status === 409;
}

/** The resourceVersion or continue token is older than what the server still knows. */
export function isExpired(error: unknown): boolean {
  return error instanceof KubeError && error.status === 410;
}

/** metav1.Status, the parts read here. */
export interface StatusBody {
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: { readonly retryAfterSeconds?: number };
}

/** `action`: what was tried, such as `GET /api/v1/pods`. `retryAfter`: the header of that name (RFC 9110, 10.2.3). */
export function kubeErrorOf(action: string, status: number, body: StatusBody, retryAfter?: string): KubeError {
  const headerSeconds = Number(retryAfter ?? 0);
  const seconds = body.details?.retryAfterSeconds ?? (Number.isFinite(headerSeconds) ? headerSeconds : 0);
  return new KubeError(`${action}: the API server answered ${status}: ${body.message ?? 'no reason given'}`, {
    status,
    reason: body.reason ?? 'Unknown',
    retryAfterMs: Math.max(0, seconds) * 1000,
  });
}

/** Parses metav1.Status; text that is none (a proxy's HTML page) becomes the message, cut to 200 characters. */
export function parseStatusBody(text: string): StatusBody {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null) return body as StatusBody;
  } catch {
    // No JSON: the text itself is all there is to say.
  }
  return text.length === 0 ? {} : { message: text.slice(0, 200) };
}
