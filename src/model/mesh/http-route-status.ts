import type { HTTPRoute, ParentRef, RouteParentStatus } from '../../api/kubernetes.ts';
import { CONDITION, isReferenceReason, REASON } from '../../api/reasons.ts';
import { conditionOfProblems, type DesiredCondition, mergeConditions } from '../status/conditions.ts';
import { decideProgrammed, type ProgramTarget } from '../status/programmed.ts';
import { attachmentOf } from './http-route-attachment.ts';
import { translateHttpRoute } from './http-route.ts';
import { isServiceRef, type MeshIndex } from './mesh-index.ts';

/** The name under which Weft speaks of routes whose parents are Services. */
export const MESH_CONTROLLER = 'weft.dev/mesh';

/** HTTPRouteStatus.parents, maxItems of its schema. */
const MAX_PARENTS = 32;

export interface RouteStatusFacts {
  readonly index: MeshIndex;
  /** Proxies that may call the Service of this key. */
  readonly targetsOf: (serviceKey: string) => readonly ProgramTarget[];
  /** See `ProgrammedInput`. */
  readonly isSettled: boolean;
  /** RFC 3339, whole seconds. */
  readonly now: string;
}

/**
 * `status.parents` as it should be stored: an entry of ours for each parent that is a Service, at the place where it
 * stands already or else at the end. Entries of other controllers stay as they are; of ours for parents that the route
 * does not name any more, none stays. The same facts give the same list.
 */
export function httpRouteParents(route: HTTPRoute, facts: RouteStatusFacts): readonly RouteParentStatus[] {
  const stored = route.status?.parents ?? [];
  const others = stored.filter(({ controllerName }) => controllerName !== MESH_CONTROLLER);
  const wanted = (route.spec.parentRefs ?? []).flatMap((ref, position) =>
    isServiceRef(ref) ? [{ ref, position }] : [],
  );
  const missing = new Map(
    wanted.slice(0, MAX_PARENTS - others.length).map(({ ref, position }) => [refText(route, ref), { ref, position }]),
  );
  const standing = stored.flatMap((entry): readonly RouteParentStatus[] => {
    if (entry.controllerName !== MESH_CONTROLLER) return [entry];
    const text = refText(route, entry.parentRef);
    const parent = missing.get(text);
    missing.delete(text);
    return parent === undefined ? [] : [parentStatus(route, { ...parent, stored: entry }, facts)];
  });
  return [...standing, ...[...missing.values()].map((parent) => parentStatus(route, parent, facts))];
}

interface Parent {
  readonly ref: ParentRef;
  /** In `spec.parentRefs`. */
  readonly position: number;
  readonly stored?: RouteParentStatus;
}

function parentStatus(
  route: HTTPRoute,
  { ref, position, stored }: Parent,
  { index, targetsOf, isSettled, now }: RouteStatusFacts,
): RouteParentStatus {
  const { generation } = route.metadata;
  const serviceKey = `${namespaceOf(route)}/${ref.name}`;
  const { isRouted, problems } = attachmentOf(route, ref, `spec.parentRefs[${position}]`, index);
  const inRules = translateHttpRoute(route, serviceKey, 'HTTP', index).problems;
  const own = [...problems, ...inRules.filter(({ reason }) => !isReferenceReason(reason))];
  const references = inRules.filter(({ reason }) => isReferenceReason(reason));
  const accepted = conditionOfProblems(CONDITION.accepted, own, {
    reason: REASON.accepted,
    message: 'every field is understood',
  });
  const resolved = conditionOfProblems(CONDITION.resolvedRefs, references, {
    reason: REASON.resolvedRefs,
    message: 'everything that is named exists',
  });
  const before = stored?.conditions.find(({ type }) => type === CONDITION.programmed);
  const programmed = isRouted
    ? decideProgrammed({
        targets: targetsOf(serviceKey),
        noun: { one: 'proxy', many: 'proxies' },
        isSettled,
        ...(generation === undefined ? {} : { generation }),
        ...(before === undefined ? {} : { stored: before }),
      }).condition
    : notRouted(accepted);
  return {
    parentRef: ref,
    controllerName: MESH_CONTROLLER,
    conditions: mergeConditions(stored?.conditions ?? [], [accepted, resolved, programmed], {
      observedGeneration: generation,
      now,
    }),
  };
}

function notRouted({ reason }: DesiredCondition): DesiredCondition {
  return {
    type: CONDITION.programmed,
    status: 'False',
    reason,
    message: 'it routes no call to this parent: see Accepted',
  };
}

function namespaceOf({ metadata }: HTTPRoute): string {
  return metadata.namespace ?? 'default';
}

/** Equal for references to the same parent, however they are written. */
function refText(route: HTTPRoute, { group, kind, namespace, name, sectionName, port }: ParentRef): string {
  return JSON.stringify([group, kind, namespace ?? namespaceOf(route), name, sectionName, port]);
}
