import type { Clock } from '../../lib/clock.ts';
import type { AnyRef } from '../../model/node/desired-update.ts';

export interface AnnouncingDeps {
  readonly table: {
    nodesOf(ref: AnyRef): Iterable<string>;
    version(node: string, ref: AnyRef): string | undefined;
  };
  readonly held: {
    isConnected(node: string): boolean;
    version(node: string, ref: AnyRef): string | undefined;
  };
  readonly policies: { setsHolding(podUid: string, addresses: readonly string[]): readonly string[] | undefined };
  /** Calls the listener whenever the table moved, or a node has said something of what it holds; returns how to stop. */
  readonly onAcknowledged: (listener: () => void) => () => void;
}

/** Longer than any agent waits. */
const PATIENCE_MS = 1_000;

/**
 * Says when the nodes that need a new pod's address have it in the sets that their policies look in: then the pod's
 * first packet is let in where it may go. Nodes that are away are not waited for.
 */
export class Announcing {
  readonly #deps: AnnouncingDeps;
  readonly #clock: Clock;

  constructor(deps: AnnouncingDeps, clock: Clock) {
    this.#deps = deps;
    this.#clock = clock;
  }

  /** Resolves then, or after 1 s. */
  wait(podUid: string, addresses: readonly string[]): Promise<void> {
    const informed = new Map<string, Set<string>>();
    const isKnown = () => this.#isKnown(podUid, addresses, informed);
    if (isKnown()) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        unsubscribe();
        cancel();
        resolve();
      };
      const unsubscribe = this.#deps.onAcknowledged(() => {
        if (isKnown()) end();
      });
      const cancel = this.#clock.after(PATIENCE_MS, end);
    });
  }

  /**
   * @param informed  by set: nodes that had it as it should be once the address was in it. They are not asked again:
   *   sets go on changing, and there are as many acknowledgements to come here as nodes.
   */
  #isKnown(podUid: string, addresses: readonly string[], informed: Map<string, Set<string>>): boolean {
    const { table, held, policies } = this.#deps;
    return (
      policies.setsHolding(podUid, addresses)?.every((key) => {
        const ref = { kind: 'addressSet', key };
        const done = informed.get(key) ?? new Set();
        informed.set(key, done);
        for (const node of table.nodesOf(ref)) {
          if (done.has(node)) continue;
          if (held.isConnected(node) && table.version(node, ref) !== held.version(node, ref)) return false;
          done.add(node);
        }
        return true;
      }) === true
    );
  }
}
