import type { MeshService } from '../../api/generated/meshservice.ts';
import type { AppProtocol, RetryIr, RouteRuleIr } from '../node/ir.ts';
import { isHttp } from './protocol.ts';

/** What callers do when a MeshService says nothing: one more try, and only where nobody can have worked on the first. */
const SAFE_RETRY: RetryIr = { attempts: 1, on: ['ConnectFailure', 'Refused'] };

/**
 * Timeout and retry of a rule for a service's port. TCP has neither: bytes cannot be sent again.
 *
 * @param timeoutMs of the rule itself; goes before the MeshService's. 0 is without limit.
 */
export function callPolicy(
  protocol: AppProtocol,
  mesh: MeshService | undefined,
  timeoutMs?: number,
): Pick<RouteRuleIr, 'timeoutMs' | 'retry'> {
  if (!isHttp(protocol)) return {};
  const limit = timeoutMs ?? mesh?.spec.timeouts?.requestMilliseconds ?? 0;
  const retry = translateRetry(mesh);
  return { ...(limit === 0 ? {} : { timeoutMs: limit }), ...(retry === undefined ? {} : { retry }) };
}

function translateRetry(mesh: MeshService | undefined): RetryIr | undefined {
  const { attempts = SAFE_RETRY.attempts, when = SAFE_RETRY.on, perTryTimeoutMilliseconds } = mesh?.spec.retry ?? {};
  if (attempts === 0 || when.length === 0) return undefined;
  return {
    attempts,
    ...(perTryTimeoutMilliseconds === undefined ? {} : { perTryTimeoutMs: perTryTimeoutMilliseconds }),
    on: [...when].sort(),
  };
}
