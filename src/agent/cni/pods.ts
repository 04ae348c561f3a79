import type { Clock } from '../../lib/clock.ts';
import type { PodIr } from '../../model/node/ir.ts';
import type { PodReference } from './request.ts';

/** What the node has been told of its pods; the caller says when that changed. */
export interface PodSource {
  all(): Iterable<PodIr>;
}

/** Lets an ADD wait until the operator has told this node of its pod: no pod starts without its policy. */
export class PodWaiter {
  readonly #source: PodSource;
  readonly #clock: Clock;
  readonly #waiting = new Set<() => void>();

  constructor(source: PodSource, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
  }

  /** Call after each applied update. */
  podsChanged(): void {
    for (const look of [...this.#waiting]) look();
  }

  /** The pod, as soon as it is known; undefined after `timeoutMs` or when `signal` aborts. */
  wait(reference: PodReference, timeoutMs: number, signal: AbortSignal): Promise<PodIr | undefined> {
    return new Promise((resolve) => {
      const end = (pod: PodIr | undefined) => {
        this.#waiting.delete(look);
        cancel();
        signal.removeEventListener('abort', aborted);
        resolve(pod);
      };
      const look = () => {
        const pod = findPod(this.#source.all(), reference);
        if (pod !== undefined) end(pod);
      };
      const aborted = () => end(undefined);
      const cancel = this.#clock.after(timeoutMs, aborted);
      signal.addEventListener('abort', aborted, { once: true });
      this.#waiting.add(look);
      look();
    });
  }
}

/**
 * The pod that a runtime means. By uid when it gave one: of two pods that had the same name one after the other, only
 * the right one. A static pod's runtime knows its configuration hash instead of its uid in the API.
 */
export function findPod(pods: Iterable<PodIr>, { namespace, name, uid }: PodReference): PodIr | undefined {
  for (const pod of pods) {
    if (pod.namespace !== namespace || pod.name !== name) continue;
    if (uid === undefined || pod.uid === uid || pod.staticHash === uid) return pod;
  }
  return undefined;
}
