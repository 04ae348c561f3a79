import { type AnyRef, refId } from '../../model/node/desired-update.ts';

export interface InStepDeps {
  readonly table: {
    resourcesOf(node: string): readonly AnyRef[];
    version(node: string, ref: AnyRef): string | undefined;
  };
  readonly held: {
    version(node: string, ref: AnyRef): string | undefined;
    keys(node: string, kind: string): readonly string[];
  };
}

/** The kinds of resources that pods' addresses are in. */
const ADDRESS_KINDS: ReadonlySet<string> = new Set(['addressSet', 'endpoints', 'routedSlice']);

/**
 * Which nodes hold all addresses as they should, kept up change by change: a node is compared as a whole only when it
 * is asked about first, or has connected anew.
 */
export class InStep {
  readonly #deps: InStepDeps;
  /** By node: what it does not hold as it should. */
  readonly #behind = new Map<string, Set<string>>();

  constructor(deps: InStepDeps) {
    this.#deps = deps;
  }

  has(node: string): boolean {
    let behind = this.#behind.get(node);
    if (behind === undefined) {
      behind = new Set();
      this.#behind.set(node, behind);
      this.changed(node, this.#all(node));
    }
    return behind.size === 0;
  }

  /** The node has said all that it holds. */
  connected(node: string): void {
    this.#behind.delete(node);
  }

  /** What the node should hold, or does hold, of these may have changed. */
  changed(node: string, refs: Iterable<AnyRef>): void {
    const behind = this.#behind.get(node);
    if (behind === undefined) return;
    for (const ref of refs) {
      if (this.#isBehind(node, ref)) behind.add(refId(ref));
      else behind.delete(refId(ref));
    }
  }

  /** What it should hold, and what it does hold, which may have to go. */
  #all(node: string): readonly AnyRef[] {
    const { table, held } = this.#deps;
    const kept = [...ADDRESS_KINDS].flatMap((kind) => held.keys(node, kind).map((key) => ({ kind, key })));
    return [...table.resourcesOf(node), ...kept];
  }

  #isBehind(node: string, ref: AnyRef): boolean {
    const { table, held } = this.#deps;
    return ADDRESS_KINDS.has(ref.kind) && table.version(node, ref) !== held.version(node, ref);
  }
}
