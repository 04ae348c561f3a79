import type { Condition } from '../../api/meta.ts';
import { CONDITION, isReferenceReason, REASON } from '../../api/reasons.ts';
import type { Problem } from '../problem.ts';
import type { DesiredCondition } from './conditions.ts';
import { decideProgrammed, type ProgramTarget } from './programmed.ts';

export interface MeshObjectFacts {
  readonly problems: readonly Problem[];
  /** Proxies that call, or carry, the service. */
  readonly targets: readonly ProgramTarget[];
  readonly generation?: number;
  readonly stored: readonly Condition[];
  /** See `ProgrammedInput`. */
  readonly isSettled: boolean;
}

/** Conditions and proxy counts of a MeshService or TrafficSplit: pure, so the same facts give the same status. */
export function meshObjectStatus({ problems, targets, generation, stored, isSettled }: MeshObjectFacts) {
  const before = stored.find(({ type }) => type === CONDITION.programmed);
  const { targeted, acknowledged, rejected, unreachable, condition } = decideProgrammed({
    targets,
    noun: { one: 'proxy', many: 'proxies' },
    isSettled,
    ...(generation === undefined ? {} : { generation }),
    ...(before === undefined ? {} : { stored: before }),
  });
  const references = problems.filter(({ reason }) => isReferenceReason(reason));
  const own = problems.filter(({ reason }) => !isReferenceReason(reason));
  return {
    proxies: { targeted, acknowledged, rejected, unreachable },
    conditions: [
      verdict(CONDITION.accepted, REASON.accepted, 'every field is understood', own),
      verdict(CONDITION.resolvedRefs, REASON.resolvedRefs, 'everything that is named exists', references),
      condition,
    ],
  };
}

function verdict(
  type: string,
  goodReason: string,
  goodMessage: string,
  problems: readonly Problem[],
): DesiredCondition {
  const [first] = problems;
  if (first === undefined) return { type, status: 'True', reason: goodReason, message: goodMessage };
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  return { type, status: 'False', reason: first.reason, message: `${first.path} ${first.message}${more}` };
}
