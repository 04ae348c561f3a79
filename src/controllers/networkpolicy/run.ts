import { objectKey } from '../../api/meta.ts';
import type { StatusHolder } from '../../kube/apply.ts';
import { runController } from '../../kube/controller.ts';
import { WorkQueue } from '../../kube/workqueue.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { whenCompiled } from '../when-compiled.ts';
import { type PolicyKind, type PolicyStatusDeps, PolicyStatusReconciler } from './reconciler.ts';

export interface PolicyStatusRunDeps extends PolicyStatusDeps {
  readonly clock: Clock;
  readonly log: Logger;
  /** Whether what nodes should hold follows from all that the stores have. */
  readonly isCompiled: () => boolean;
  /** In [0, 1). */
  readonly random: () => number;
  /** Calls the listener whenever a node has said something of what it holds; returns how to stop. */
  readonly onAcknowledged: (listener: () => void) => () => void;
}

/** Nodes acknowledge in bursts: statuses are worked out once for all that comes within this. */
const SETTLE_MS = 100;

/** Keeps the statuses of one kind of policies true while this replica leads; resolves when it has stopped. */
export async function runPolicyStatus<T extends StatusHolder>(
  of: PolicyKind<T>,
  deps: PolicyStatusRunDeps,
  signal: AbortSignal,
): Promise<void> {
  const { kind, policies } = of;
  const { nodes, clock, log, random } = deps;
  const queue = new WorkQueue({ clock, random });
  const enqueueAll = () => {
    for (const policy of policies.list()) queue.addAfter(objectKey(policy), SETTLE_MS);
  };
  const unsubscribe = [policies.onChange((key) => queue.addAfter(key, SETTLE_MS)), deps.onAcknowledged(enqueueAll)];
  enqueueAll();
  try {
    const reconciler = whenCompiled(deps.isCompiled, new PolicyStatusReconciler(of, deps));
    await runController(
      { name: kind.kind.toLowerCase(), reconciler, queue, stores: [policies, nodes], clock, log },
      signal,
    );
  } finally {
    for (const end of unsubscribe) end();
  }
}
