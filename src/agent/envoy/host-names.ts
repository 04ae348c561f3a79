import { SocketAddress_Protocol } from '../../xds/generated/wire/envoy/config/core/v3/address_pb.js';
import { ListenerSchema } from '../../xds/generated/wire/envoy/config/listener/v3/listener_pb.js';
import { DnsFilterConfigSchema } from '../../xds/generated/wire/envoy/extensions/filters/udp/dns_filter/v3/dns_filter_pb.js';
import type { ServiceIr } from '../../model/node/ir.ts';
import { durationOf, type EncodedResource, encodeResource, packAny } from './encoded.ts';
import { PROXY_PORT } from './names.ts';
import type { Versioned } from './snapshot.ts';

/** The least that Envoy takes. */
const ANSWER_TTL_MS = 30_000;

type Services = ReadonlyMap<string, Versioned<ServiceIr>>;

/** Whether pods of the namespace know the service by names of its own. */
export function isNamedIn({ hosts, namespace: own }: ServiceIr, namespace: string): boolean {
  return hosts !== undefined && own === namespace;
}

/** The names that pods of the namespace know services by, sorted. */
export function hostNamesIn(services: Services, namespace: string): readonly string[] {
  const named = [...services.values()].filter(({ body }) => isNamedIn(body, namespace));
  return named.flatMap(({ body: { hosts = [] } }) => hosts).sort();
}

/** The listeners of all namespaces; each is encoded again only when one of its services is another. */
export class HostNames {
  readonly #cache = new Map<string, { readonly version: string; readonly encoded: EncodedResource }>();

  /** Undefined where there is no name. */
  listener(services: Services, namespace: string, hasIpv6: boolean): EncodedResource | undefined {
    const named = [...services.values()].filter(({ body }) => isNamedIn(body, namespace));
    const key = `${namespace} ${hasIpv6}`;
    if (named.length === 0) {
      this.#cache.delete(key);
      return undefined;
    }
    const version = named.map((service) => `${service.body.name}@${service.version}`).join();
    const cached = this.#cache.get(key);
    if (cached?.version === version) return cached.encoded;
    const bodies = named.map(({ body }) => body);
    const encoded = encodeHostNames(bodies, hasIpv6);
    this.#cache.set(key, { version, encoded });
    return encoded;
  }
}

/**
 * The listener that answers for the names of `hosts`. Only questions about these are redirected to it, see
 * `renderNames`; it asks nobody else.
 *
 * @param services those with hosts, no name twice.
 */
export function encodeHostNames(services: readonly ServiceIr[], hasIpv6: boolean): EncodedResource {
  const domains = services.flatMap(({ hosts = [], clusterIPs }) =>
    hosts.map((name) => ({
      name,
      answerTtl: durationOf(ANSWER_TTL_MS),
      endpoint: { endpointConfig: { case: 'addressList' as const, value: { address: [...clusterIPs] } } },
    })),
  );
  const virtualDomains = domains.sort((a, b) => (a.name < b.name ? -1 : 1));
  const filter = packAny(DnsFilterConfigSchema, {
    statPrefix: 'hosts',
    serverConfig: { configSource: { case: 'inlineDnsTable', value: { virtualDomains } } },
  });
  return encodeResource(ListenerSchema, 'hosts', {
    name: 'hosts',
    address: udpAddress('127.0.0.1'),
    ...(hasIpv6 && { additionalAddresses: [{ address: udpAddress('::1') }] }),
    listenerFilters: [{ name: 'envoy.filters.udp.dns_filter', configType: { case: 'typedConfig', value: filter } }],
  });
}

function udpAddress(address: string) {
  const portSpecifier = { case: 'portValue' as const, value: PROXY_PORT.names };
  const value = { protocol: SocketAddress_Protocol.UDP, address, portSpecifier };
  return { address: { case: 'socketAddress' as const, value } };
}
