import type { KubeApi } from '../kube/client.ts';
import { parseSigningKeys, type SigningKeys } from '../kube/service-account-token.ts';
import type { Clock } from '../lib/clock.ts';

const REREAD_AFTER_MS = 60_000;
const PATIENCE_MS = 2_000;

/** The cluster's token signing keys, read anew at most once a minute, and kept while the API server is away. */
export async function signingKeys(api: KubeApi, clock: Clock): Promise<() => Promise<SigningKeys>> {
  let keys = parseSigningKeys(await api.request('GET', '/openid/v1/jwks'));
  let readMs = clock.monotonic();
  return async () => {
    if (clock.monotonic() - readMs < REREAD_AFTER_MS) return keys;
    readMs = clock.monotonic();
    try {
      keys = parseSigningKeys(
        await api.request('GET', '/openid/v1/jwks', { signal: AbortSignal.timeout(PATIENCE_MS) }),
      );
    } catch {
      // Those from before are still good.
    }
    return keys;
  };
}
