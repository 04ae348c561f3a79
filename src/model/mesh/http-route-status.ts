import type { HTTPRoute, ParentRef, RouteParentStatus } from '../../api/kubernetes.ts';
import { CONDITION, isReferenceReason, REASON } from '../../api/reasons.ts';
import { conditionOfProblems, type DesiredCondition, mergeConditions } from '../status/conditions.ts';
import { decideProgrammed, type ProgramTarget } from '../status/programmed.ts';
import type { Gateway } from '../../api/gateway.ts';
import { attachmentTo, openListeners } from './gateway/attachment.ts';
import { GATEWAY_CONTROLLER, type GatewayIndex } from './gateway/gateway-index.ts';
import { judgeListeners } from './gateway/listeners.ts';
import { attachmentOf } from './http-route-attachment.ts';
import { translateHttpRoute } from './http-route.ts';
import { isServiceRef, type MeshIndex } from './mesh-index.ts';

/** The name under which Weft speaks of routes whose parents are Services. */
export const MESH_CONTROLLER = 'weft.dev/mesh';

/** HTTPRouteStatus.parents, maxItems of its schema. */
const MAX_PARENTS = 32;

/** What is known of Gateways that routes name. */
export interface GatewayRouteFacts {
  readonly index: GatewayIndex;
  /** The Gateway that the ref means, if it is Weft's to run. */
  readonly gatewayOf: (route: HTTPRoute, ref: ParentRef) => Gateway | undefined;
  /** Its own proxies. */
  readonly targetsOf: (gateway: Gateway) => readonly ProgramTarget[];
}

export interface RouteStatusFacts {
  readonly index: MeshIndex;
  /** Absent: nothing is said of routes' Gateways. */
  readonly gateways?: GatewayRouteFacts;
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
  const isOurs = ({ controllerName }: RouteParentStatus) =>
    controllerName === MESH_CONTROLLER || (facts.gateways !== undefined && controllerName === GATEWAY_CONTROLLER);
  const others = stored.filter((entry) => !isOurs(entry));
  const wanted = (route.spec.parentRefs ?? []).flatMap((ref, position): readonly Parent[] => {
    if (isServiceRef(ref)) return route.kind === 'TLSRoute' ? [] : [{ ref, position }];
    const gateway = facts.gateways?.gatewayOf(route, ref);
    return gateway === undefined ? [] : [{ ref, position, gateway }];
  });
  const missing = new Map(
    wanted.slice(0, MAX_PARENTS - others.length).map((parent) => [refText(route, parent.ref), parent]),
  );
  const standing = stored.flatMap((entry): readonly RouteParentStatus[] => {
    if (!isOurs(entry)) return [entry];
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
  /** Absent: it is a Service. */
  readonly gateway?: Gateway;
  readonly stored?: RouteParentStatus;
}

function parentStatus(route: HTTPRoute, parent: Parent, facts: RouteStatusFacts): RouteParentStatus {
  const { ref, position, gateway, stored } = parent;
  const { index, targetsOf, isSettled, now } = facts;
  const { generation } = route.metadata;
  const { gateways } = facts;
  const serviceKey = `${ref.namespace ?? namespaceOf(route)}/${ref.name}`;
  const path = `spec.parentRefs[${position}]`;
  const isAtGateway = gateway !== undefined && gateways !== undefined;
  const { isRouted, problems } = isAtGateway
    ? gatewayAttachment(gateway, route, ref, path, gateways.index)
    : attachmentOf(route, ref, path, index);
  const inRules = translateHttpRoute(route, isAtGateway ? undefined : serviceKey, 'HTTP', index).problems;
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
        targets: isAtGateway ? gateways.targetsOf(gateway) : targetsOf(serviceKey),
        noun: { one: 'proxy', many: 'proxies' },
        isSettled,
        ...(generation === undefined ? {} : { generation }),
        ...(before === undefined ? {} : { stored: before }),
      }).condition
    : notRouted(accepted);
  return {
    parentRef: ref,
    controllerName: isAtGateway ? GATEWAY_CONTROLLER : MESH_CONTROLLER,
    conditions: mergeConditions(stored?.conditions ?? [], [accepted, resolved, programmed], {
      observedGeneration: generation,
      now,
    }),
  };
}

/** As `attachmentOf`, of a Gateway. */
function gatewayAttachment(gateway: Gateway, route: HTTPRoute, ref: ParentRef, path: string, index: GatewayIndex) {
  const attachment = attachmentTo(gateway, judgeListeners(gateway, index), route, ref, index);
  const { refusal } = attachment;
  const problems = refusal === undefined ? [] : [{ path, ...refusal }];
  return { isRouted: openListeners(attachment).length > 0, problems };
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
