import type { KubeObject } from '../../api/meta.ts';
import type { StoreReader } from '../../kube/store.ts';
import type { Watermark } from '../../model/node/desired-update.ts';

/** How far stores are, by their names. Comparable as integers since Kubernetes 1.35 (KEP-5504). */
export interface StoreProgress {
  /** Everything up to here is known: of a list, an event or a bookmark, whichever is newest. */
  readonly watermark: Watermark;
  /** The newest object, or deletion, that was told of. */
  readonly contents: Watermark;
}

/** Follows the stores; the returned function says how far they are now. */
export function followProgress(stores: Readonly<Record<string, StoreReader<KubeObject>>>): () => StoreProgress {
  const newest = new Map<string, bigint>();
  const seen = (name: string, resourceVersion = '') => {
    const version = parseVersion(resourceVersion);
    if (version > (newest.get(name) ?? -1n)) newest.set(name, version);
  };
  for (const [name, store] of Object.entries(stores)) {
    for (const { metadata } of store.list()) seen(name, metadata.resourceVersion);
    store.onChange((_key, _before, after) => seen(name, after?.metadata.resourceVersion ?? store.resourceVersion));
  }
  return () => ({
    watermark: Object.fromEntries(Object.entries(stores).map(([name, store]) => [name, store.resourceVersion])),
    contents: Object.fromEntries([...newest].map(([name, version]) => [name, String(version)])),
  });
}

/** -1 for none. */
function parseVersion(text: string): bigint {
  return /^\d+$/.test(text) ? BigInt(text) : -1n;
}
