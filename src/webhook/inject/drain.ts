import type { Pod } from '../../api/kubernetes.ts';
import { REASON } from '../../api/reasons.ts';
import type { Problem } from '../../model/problem.ts';
import type { PatchOperation } from '../review.ts';

/** On a pod: how long its application is kept, at most, until nobody sends to it any more. */
export const DRAIN_ANNOTATION = 'weft.dev/drain-seconds';

const DEFAULT_SECONDS = 10;
const MOST_SECONDS = 300;
/** Kubernetes' default of terminationGracePeriodSeconds. */
const GRACE_SECONDS = 30;

/** At most half of the pod's grace period: the other half is the application's. 0: it is not kept. */
export function drainSecondsOf({ metadata: { annotations }, spec }: Pod): number | Problem {
  const asked = annotations?.[DRAIN_ANNOTATION];
  const seconds = asked === undefined ? DEFAULT_SECONDS : Number(asked);
  if (asked === '' || !Number.isInteger(seconds) || seconds < 0 || seconds > MOST_SECONDS) {
    return {
      path: `metadata.annotations['${DRAIN_ANNOTATION}']`,
      reason: REASON.invalidDrainSeconds,
      message: `must be a whole number of seconds, 0 to ${MOST_SECONDS}, and not '${asked}'`,
    };
  }
  return Math.min(seconds, Math.floor((spec.terminationGracePeriodSeconds ?? GRACE_SECONDS) / 2));
}

/**
 * Has the kubelet wait, before it ends a container, for the agent's word that nobody sends to the pod any more.
 * Containers with a preStop hook of their own keep that.
 */
export function drainPatch(
  { spec: { containers } }: Pod,
  { port, path }: { readonly port: number; readonly path: string },
  seconds: number,
): PatchOperation[] {
  if (seconds === 0) return [];
  const preStop = { httpGet: { path: `${path}?seconds=${seconds}`, port } };
  return containers.flatMap(({ lifecycle }, index): PatchOperation[] => {
    const at = `/spec/containers/${index}/lifecycle`;
    if (lifecycle === undefined) return [{ op: 'add', path: at, value: { preStop } }];
    return lifecycle.preStop === undefined ? [{ op: 'add', path: `${at}/preStop`, value: preStop }] : [];
  });
}
