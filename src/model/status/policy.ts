import type { Condition } from '../../api/meta.ts';
import { CONDITION, REASON } from '../../api/reasons.ts';
import type { Problem } from '../problem.ts';
import type { DesiredCondition } from './conditions.ts';
import { decideProgrammed, type ProgramTarget } from './programmed.ts';

export interface PolicyFacts {
  readonly selectedPods: number;
  /** What of the spec could not be understood. */
  readonly problems: readonly Problem[];
  /** The nodes with selected pods. */
  readonly targets: readonly ProgramTarget[];
  readonly generation?: number;
  readonly stored: readonly Condition[];
  /** See `ProgrammedInput`. */
  readonly isSettled: boolean;
}

export type PolicyStatus = ReturnType<typeof policyStatus>;

/** Status of a policy: pure, so the same facts give the same conditions. */
export function policyStatus({ selectedPods, problems, targets, generation, stored, isSettled }: PolicyFacts) {
  const before = stored.find(({ type }) => type === CONDITION.programmed);
  const programmed = decideProgrammed({
    targets,
    noun: { one: 'node', many: 'nodes' },
    isSettled,
    ...(generation === undefined ? {} : { generation }),
    ...(before === undefined ? {} : { stored: before }),
  });
  return {
    selectedPods,
    nodes: { targeted: programmed.targeted, programmed: programmed.acknowledged, failed: programmed.rejected },
    conditions: [accepted(problems), programmed.condition],
  };
}

function accepted(problems: readonly Problem[]): DesiredCondition {
  const [first] = problems;
  if (first === undefined) {
    return { type: CONDITION.accepted, status: 'True', reason: REASON.accepted, message: 'every rule is understood' };
  }
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  return {
    type: CONDITION.accepted,
    status: 'False',
    reason: first.reason,
    message: `${first.path} ${first.message}${more}`,
  };
}
