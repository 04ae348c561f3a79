import type { Reconciler } from '../kube/controller.ts';

/** A compilation takes some milliseconds. */
const AGAIN_MS = 5;

/**
 * Lets a reconciler that says what is in force wait while changes of the cluster are not worked into what nodes should
 * hold: before that, an acknowledgement of the old would pass for one of the new.
 */
export function whenCompiled(isCompiled: () => boolean, reconciler: Reconciler): Reconciler {
  return {
    async reconcile(key, signal) {
      return isCompiled() ? reconciler.reconcile(key, signal) : { requeueAfterMs: AGAIN_MS };
    },
  };
}
