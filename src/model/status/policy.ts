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
  /** Of a policy with rules about requests; absent for all others. */
  readonly judging?: JudgingFacts;
  readonly generation?: number;
  readonly stored: readonly Condition[];
  /** See `ProgrammedInput`. */
  readonly isSettled: boolean;
}

export interface JudgingFacts {
  /** Proxies of selected pods. */
  readonly proxies: readonly ProgramTarget[];
  /** `namespace/name` of selected pods without a proxy that reads HTTP, sorted. */
  readonly without: readonly string[];
}

export type PolicyStatus = ReturnType<typeof policyStatus>;

/** Status of a policy: pure, so the same facts give the same conditions. */
export function policyStatus(facts: PolicyFacts) {
  const { selectedPods, problems, targets, judging, generation, stored, isSettled } = facts;
  const before = stored.find(({ type }) => type === CONDITION.programmed);
  const common = {
    isSettled,
    ...(generation === undefined ? {} : { generation }),
    ...(before === undefined ? {} : { stored: before }),
  };
  const programmed = decideProgrammed({ targets, noun: { one: 'node', many: 'nodes' }, ...common });
  const noun = { one: 'node or proxy', many: 'nodes and proxies' };
  const all =
    judging === undefined
      ? programmed
      : decideProgrammed({ targets: [...targets, ...judging.proxies], noun, ...common });
  return {
    selectedPods,
    nodes: { targeted: programmed.targeted, programmed: programmed.acknowledged, failed: programmed.rejected },
    conditions: [
      accepted(problems),
      all.condition,
      ...(judging === undefined ? [] : [requestsJudged(judging.without, selectedPods)]),
    ],
  };
}

function requestsJudged(without: readonly string[], selectedPods: number): DesiredCondition {
  const type = CONDITION.requestsJudged;
  const [first] = without;
  if (first === undefined) {
    const message = 'every selected pod has a proxy that judges requests';
    return { type, status: 'True', reason: REASON.judgedByProxies, message };
  }
  const message = `${without.length} of ${selectedPods} pods have no proxy that reads HTTP, for example ${first}: there rules with http allow nothing, and deny whole connections. Put the pods into the mesh, or name the protocol of their ports`;
  return { type, status: 'False', reason: REASON.noProxy, message };
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
