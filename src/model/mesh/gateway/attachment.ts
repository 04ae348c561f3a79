import type { Gateway } from '../../../api/gateway.ts';
import type { HTTPRoute, ParentRef } from '../../../api/kubernetes.ts';
import { REASON } from '../../../api/reasons.ts';
import { matchesSelector } from '../../labels.ts';
import { GATEWAY_API } from '../reference-grant.ts';
import type { GatewayIndex } from './gateway-index.ts';
import { commonHosts } from './hostnames.ts';
import { isOpen, type JudgedListener } from './listeners.ts';

/** A route at a listener, and the hosts that it is for there. */
export interface AttachedRoute {
  readonly route: HTTPRoute;
  readonly hosts: readonly string[];
}

/** Where a parentRef leads: to listeners, or why to none. */
export interface Attachment {
  readonly listeners: readonly { readonly judged: JudgedListener; readonly hosts: readonly string[] }[];
  /** Absent when there is a listener. */
  readonly refusal?: { readonly reason: string; readonly message: string };
}

/** Whether a parentRef of the route means this Gateway. A ref without group and kind means one. */
export function meansGateway(route: HTTPRoute, ref: ParentRef, gatewayKey: string): boolean {
  const { group = GATEWAY_API, kind = 'Gateway', namespace = namespaceOf(route), name } = ref;
  return group === GATEWAY_API && kind === 'Gateway' && `${namespace}/${name}` === gatewayKey;
}

export function attachmentTo(
  gateway: Gateway,
  listeners: readonly JudgedListener[],
  route: HTTPRoute,
  { sectionName, port }: ParentRef,
  index: GatewayIndex,
): Attachment {
  const refuse = (reason: string, message: string): Attachment => ({ listeners: [], refusal: { reason, message } });
  const named = listeners.filter(
    ({ listener }) =>
      (sectionName === undefined || listener.name === sectionName) && (port === undefined || listener.port === port),
  );
  if (named.length === 0) return refuse(REASON.noMatchingParent, 'must name a listener that the Gateway has');
  const allowing = named.filter((judged) => allows(gateway, judged, route, index));
  if (allowing.length === 0) {
    const message = `must be one that allowedRoutes of the listener lets in: by kind and namespace it is not`;
    return refuse(REASON.notAllowedByListeners, message);
  }
  const common = allowing.flatMap((judged) => {
    const hosts = commonHosts(judged.listener.hostname, route.spec.hostnames);
    return hosts.length === 0 ? [] : [{ judged, hosts }];
  });
  if (common.length > 0) return { listeners: common };
  return refuse(REASON.noMatchingListenerHostname, 'hostnames must have one in common with the listener');
}

/** Routes at one listener, in the order of `routes`. */
export function routesAt(
  gateway: Gateway,
  listeners: readonly JudgedListener[],
  judged: JudgedListener,
  index: GatewayIndex,
): readonly AttachedRoute[] {
  const gatewayKey = `${gateway.metadata.namespace ?? 'default'}/${gateway.metadata.name}`;
  return index.routesOfGateway(gatewayKey).flatMap((route): readonly AttachedRoute[] => {
    const hosts = (route.spec.parentRefs ?? [])
      .filter((ref) => meansGateway(route, ref, gatewayKey))
      .flatMap((ref) => attachmentTo(gateway, listeners, route, ref, index).listeners)
      .filter((each) => each.judged === judged)
      .flatMap((each) => each.hosts);
    return hosts.length === 0 ? [] : [{ route, hosts: [...new Set(hosts)].sort() }];
  });
}

/** Listeners by which calls of the route come in, of those that it is attached to. */
export function openListeners({ listeners }: Attachment): readonly JudgedListener[] {
  return listeners.map(({ judged }) => judged).filter(isOpen);
}

function allows(gateway: Gateway, { listener, kinds }: JudgedListener, route: HTTPRoute, index: GatewayIndex): boolean {
  if (!kinds.includes(route.kind ?? 'HTTPRoute')) return false;
  const { from = 'Same', selector = {} } = listener.allowedRoutes?.namespaces ?? {};
  const namespace = namespaceOf(route);
  if (from === 'All') return true;
  if (from === 'Same') return namespace === (gateway.metadata.namespace ?? 'default');
  if (from !== 'Selector') return false;
  return matchesSelector(selector, index.namespace(namespace)?.metadata.labels ?? {});
}

function namespaceOf({ metadata }: HTTPRoute): string {
  return metadata.namespace ?? 'default';
}
