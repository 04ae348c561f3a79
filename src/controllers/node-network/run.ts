import { type ControllerOptions, runController } from '../../kube/controller.ts';
import { WorkQueue } from '../../kube/workqueue.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { type NodeNetworkDeps, NodeNetworkReconciler } from './reconciler.ts';

export interface NodeNetworkRunDeps extends NodeNetworkDeps {
  readonly clock: Clock;
  readonly log: Logger;
  /** In [0, 1). */
  readonly random: () => number;
  /** Calls the listener with a node that has come, gone, or said something; returns how to stop. */
  readonly onNodeChanged: (listener: (node: string) => void) => () => void;
  readonly onReconciled?: ControllerOptions['onReconciled'];
}

/** A node says much in its first moment: its status is worked out once for all that comes within this. */
const SETTLE_MS = 200;
/** What nobody tells of: a leader that has waited long enough for nodes to dial back. */
const RESYNC_MS = 30_000;

/** Keeps NodeNetworks true while this replica leads; resolves when it has stopped. */
export async function runNodeNetworks(deps: NodeNetworkRunDeps, signal: AbortSignal): Promise<void> {
  const { nodes, blocks, nodeNetworks, clock, log, random, onReconciled } = deps;
  const queue = new WorkQueue({ clock, random });
  const add = (node: string) => queue.addAfter(node, SETTLE_MS);
  const unsubscribe = [
    nodes.onChange(add),
    nodeNetworks.onChange(add),
    blocks.onChange((_key, before, after) => {
      for (const block of [before, after]) if (block !== undefined) add(block.spec.nodeName);
    }),
    deps.onNodeChanged(add),
  ];
  const addAll = () => {
    for (const { metadata } of nodes.list()) add(metadata.name);
  };
  addAll();
  const resync = clock.after(RESYNC_MS, addAll);
  const reconciler = new NodeNetworkReconciler(deps);
  const stores = [nodes, blocks, nodeNetworks];
  const observer = onReconciled === undefined ? {} : { onReconciled };
  try {
    await runController({ name: 'node-network', reconciler, queue, stores, clock, log, ...observer }, signal);
  } finally {
    resync();
    for (const end of unsubscribe) end();
  }
}
