import type { MeshService, MeshServiceHash, MeshServiceRetry } from '../../api/generated/meshservice.ts';
import type { AppProtocol, RetryIr, RouteRuleIr } from '../node/ir.ts';
import type { HashIr } from '../node/sending-ir.ts';
import { isHttp } from './protocol.ts';

/** What callers do when a MeshService says nothing: one more try, and only where nobody can have worked on the first. */
const SAFE_RETRY: RetryIr = { attempts: 1, on: ['ConnectFailure', 'Refused'] };

type CallPolicy = Pick<RouteRuleIr, 'timeoutMs' | 'retry' | 'idleTimeoutMs' | 'hash' | 'sessionCookie'>;

interface OwnPolicy {
  /** 0 is without limit. */
  readonly timeoutMs?: number | undefined;
  /** Of one try; 0 is without limit. */
  readonly perTryTimeoutMs?: number | undefined;
  readonly retry?: MeshServiceRetry | undefined;
  /** Where the MeshService has none. */
  readonly hash?: MeshServiceHash | undefined;
}

/**
 * Timeouts, retry and what keeps callers at endpoints, of a rule for a service's port. TCP has no timeout of a request
 * and no retry: bytes cannot be sent again.
 *
 * @param own of the rule itself; timeout and retry go before the MeshService's.
 */
export function callPolicy(protocol: AppProtocol, mesh: MeshService | undefined, own: OwnPolicy = {}): CallPolicy {
  const idleTimeoutMs = mesh?.spec.timeouts?.idleMilliseconds;
  const hash = translateHash(mesh?.spec.loadBalancing?.hash ?? own.hash);
  const common = idleTimeoutMs === undefined ? {} : { idleTimeoutMs };
  if (!isHttp(protocol)) return { ...common, ...(hash?.by === 'SourceAddress' ? { hash } : {}) };
  const wanted = translateRetry(own.retry ?? mesh?.spec.retry);
  const retry =
    wanted === undefined || own.perTryTimeoutMs === undefined ? wanted : withTryLimit(wanted, own.perTryTimeoutMs);
  const whole = own.timeoutMs ?? mesh?.spec.timeouts?.requestMilliseconds ?? 0;
  // Where nothing is tried again the only try is the whole call.
  const limit = retry === undefined ? shorter(whole, own.perTryTimeoutMs ?? 0) : whole;
  const sessionCookie = mesh?.spec.loadBalancing?.sessionCookie;
  return {
    ...(limit === 0 ? {} : { timeoutMs: limit }),
    ...(retry === undefined ? {} : { retry }),
    ...common,
    ...(hash === undefined ? {} : { hash }),
    ...(sessionCookie === undefined ? {} : { sessionCookie }),
  };
}

function withTryLimit({ perTryTimeoutMs: _, ...retry }: RetryIr, limitMs: number): RetryIr {
  return limitMs === 0 ? retry : { ...retry, perTryTimeoutMs: limitMs };
}

/** Of two limits; 0 is none. */
function shorter(a: number, b: number): number {
  return a === 0 || b === 0 ? a + b : Math.min(a, b);
}

function translateRetry({
  attempts = SAFE_RETRY.attempts,
  when = SAFE_RETRY.on,
  perTryTimeoutMilliseconds,
}: MeshServiceRetry = {}): RetryIr | undefined {
  if (attempts === 0 || when.length === 0) return undefined;
  return {
    attempts,
    ...(perTryTimeoutMilliseconds === undefined ? {} : { perTryTimeoutMs: perTryTimeoutMilliseconds }),
    on: [...when].sort(),
  };
}

/** Header names in lower case, as HTTP/2 has them. */
function translateHash(hash: MeshServiceHash | undefined): HashIr | undefined {
  if (hash === undefined) return undefined;
  const { by, name = '', cookieTtlSeconds } = hash;
  if (by === 'SourceAddress') return { by };
  if (by === 'Cookie') return { by, name, ...(cookieTtlSeconds === undefined ? {} : { ttlSeconds: cookieTtlSeconds }) };
  return { by, name: by === 'Header' ? name.toLowerCase() : name };
}
