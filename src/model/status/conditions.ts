import type { Condition } from '../../api/meta.ts';
import type { Problem } from '../problem.ts';

/** What a condition should say; when it began to say so is `mergeConditions`' business. */
export type DesiredCondition = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

/** metav1.Condition.message, maxLength of its schema. */
const MAX_MESSAGE = 32_768;

export interface MergeContext {
  /** `metadata.generation` of the object the conditions were computed from. */
  readonly observedGeneration: number | undefined;
  /** RFC 3339, whole seconds. */
  readonly now: string;
}

/**
 * The conditions to store. `lastTransitionTime` moves to `now` only where `status` differs from the stored one, so
 * that a changed reason or message leaves it alone (Kubernetes API conventions, Typical status properties).
 *
 * @param current what the object holds, in any order; types that are not desired are dropped.
 * @returns one entry a desired type, sorted by type. Of a type that is desired twice the last counts.
 */
export function mergeConditions(
  current: readonly Condition[],
  desired: readonly DesiredCondition[],
  { observedGeneration, now }: MergeContext,
): readonly Condition[] {
  const stored = new Map(current.map((condition) => [condition.type, condition]));
  const wanted = new Map(desired.map((condition) => [condition.type, condition]));
  const merged = [...wanted.values()].map(({ type, status, reason, message }): Condition => {
    const before = stored.get(type);
    return {
      type,
      status,
      ...(observedGeneration === undefined ? {} : { observedGeneration }),
      lastTransitionTime: before?.status === status ? before.lastTransitionTime : now,
      reason,
      message: message.slice(0, MAX_MESSAGE),
    };
  });
  return merged.sort((a, b) => (a.type < b.type ? -1 : 1));
}

/** A condition that is True while there are no problems, and otherwise tells the first and how many more there are. */
export function conditionOfProblems(
  type: string,
  problems: readonly Problem[],
  fine: { readonly reason: string; readonly message: string },
): DesiredCondition {
  const [first, ...rest] = problems;
  if (first === undefined) return { type, status: 'True', ...fine };
  const more = rest.length === 0 ? '' : ` (and ${rest.length} more)`;
  return { type, status: 'False', reason: first.reason, message: `${first.path} ${first.message}${more}` };
}

/** Whether there is a condition of this type and it is True. */
export function isTrue(conditions: readonly Pick<Condition, 'type' | 'status'>[] | undefined, type: string): boolean {
  return conditions?.some((condition) => condition.type === type && condition.status === 'True') ?? false;
}
