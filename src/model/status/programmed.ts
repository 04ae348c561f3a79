import type { Condition } from '../../api/meta.ts';
import { CONDITION, REASON } from '../../api/reasons.ts';
import type { DesiredCondition } from './conditions.ts';

/** A node or a proxy that an object concerns. */
export interface ProgramTarget {
  readonly name: string;
  /** Ready nodes, and proxies of Running pods on them. Others catch up before they serve new pods. */
  readonly isReachable: boolean;
  /** Version of what the target must hold for the object's newest generation. */
  readonly wanted: string;
  /** Version that it has said it holds. */
  readonly acknowledged?: string;
  /** Version that it has refused last, and its words. */
  readonly rejected?: { readonly version: string; readonly message: string };
}

export interface ProgrammedInput {
  readonly targets: readonly ProgramTarget[];
  /** What targets are called in messages: `node`, `proxy`. */
  readonly noun: { readonly one: string; readonly many: string };
  /**
   * Every reachable target has reported since this operator began to ask, or 30 s have passed. Until then a stored
   * True of the same generation is not taken back: who has not reported is not known to lack anything.
   */
  readonly isSettled: boolean;
  /** `metadata.generation`, and the condition that is stored. */
  readonly generation?: number;
  readonly stored?: Condition;
}

export interface Programmed {
  /** Reachable targets. */
  readonly targeted: number;
  readonly acknowledged: number;
  readonly rejected: number;
  readonly unreachable: number;
  readonly condition: DesiredCondition;
}

/** Names in a message; who needs them all asks the command. */
const NAMES_SHOWN = 5;

/**
 * Whether an object is in force. True only when every reachable target holds the wanted version; one that holds another
 * version, or has refused this one, or has said nothing, keeps it False. Acknowledged means accepted by the target.
 */
export function decideProgrammed(input: ProgrammedInput): Programmed {
  const targets = [...input.targets].sort((a, b) => (a.name < b.name ? -1 : 1));
  const reachable = targets.filter(({ isReachable }) => isReachable);
  const unreachable = targets.filter(({ isReachable }) => !isReachable);
  const done = reachable.filter(holdsWanted);
  const rejected = reachable.filter((target) => !holdsWanted(target) && hasRefused(target));
  const pending = reachable.filter((target) => !holdsWanted(target) && !hasRefused(target));
  const fresh = conditionOf({ reachable, unreachable, rejected, pending, noun: input.noun });
  return {
    targeted: reachable.length,
    acknowledged: done.length,
    rejected: rejected.length,
    unreachable: unreachable.length,
    condition: fresh.status !== 'True' && rejected.length === 0 ? (heldBack(input) ?? fresh) : fresh,
  };
}

function holdsWanted({ wanted, acknowledged }: ProgramTarget): boolean {
  return acknowledged === wanted;
}

function hasRefused({ wanted, rejected }: ProgramTarget): boolean {
  return rejected?.version === wanted;
}

/** The stored True, while it is too early to say otherwise. */
function heldBack({ isSettled, stored, generation }: ProgrammedInput): DesiredCondition | undefined {
  if (isSettled || stored?.status !== 'True' || stored.observedGeneration !== generation) return undefined;
  return { type: CONDITION.programmed, status: 'True', reason: stored.reason, message: stored.message };
}

interface Groups {
  readonly reachable: readonly ProgramTarget[];
  readonly unreachable: readonly ProgramTarget[];
  readonly rejected: readonly ProgramTarget[];
  readonly pending: readonly ProgramTarget[];
  readonly noun: ProgrammedInput['noun'];
}

function conditionOf({ reachable, unreachable, rejected, pending, noun }: Groups): DesiredCondition {
  const type = CONDITION.programmed;
  const count = (targets: readonly unknown[]) => `${targets.length} ${targets.length === 1 ? noun.one : noun.many}`;
  const away = unreachable.length === 0 ? '' : `; out of reach: ${namesOf(unreachable)}`;
  const [first] = rejected;
  if (first !== undefined) {
    const message = `${count(rejected)} refused it: ${namesOf(rejected)}. '${first.name}' says: ${first.rejected?.message ?? ''}`;
    return { type, status: 'False', reason: REASON.rejected, message };
  }
  if (pending.length > 0) {
    const message = `${pending.length} of ${count(reachable)} have yet to acknowledge it: ${namesOf(pending)}${away}`;
    return { type, status: 'False', reason: REASON.pending, message };
  }
  if (reachable.length > 0) {
    return { type, status: 'True', reason: REASON.programmed, message: `acknowledged by ${count(reachable)}${away}` };
  }
  if (unreachable.length > 0) {
    return { type, status: 'Unknown', reason: REASON.unreachable, message: `out of reach: ${namesOf(unreachable)}` };
  }
  return { type, status: 'True', reason: REASON.noTargets, message: `it concerns no ${noun.one} now` };
}

function namesOf(targets: readonly ProgramTarget[]): string {
  const shown = targets
    .slice(0, NAMES_SHOWN)
    .map(({ name }) => name)
    .join(', ');
  return targets.length > NAMES_SHOWN ? `${shown} and ${targets.length - NAMES_SHOWN} more` : shown;
}
