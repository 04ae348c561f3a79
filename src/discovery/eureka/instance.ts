import { canonicalIp, isOfMachine } from '../../lib/ip.ts';
import type { FoundInstance } from '../../model/mesh/found-instance.ts';

/** An instance as Eureka's JSON has it, as far as it is read here. Numbers and booleans may come as text. */
export interface EurekaInstance {
  readonly instanceId?: string;
  readonly hostName?: string;
  readonly ipAddr?: string;
  readonly status?: string;
  readonly port?: EurekaPort;
  readonly securePort?: EurekaPort;
  readonly dataCenterInfo?: { readonly metadata?: Readonly<Record<string, unknown>> };
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** In deltas: ADDED, MODIFIED, DELETED. */
  readonly actionType?: string;
}

interface EurekaPort {
  readonly $?: number | string;
  readonly '@enabled'?: boolean | string;
}

const MAX_WEIGHT = 1000;
const MAX_ZONE = 63;

/**
 * How an instance is called; undefined for one whose address is that of no machine. The zone is where Spring Cloud has
 * it (`zone` of the metadata), or else Amazon; the weight where Spring Cloud LoadBalancer has it.
 */
export function foundInstance(instance: EurekaInstance): FoundInstance | undefined {
  const address = canonicalIp(instance.ipAddr ?? '');
  if (address === undefined || !isOfMachine(address)) return undefined;
  const labels = textsOf(instance.metadata);
  const port = enabledPort(instance.port) ?? enabledPort(instance.securePort);
  const zone = labels['zone'] ?? textsOf(instance.dataCenterInfo?.metadata)['availability-zone'] ?? '';
  const weight = Number(labels['weight']);
  return {
    address,
    ...(port === undefined ? {} : { port }),
    ...(zone === '' || zone.length > MAX_ZONE ? {} : { zone }),
    ...(Number.isInteger(weight) && weight >= 1 && weight <= MAX_WEIGHT ? { weight } : {}),
    labels,
  };
}

function enabledPort(port: EurekaPort | undefined): number | undefined {
  const number = Number(port?.$);
  const isEnabled = String(port?.['@enabled']) === 'true';
  return isEnabled && Number.isInteger(number) && number >= 1 && number <= 65_535 ? number : undefined;
}

function textsOf(map: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(map).flatMap(([key, value]) => (typeof value === 'string' ? [[key, value]] : [])),
  );
}
