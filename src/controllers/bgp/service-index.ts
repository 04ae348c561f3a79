import type { EndpointSlice, Service } from '../../api/kubernetes.ts';
import { objectKey } from '../../api/meta.ts';
import type { StoreReader } from '../../kube/store.ts';
import { type Advertise, type ServiceRoute, serviceRoutes } from '../../model/bgp/service-routes.ts';
import { SERVICE_NAME_LABEL } from '../../model/mesh/mesh-index.ts';

/** Which addresses of Services nodes announce; work in proportion to the Services that changed. */
export class BgpServiceIndex {
  readonly #services: StoreReader<Service>;
  readonly #slices: StoreReader<EndpointSlice>;
  readonly #changed = new Set<string>();
  readonly #routes = new Map<string, readonly ServiceRoute[]>();
  #advertise = '';
  #everywhere: readonly string[] = [];
  #byNode: ReadonlyMap<string, readonly string[]> = new Map();

  /** @param wake called when there may be something to `update`. */
  constructor(services: StoreReader<Service>, slices: StoreReader<EndpointSlice>, wake: () => void) {
    this.#services = services;
    this.#slices = slices;
    services.onChange((key) => {
      this.#changed.add(key);
      wake();
    });
    slices.onChange((_key, before, after) => {
      for (const slice of [before, after]) if (slice !== undefined) this.#changed.add(serviceKeyOf(slice));
      wake();
    });
  }

  /** Whether anything is announced differently now. */
  update(advertise: Advertise): boolean {
    const { clusterIPs, externalIPs, loadBalancerIPs } = advertise;
    const text = JSON.stringify([clusterIPs, externalIPs, loadBalancerIPs]);
    const isAnew = this.#advertise !== text;
    this.#advertise = text;
    const keys = isAnew ? new Set([...this.#routes.keys(), ...this.#services.list().map(objectKey)]) : this.#changed;
    let isChanged = false;
    for (const key of keys) isChanged = this.#put(key, advertise) || isChanged;
    this.#changed.clear();
    if (isChanged) this.#gather();
    return isChanged;
  }

  /** While nothing is announced, nothing is kept. */
  clear(): void {
    this.#changed.clear();
    this.#routes.clear();
    this.#advertise = '';
    this.#gather();
  }

  /** /32 and /128 that every node announces. */
  get everywhere(): readonly string[] {
    return this.#everywhere;
  }

  /** Those that this node announces beside them. */
  of(node: string): readonly string[] {
    return this.#byNode.get(node) ?? [];
  }

  #put(key: string, advertise: Advertise): boolean {
    const service = this.#services.get(key);
    const before = this.#routes.get(key) ?? [];
    const after = service === undefined ? [] : serviceRoutes(service, this.#slicesOf(key), advertise);
    if (after.length === 0) this.#routes.delete(key);
    else this.#routes.set(key, after);
    return JSON.stringify(before) !== JSON.stringify(after);
  }

  #slicesOf(key: string): readonly EndpointSlice[] {
    const [namespace = ''] = key.split('/');
    return this.#slices.inNamespace(namespace).filter((slice) => serviceKeyOf(slice) === key);
  }

  #gather(): void {
    const all = [...this.#routes.values()].flat();
    const byNode = new Map<string, string[]>();
    for (const { cidr, nodes = [] } of all) {
      for (const node of nodes) byNode.set(node, [...(byNode.get(node) ?? []), cidr]);
    }
    this.#everywhere = all.flatMap(({ cidr, nodes }) => (nodes === undefined ? cidr : []));
    this.#byNode = byNode;
  }
}

function serviceKeyOf({ metadata }: EndpointSlice): string {
  return `${metadata.namespace ?? 'default'}/${metadata.labels?.[SERVICE_NAME_LABEL] ?? ''}`;
}
