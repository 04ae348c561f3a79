import { type AnyRef, type HeldResource, refId } from '../../model/node/desired-update.ts';
import { HeldVersions } from '../../model/node/held-versions.ts';

/** What one node says it holds. */
interface NodeView {
  readonly held: HeldVersions;
  readonly errors: Map<string, string>;
  readonly nodeUid: string;
  connected: boolean;
}

/** What nodes have acknowledged, as every replica hears it: the truth behind `Programmed`. */
export class HeldResources {
  readonly #nodes = new Map<string, NodeView>();

  connected(
    node: string,
    { nodeUid, held }: { readonly nodeUid: string; readonly held: readonly HeldResource[] },
  ): void {
    this.#nodes.set(node, { held: new HeldVersions(held), errors: new Map(), nodeUid, connected: true });
  }

  disconnected(node: string): void {
    const view = this.#nodes.get(node);
    if (view !== undefined) view.connected = false;
  }

  changed(
    node: string,
    change: {
      readonly applied: readonly HeldResource[];
      readonly removed: readonly AnyRef[];
      readonly errors: readonly (AnyRef & { readonly message: string })[];
    },
  ): void {
    const view = this.#nodes.get(node);
    if (view === undefined) return;
    for (const resource of change.applied) {
      view.held.set(resource);
      view.errors.delete(refId(resource));
    }
    for (const ref of change.removed) {
      view.held.delete(ref);
      view.errors.delete(refId(ref));
    }
    for (const error of change.errors) view.errors.set(refId(error), error.message);
  }

  isConnected(node: string): boolean {
    return this.#nodes.get(node)?.connected === true;
  }

  /** Of the Node object that the agent's token was bound to. */
  nodeUid(node: string): string | undefined {
    return this.#nodes.get(node)?.nodeUid;
  }

  version(node: string, ref: AnyRef): string | undefined {
    return this.#nodes.get(node)?.held.get(ref);
  }

  /** Why the node could not put this into force. */
  error(node: string, ref: AnyRef): string | undefined {
    return this.#nodes.get(node)?.errors.get(refId(ref));
  }

  /** All that the node could not put into force, `kind key: reason`, sorted. */
  errors(node: string): readonly string[] {
    const errors = this.#nodes.get(node)?.errors ?? new Map<string, string>();
    return [...errors].map(([id, reason]) => `${id.replace('/', ' ')}: ${reason}`).sort();
  }

  /** Keys of a kind that the node holds, sorted. */
  keys(node: string, kind: string): string[] {
    return [...(this.#nodes.get(node)?.held.keys(kind) ?? [])].sort();
  }

  /** The node that said last it owns this block: a machine may outlive its Node object. */
  holderOf(cidr: string): string | undefined {
    for (const [node, { held }] of this.#nodes) if (held.get({ kind: 'block', key: cidr }) !== undefined) return node;
    return undefined;
  }
}
