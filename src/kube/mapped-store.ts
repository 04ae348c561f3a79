import type { KubeObject } from '../api/meta.ts';
import type { StoreReader } from './store.ts';

/** The store's objects, each as another kind sees it; `map` is asked each time. */
export function mapStore<T extends KubeObject, U extends KubeObject>(
  store: StoreReader<T>,
  map: (object: T) => U,
): StoreReader<U> {
  const mapped = (object: T | undefined) => (object === undefined ? undefined : map(object));
  return {
    get: (key) => mapped(store.get(key)),
    list: () => store.list().map(map),
    inNamespace: (namespace) => store.inNamespace(namespace).map(map),
    get resourceVersion() {
      return store.resourceVersion;
    },
    synced: store.synced,
    get isSynced() {
      return store.isSynced;
    },
    onChange: (handler) => store.onChange((key, before, after) => handler(key, mapped(before), mapped(after))),
  };
}
