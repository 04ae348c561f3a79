import type { Node, Pod } from '../../api/kubernetes.ts';
import type { StoreReader } from '../../kube/store.ts';
import type { Clock } from '../../lib/clock.ts';

export interface ForgettingDeps {
  readonly inStep: { has(node: string): boolean };
  readonly pods: StoreReader<Pod>;
  readonly nodes: StoreReader<Node>;
  /** Calls the listener whenever a node has said something of what it holds; returns how to stop. */
  readonly onAcknowledged: (listener: () => void) => () => void;
}

/** An answer that takes longer is given as "not yet", and asked for again. */
const PATIENCE_MS = 10_000;
/** Lets the release that led to the question reach the table first: reports are worked in within milliseconds. */
const SETTLE_MS = 50;

/**
 * Says when a released address may be given to another pod: once every node holds address sets and endpoints that
 * were compiled without its last holder. Before that, the next holder would inherit what the last one was allowed. A
 * node that is away keeps addresses resting; one whose Node object is gone does not.
 */
export class Forgetting {
  readonly #deps: ForgettingDeps;
  readonly #clock: Clock;

  constructor(deps: ForgettingDeps, clock: Clock) {
    this.#deps = deps;
    this.#clock = clock;
  }

  /** Those of `addresses` that are forgotten by all; none when that does not come about within 10 s. */
  wait(addresses: readonly string[]): Promise<readonly string[]> {
    return new Promise((resolve) => {
      let isDone = false;
      const end = (forgotten: readonly string[]) => {
        if (isDone) return;
        isDone = true;
        unsubscribe();
        cancel();
        resolve(forgotten);
      };
      const look = () => {
        const free = this.#unheld(addresses);
        if (free.length > 0 && this.#areNodesInStep()) end(free);
      };
      let hasSettled = false;
      const unsubscribe = this.#deps.onAcknowledged(() => {
        if (hasSettled) look();
      });
      const cancel = this.#clock.after(PATIENCE_MS, () => end([]));
      this.#clock.after(SETTLE_MS, () => {
        hasSettled = true;
        if (!isDone) look();
      });
    });
  }

  /** Without those that a pod's status still shows: such a pod is still in address sets. */
  #unheld(addresses: readonly string[]): readonly string[] {
    const live = this.#deps.pods
      .list()
      .filter(({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed');
    const held = new Set(live.flatMap(({ status }) => (status?.podIPs ?? []).map(({ ip }) => ip)));
    return addresses.filter((address) => !held.has(address));
  }

  #areNodesInStep(): boolean {
    const { inStep, nodes } = this.#deps;
    return nodes.list().every(({ metadata: { name } }) => inStep.has(name));
  }
}
