import type { MeshService } from '../../api/generated/meshservice.ts';
import { CONDITION, REASON } from '../../api/reasons.ts';
import { keptEndpoints, type SourceState, soughtBy } from '../mesh/found-instance.ts';
import type { DesiredCondition } from './conditions.ts';

/**
 * What the status of a MeshService says of its registry: what that has, or what it had when it was asked last. All
 * operators make of it what nodes are told.
 *
 * @param now RFC 3339, whole seconds.
 */
export function registryStatus(mesh: MeshService, state: SourceState, now: string) {
  const { spec, status } = mesh;
  const sought = soughtBy(spec.source) ?? '';
  const stored = status?.found?.for === sought ? status.found : undefined;
  const found =
    state.found === undefined ? stored : { for: sought, endpoints: keptEndpoints(state.found, spec.subsets) };
  const known = state.found?.known ?? (stored === undefined ? undefined : status?.endpoints?.known);
  const total = found?.endpoints.length ?? 0;
  return {
    endpoints: { total, ...(known === undefined ? {} : { known }) },
    ...(found === undefined ? {} : { found }),
    condition: registryCondition({ mesh, sought, state, total, now }),
  };
}

interface RegistryFacts {
  readonly mesh: MeshService;
  readonly sought: string;
  readonly state: SourceState;
  readonly total: number;
  readonly now: string;
}

function registryCondition({ mesh, sought, state, total, now }: RegistryFacts): DesiredCondition {
  const type = CONDITION.sourceReachable;
  const stored = mesh.status?.conditions?.find((condition) => condition.type === type);
  // What was said of something else does not count.
  const before = stored?.message.startsWith(sought) === true ? stored : undefined;
  const { found, problem } = state;
  if (problem !== undefined) {
    const since = before?.status === 'False' ? before.lastTransitionTime : now;
    const message = `${sought} is not found since ${since}: ${problem}; ${keptOf(total)}`;
    return { type, status: 'False', reason: REASON.sourceUnreachable, message };
  }
  if (found === undefined) {
    // A leader that is new, or whose registry is, has not been answered yet.
    if (before !== undefined) return before;
    return { type, status: 'Unknown', reason: REASON.sourceNotAsked, message: `${sought} is being looked for` };
  }
  const { known, instances } = found;
  const more = instances.length > total ? `, of which the first ${total} are` : '';
  const message = `${sought}: ${known} registered, ${instances.length} to call${more}`;
  return { type, status: 'True', reason: REASON.sourceReachable, message };
}

function keptOf(total: number): string {
  if (total === 0) return 'it never was';
  return total === 1 ? 'the one endpoint found last is kept' : `the ${total} endpoints found last are kept`;
}
