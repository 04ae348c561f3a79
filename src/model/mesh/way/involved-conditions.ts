import type { MeshService } from '../../../api/generated/meshservice.ts';
import type { HTTPRoute } from '../../../api/kubernetes.ts';
import { type Condition, objectKey } from '../../../api/meta.ts';
import { CONDITION } from '../../../api/reasons.ts';
import { conditionOfProblems, type DesiredCondition } from '../../status/conditions.ts';
import { meshObjectStatus } from '../../status/mesh.ts';
import { parseClusterKey } from '../backends.ts';
import { meshServiceOrigin } from '../compile-mesh.ts';
import { routeOrigin } from '../http-route.ts';
import { httpRouteParents } from '../http-route-status.ts';
import { inNamespaceOf, type MeshIndex, type MeshInput, parentServiceKeys } from '../mesh-index.ts';
import { problemsOfMeshService, problemsOfTrafficSplit } from '../mesh-problems.ts';
import { problemsOfSmiSplit } from '../smi-problems.ts';
import { type SmiIndex, smiServiceKey } from '../smi-split.ts';
import { splitOrigin } from '../traffic-split.ts';
import type { Problem } from '../../problem.ts';

export interface ConditionLook {
  /** For example `TrafficSplit shop/web`. */
  readonly object: string;
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

/** Those that only a running operator can tell. */
const STORED: readonly string[] = [CONDITION.programmed, CONDITION.sourceReachable];

const UNTOLD: DesiredCondition = {
  ...{ type: CONDITION.programmed, status: 'Unknown', reason: '', message: 'no operator has told of it yet' },
};

/**
 * Conditions that are not True, of the objects that speak of the called services: of what the objects say as it follows
 * from them, of what proxies and registries say as it was last stored.
 */
export function involvedConditions(
  input: MeshInput,
  index: MeshIndex & SmiIndex,
  serviceKey: string,
  port: number,
  clusters: readonly string[],
): readonly ConditionLook[] {
  const services = new Set([serviceKey, ...clusters.flatMap((key) => parseClusterKey(key)?.service ?? [])]);
  const own = new Set(input.trafficSplits.map(splitOrigin));
  const splits = index.trafficSplitsOf(serviceKey).filter((of) => of.spec.port === port && own.has(splitOrigin(of)));
  return [
    ...[...services].flatMap((key) => index.meshServicesOf(key)).flatMap((mesh) => ofMeshService(index, mesh)),
    ...splits.flatMap((split) =>
      looks(splitOrigin(split), judged(problemsOfTrafficSplit(index, split)), split.status?.conditions),
    ),
    ...(input.smiSplits ?? [])
      .filter((split) => smiServiceKey(split) === serviceKey)
      .flatMap((split) => {
        const of = conditionOfProblems(CONDITION.accepted, problemsOfSmiSplit(index, split), {
          reason: '',
          message: '',
        });
        return notTrue(`TrafficSplit ${objectKey(split)} (split.smi-spec.io)`, [of]);
      }),
    ...input.httpRoutes
      .filter((route) => parentServiceKeys(route).includes(serviceKey))
      .flatMap((route) => ofRoute(index, route, serviceKey, port)),
  ];
}

function ofMeshService(index: MeshIndex, mesh: MeshService): readonly ConditionLook[] {
  return looks(meshServiceOrigin(mesh), judged(problemsOfMeshService(index, mesh)), mesh.status?.conditions);
}

function ofRoute(index: MeshIndex, route: HTTPRoute, serviceKey: string, port: number): readonly ConditionLook[] {
  const parents = httpRouteParents(route, { index, targetsOf: () => [], isSettled: true, now: '' });
  const here = parents.filter(
    ({ parentRef: ref }) => inNamespaceOf(route, ref.name) === serviceKey && (ref.port ?? port) === port,
  );
  return here.flatMap(({ conditions, parentRef }) => {
    const stored = route.status?.parents?.find((of) => JSON.stringify(of.parentRef) === JSON.stringify(parentRef));
    return looks(routeOrigin(route), conditions, stored?.conditions);
  });
}

function judged(problems: readonly Problem[]): readonly DesiredCondition[] {
  return meshObjectStatus({ problems, targets: [], stored: [], isSettled: true }).conditions;
}

function looks(
  object: string,
  computed: readonly DesiredCondition[],
  stored: readonly Condition[] | undefined = [],
): readonly ConditionLook[] {
  const said = computed.filter(({ type }) => !STORED.includes(type));
  const told = stored.filter(({ type }) => STORED.includes(type));
  const isUntold = !told.some(({ type }) => type === CONDITION.programmed);
  return notTrue(object, [...said, ...told, ...(isUntold ? [UNTOLD] : [])]);
}

function notTrue(object: string, conditions: readonly DesiredCondition[]): readonly ConditionLook[] {
  return conditions
    .filter(({ status }) => status !== 'True')
    .map(({ type, status, reason, message }) => ({ object, type, status, reason, message }));
}
