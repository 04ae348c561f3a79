import type { HTTPRouteGroup, SmiTrafficSplit } from '../../api/smi.ts';
import { objectKey } from '../../api/meta.ts';
import { DONE, runController } from '../../kube/controller.ts';
import type { EventRecorder } from '../../kube/events.ts';
import { KINDS } from '../../kube/kinds.ts';
import type { StoreReader } from '../../kube/store.ts';
import { WorkQueue } from '../../kube/workqueue.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import type { MeshIndex } from '../../model/mesh/mesh-index.ts';
import { problemsOfSmiSplit } from '../../model/mesh/smi-problems.ts';
import type { SmiIndex } from '../../model/mesh/smi-split.ts';

export interface SmiEventsDeps {
  readonly smiSplits: StoreReader<SmiTrafficSplit>;
  readonly routeGroups: StoreReader<HTTPRouteGroup>;
  readonly index: SmiIndex & MeshIndex;
  readonly events: Pick<EventRecorder, 'record'>;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
}

/** What is applied together with a split, its services and groups, is there by then. */
const SETTLE_MS = 2_000;

/** SMI's TrafficSplit has no status: what of one is not in force is said in events. Leader only. */
export async function runSmiEvents(deps: SmiEventsDeps, signal: AbortSignal): Promise<void> {
  const { smiSplits, routeGroups, index, events, clock, random, log } = deps;
  const queue = new WorkQueue({ clock, random });
  const unsubscribe = [
    smiSplits.onChange((key) => queue.addAfter(key, SETTLE_MS)),
    routeGroups.onChange((_key, before, after) => {
      for (const split of smiSplits.inNamespace((after ?? before)?.metadata.namespace ?? 'default')) {
        queue.addAfter(objectKey(split), SETTLE_MS);
      }
    }),
  ];
  for (const split of smiSplits.list()) queue.addAfter(objectKey(split), SETTLE_MS);
  const reconciler = {
    async reconcile(key: string) {
      const split = smiSplits.get(key);
      if (split === undefined) return DONE;
      for (const { path, reason, message } of problemsOfSmiSplit(index, split)) {
        const facts = { type: 'Warning', reason, action: 'Route', message: `${path} ${message}` } as const;
        events.record(KINDS.smiTrafficSplit, split, facts);
      }
      return DONE;
    },
  };
  try {
    const stores = [smiSplits, routeGroups];
    await runController({ name: 'smi-events', reconciler, queue, stores, clock, log }, signal);
  } finally {
    for (const end of unsubscribe) end();
  }
}
