export interface UsageChange {
  readonly key: string;
  /** Nodes, sorted. */
  readonly add: readonly string[];
  readonly remove: readonly string[];
  /** Whether any node used it before the change, and uses it now. */
  readonly wasUsed: boolean;
  readonly isUsed: boolean;
}

/** How often each node uses each resource, and what changed in "uses at all" since it was last asked. */
export class NodeUsage {
  readonly #counts = new Map<string, Map<string, number>>();
  readonly #touched = new Map<string, { readonly wasUsed: boolean; readonly nodes: Map<string, boolean> }>();

  /** True when this is the node's first use. */
  add(key: string, node: string): boolean {
    this.#touch(key, node);
    const counts = this.#counts.get(key) ?? new Map<string, number>();
    this.#counts.set(key, counts);
    const count = (counts.get(node) ?? 0) + 1;
    counts.set(node, count);
    return count === 1;
  }

  /** True when this was the node's last use. */
  drop(key: string, node: string): boolean {
    this.#touch(key, node);
    const counts = this.#counts.get(key);
    const count = (counts?.get(node) ?? 0) - 1;
    if (count > 0) {
      counts?.set(node, count);
      return false;
    }
    counts?.delete(node);
    if (counts?.size === 0) this.#counts.delete(key);
    return true;
  }

  isUsed(key: string): boolean {
    return this.#counts.has(key);
  }

  /** One entry for each key that `add` or `drop` was called for since the last call, sorted by key. */
  takeChanges(): UsageChange[] {
    const changes = [...this.#touched].map(([key, { wasUsed, nodes }]): UsageChange => {
      const now = this.#counts.get(key);
      const changed = [...nodes].filter(([node, before]) => (now?.has(node) ?? false) !== before);
      const from = (was: boolean) => changed.filter(([, before]) => before === was).map(([node]) => node);
      return { key, add: from(false).sort(), remove: from(true).sort(), wasUsed, isUsed: now !== undefined };
    });
    this.#touched.clear();
    return changes.sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  #touch(key: string, node: string): void {
    const counts = this.#counts.get(key);
    const touched = this.#touched.get(key) ?? { wasUsed: counts !== undefined, nodes: new Map<string, boolean>() };
    this.#touched.set(key, touched);
    if (!touched.nodes.has(node)) touched.nodes.set(node, counts?.has(node) ?? false);
  }
}
