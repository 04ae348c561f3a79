import type { Gateway, GatewayListenerStatus } from '../../../api/gateway.ts';
import type { Condition } from '../../../api/meta.ts';
import { CONDITION, REASON } from '../../../api/reasons.ts';
import { type DesiredCondition, mergeConditions } from '../../status/conditions.ts';
import { decideProgrammed, type ProgramTarget } from '../../status/programmed.ts';
import { GATEWAY_API } from '../reference-grant.ts';
import { routesAt } from './attachment.ts';
import type { GatewayIndex } from './gateway-index.ts';
import { gatewayRefusal, isOpen, type JudgedListener, judgeListeners } from './listeners.ts';

export interface GatewayFacts {
  readonly index: GatewayIndex;
  /** Its own proxies. */
  readonly targets: readonly ProgramTarget[];
  /** Of its Service: those of load balancers, or else in the cluster. */
  readonly addresses: readonly { readonly type: 'IPAddress' | 'Hostname'; readonly value: string }[];
  /** Why it is not run; absent when it is. */
  readonly trouble?: string;
  /** See `ProgrammedInput`. */
  readonly isSettled: boolean;
  /** RFC 3339, whole seconds. */
  readonly now: string;
}

/** Of a Gateway that is Weft's to run. The same facts give the same status. */
export function gatewayStatus(gateway: Gateway, facts: GatewayFacts) {
  const judged = judgeListeners(gateway, facts.index);
  const { generation } = gateway.metadata;
  const stored = gateway.status?.conditions ?? [];
  const programmed = gatewayProgrammed(facts, stored, generation);
  return {
    conditions: mergeConditions(stored, [gatewayAccepted(gateway, judged), programmed], {
      observedGeneration: generation,
      now: facts.now,
    }),
    addresses: facts.addresses,
    listeners: judged.map((listener) => listenerStatus(gateway, judged, listener, programmed, facts)),
  };
}

function gatewayAccepted(gateway: Gateway, judged: readonly JudgedListener[]): DesiredCondition {
  const refused = gatewayRefusal(gateway);
  if (refused !== undefined) return { type: CONDITION.accepted, status: 'False', ...refused };
  const bad = judged.filter(({ notAccepted, conflict }) => notAccepted !== undefined || conflict !== undefined);
  if (bad.length === 0) return yes(CONDITION.accepted, REASON.accepted, 'every listener is understood');
  const names = bad.map(({ listener }) => listener.name).join(', ');
  const message = `listeners are not in force: ${names}; see their conditions`;
  const status = bad.length === judged.length ? 'False' : 'True';
  return { type: CONDITION.accepted, status, reason: REASON.listenersNotValid, message };
}

function gatewayProgrammed(
  { targets, addresses, trouble, isSettled }: GatewayFacts,
  conditions: readonly Condition[],
  generation: number | undefined,
): DesiredCondition {
  const type = CONDITION.programmed;
  if (trouble !== undefined) return { type, status: 'False', reason: REASON.invalid, message: trouble };
  if (addresses.length === 0) {
    const message = 'its Service has no address yet';
    return { type, status: 'False', reason: REASON.addressNotAssigned, message };
  }
  const running = targets.length > 0;
  if (!running) return { type, status: 'False', reason: REASON.pending, message: 'none of its pods runs yet' };
  const stored = conditions.find((condition) => condition.type === type);
  return decideProgrammed({
    ...{ targets, isSettled, noun: { one: 'proxy', many: 'proxies' } },
    ...(generation === undefined ? {} : { generation }),
    ...(stored === undefined ? {} : { stored }),
  }).condition;
}

function listenerStatus(
  gateway: Gateway,
  all: readonly JudgedListener[],
  judged: JudgedListener,
  programmed: DesiredCondition,
  { index, now }: GatewayFacts,
): GatewayListenerStatus {
  const { listener, kinds, notAccepted, conflict, unresolved } = judged;
  const before = gateway.status?.listeners?.find(({ name }) => name === listener.name)?.conditions ?? [];
  const closed = {
    type: CONDITION.programmed,
    status: 'False',
    reason: REASON.invalid,
    message: 'it is not in force',
  } as const;
  const conditions: readonly DesiredCondition[] = [
    notAccepted === undefined && conflict === undefined
      ? yes(CONDITION.accepted, REASON.accepted, 'it is understood')
      : { type: CONDITION.accepted, status: 'False', ...(notAccepted ?? conflict ?? NEVER) },
    conflict === undefined
      ? { type: CONDITION.conflicted, status: 'False', reason: REASON.noConflicts, message: 'it excludes no other' }
      : { type: CONDITION.conflicted, status: 'True', ...conflict },
    unresolved === undefined
      ? yes(CONDITION.resolvedRefs, REASON.resolvedRefs, 'everything that is named exists')
      : { type: CONDITION.resolvedRefs, status: 'False', ...unresolved },
    isOpen(judged) ? programmed : closed,
  ];
  return {
    name: listener.name,
    supportedKinds: kinds.map((kind) => ({ group: GATEWAY_API, kind })),
    attachedRoutes: notAccepted === undefined ? routesAt(gateway, all, judged, index).length : 0,
    conditions: mergeConditions(before, conditions, { observedGeneration: gateway.metadata.generation, now }),
  };
}

const NEVER = { reason: REASON.invalid, message: '' };

function yes(type: string, reason: string, message: string): DesiredCondition {
  return { type, status: 'True', reason, message };
}
