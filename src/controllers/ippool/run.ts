import { type ControllerOptions, runController } from '../../kube/controller.ts';
import { WorkQueue } from '../../kube/workqueue.ts';
import { type QuarantineDeps, QuarantineReconciler } from './quarantine.ts';
import { PoolReconciler, type PoolReconcilerDeps } from './reconciler.ts';

export interface IPPoolControllerDeps extends PoolReconcilerDeps, QuarantineDeps {
  /** In [0, 1): jitter of retries. */
  readonly random: () => number;
  readonly onReconciled?: ControllerOptions['onReconciled'];
  readonly onQueueDepth?: (controller: string, depth: number) => void;
  /** Calls the listener with a pool whose count of leases changed; returns how to stop. */
  readonly onLeased: (listener: (pool: string) => void) => () => void;
}

/** Runs the reconcilers of pools and of their blocks while this replica leads; resolves when both have stopped. */
export async function runIPPoolControllers(deps: IPPoolControllerDeps, signal: AbortSignal): Promise<void> {
  const { pools, blocks, nodes, serviceCidrs, clock, log, onReconciled } = deps;
  const poolQueue = queueOf(deps, 'ippool');
  const blockQueue = queueOf(deps, 'ipblock-quarantine');
  const enqueuePools = () => {
    for (const pool of pools.list()) poolQueue.add(pool.metadata.name);
  };
  const enqueueBlocks = () => {
    for (const block of blocks.list()) blockQueue.add(block.metadata.name);
  };
  const unsubscribe = [
    deps.onLeased((pool) => poolQueue.add(pool)),
    pools.onChange((key, before, after) => {
      poolQueue.add(key);
      // A range that comes or goes may settle an overlap of another pool.
      if (before === undefined || after === undefined) enqueuePools();
    }),
    blocks.onChange((key, before, after) => {
      blockQueue.add(key);
      const pool = (after ?? before)?.spec.poolName;
      if (pool !== undefined) poolQueue.add(pool);
    }),
    nodes.onChange((_key, before, after) => {
      if (before !== undefined && after !== undefined) return;
      enqueueBlocks();
      enqueuePools();
    }),
    serviceCidrs.onChange(() => enqueuePools()),
  ];
  enqueuePools();
  enqueueBlocks();
  const observer = onReconciled === undefined ? {} : { onReconciled };
  const common = { stores: [pools, blocks, nodes, serviceCidrs], clock, log, ...observer };
  try {
    await Promise.all([
      runController({ ...common, name: 'ippool', reconciler: new PoolReconciler(deps), queue: poolQueue }, signal),
      runController(
        { ...common, name: 'ipblock-quarantine', reconciler: new QuarantineReconciler(deps), queue: blockQueue },
        signal,
      ),
    ]);
  } finally {
    for (const end of unsubscribe) end();
  }
}

function queueOf({ clock, random, onQueueDepth }: IPPoolControllerDeps, name: string): WorkQueue {
  if (onQueueDepth === undefined) return new WorkQueue({ clock, random });
  return new WorkQueue({ clock, random, onDepth: (depth) => onQueueDepth(name, depth) });
}
