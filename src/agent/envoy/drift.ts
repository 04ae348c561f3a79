import { type Clock, sleep } from '../../lib/clock.ts';
import type { ProxyAdmin } from './admin.ts';
import { heldBy } from './held-resources.ts';
import type { ProxyServer, ResourceDifference } from './proxies-ports.ts';

export interface Compared {
  readonly key: string;
  readonly admin: Pick<ProxyAdmin, 'get'>;
}

/** What was on its way at the first look has arrived by the second. */
const AGAIN_MS = 1_000;

/**
 * Compares what a proxy holds with what it has said that it holds. What differs at two looks in the same way is told to
 * it anew; returned is what that was. Rejects when the proxy does not answer.
 */
export async function healDrift(
  { key, admin }: Compared,
  server: Pick<ProxyServer, 'differences' | 'correct'>,
  clock: Clock,
): Promise<readonly ResourceDifference[]> {
  const look = async () => server.differences(key, await heldBy(admin));
  const first = new Set((await look()).map(idOf));
  if (first.size === 0) return [];
  await sleep(clock, AGAIN_MS);
  const both = (await look()).filter((difference) => first.has(idOf(difference)));
  server.correct(key, both);
  return both;
}

function idOf({ typeUrl, name, said, held }: ResourceDifference): string {
  return [typeUrl, name, said, held].join(' ');
}
