import { canonicalIp, isOfMachine } from '../../lib/ip.ts';
import type { FoundInstance, FoundInstances } from '../../model/mesh/found-instance.ts';
import { sortInstances } from '../sort-instances.ts';

/** An entry of `/v1/health/service/NAME`, as far as it is read here. */
interface HealthEntry {
  readonly Node?: { readonly Address?: string; readonly Locality?: Locality | null };
  readonly Service?: {
    readonly Address?: string;
    readonly Port?: number;
    readonly Meta?: Readonly<Record<string, string>> | null;
    readonly Weights?: { readonly Passing?: number };
    readonly Locality?: Locality | null;
  };
  readonly Checks?: readonly { readonly Status?: string }[] | null;
}

interface Locality {
  readonly Zone?: string;
}

const MAX_WEIGHT = 1000;
const MAX_ZONE = 63;

/** @throws Error when it is no answer of Consul. */
export function readHealth(body: unknown): FoundInstances {
  if (!Array.isArray(body)) throw new Error('the answer is not that of a Consul agent');
  const entries = body as readonly HealthEntry[];
  return {
    instances: sortInstances(entries.filter(isPassing).flatMap((entry) => foundInstance(entry) ?? [])),
    known: entries.length,
  };
}

/** Warning is not: whoever sets that up wants nothing more sent there. Maintenance is a check that is critical. */
function isPassing({ Checks }: HealthEntry): boolean {
  return (Checks ?? []).every(({ Status }) => Status === 'passing');
}

/** Undefined for one whose address is that of no machine, a name for example. */
function foundInstance({ Node, Service = {} }: HealthEntry): FoundInstance | undefined {
  const said = Service.Address === undefined || Service.Address === '' ? Node?.Address : Service.Address;
  const address = canonicalIp(said ?? '');
  if (address === undefined || !isOfMachine(address)) return undefined;
  const { Port: port = 0, Weights, Meta } = Service;
  const labels = Meta ?? {};
  const zone = Service.Locality?.Zone ?? Node?.Locality?.Zone ?? labels['zone'] ?? '';
  const weight = Math.min(Weights?.Passing ?? 1, MAX_WEIGHT);
  return {
    address,
    ...(port > 0 ? { port } : {}),
    ...(weight > 1 ? { weight } : {}),
    ...(zone === '' || zone.length > MAX_ZONE ? {} : { zone }),
    labels,
  };
}
