import type { EndpointSlice, Service } from '../../api/kubernetes.ts';
import { type KubeObject, objectKey } from '../../api/meta.ts';
import type { StoreReader } from '../../kube/store.ts';
import type { DesiredTable } from '../../model/node/desired.ts';
import { routedService, routedSlice } from '../../model/service/objects.ts';

export interface RoutedServicesDeps {
  readonly services: StoreReader<Service>;
  readonly endpointSlices: StoreReader<EndpointSlice>;
  readonly table: DesiredTable;
}

/**
 * Tells every node of Services and their endpoints, object by object: what a node's kernel does with them follows from
 * where it is, and each works that out itself, so that a change costs one translation here however many nodes there are.
 */
export class RoutedServices {
  readonly #deps: RoutedServicesDeps;
  readonly #services = new Set<string>();
  readonly #slices = new Set<string>();

  /** @param wake called when there is something to flush. */
  constructor(deps: RoutedServicesDeps, wake: () => void) {
    this.#deps = deps;
    const follow = (store: StoreReader<KubeObject>, changed: Set<string>) => {
      for (const object of store.list()) changed.add(objectKey(object));
      store.onChange((key) => {
        changed.add(key);
        wake();
      });
    };
    follow(deps.services, this.#services);
    follow(deps.endpointSlices, this.#slices);
  }

  flush(): void {
    const { services, endpointSlices, table } = this.#deps;
    for (const key of this.#slices) {
      const slice = endpointSlices.get(key);
      const routed = slice === undefined ? undefined : routedSlice(slice);
      if (routed === undefined) table.removeEverywhere('routedSlice', key);
      else table.setEverywhere('routedSlice', key, routed);
    }
    for (const key of this.#services) {
      const service = services.get(key);
      const routed = service === undefined ? undefined : routedService(service);
      if (routed === undefined) table.removeEverywhere('routedService', key);
      else table.setEverywhere('routedService', key, routed);
    }
    this.#slices.clear();
    this.#services.clear();
  }
}
