import { promises as dns } from 'node:dns';
import { canonicalIp, type Family } from '../../lib/ip.ts';

/** What a name leads to, and how long that holds. */
export interface Resolved {
  /** In their one text form, sorted, each once. */
  readonly addresses: readonly string[];
  /** The shortest of the records'. */
  readonly ttlSeconds: number;
}

/** The code of the error that says: there is such a name, and it has no address of the family. */
export const NO_SUCH_RECORDS = dns.NODATA;

/** Rejects when nobody answers, or the answer has no address of the family (`NO_SUCH_RECORDS`). */
export type Resolve = (name: string, family: Family) => Promise<Resolved>;

const TRY_MS = 2_000;
const TRIES = 2;
/** More would only make clusters large: callers spread over these. */
const MOST_ADDRESSES = 256;

/**
 * Asks the name servers of /etc/resolv.conf, read anew each time, or these (`address` or `address:port`). Search domains
 * and /etc/hosts do not count: names are whole.
 */
export function resolveBy(servers?: readonly string[]): Resolve {
  return async (name, family) => {
    const resolver = new dns.Resolver({ timeout: TRY_MS, tries: TRIES });
    if (servers !== undefined) resolver.setServers(servers);
    const records = await resolver[family === 4 ? 'resolve4' : 'resolve6'](name, { ttl: true });
    const addresses = new Set(records.flatMap(({ address }) => canonicalIp(address) ?? []));
    return {
      addresses: [...addresses].sort().slice(0, MOST_ADDRESSES),
      ttlSeconds: Math.min(...records.map(({ ttl }) => ttl)),
    };
  };
}
