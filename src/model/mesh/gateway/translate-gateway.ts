import type { Gateway } from '../../../api/gateway.ts';
import type { HTTPRoute } from '../../../api/kubernetes.ts';
import type { BackendIr, GatewayChainIr, GatewayHostIr, GatewayIr, RouteRuleIr } from '../../node/ir.ts';
import { compareRouteRules } from '../http-route-match.ts';
import { translateHttpRoute } from '../http-route.ts';
import { translateTraces } from '../tracing.ts';
import { type AttachedRoute, routesAt } from './attachment.ts';
import type { GatewayIndex } from './gateway-index.ts';
import { ANY_HOST, bySpecificity, covers } from './hostnames.ts';
import { isOpen, type JudgedListener, judgeListeners } from './listeners.ts';

/** What the proxies of a Gateway do: on each port, for each name that a caller may ask TLS for, which calls go where. */
export function translateGateway(gateway: Gateway, index: GatewayIndex): GatewayIr {
  const all = judgeListeners(gateway, index);
  const open = all.filter(isOpen);
  const ports = [...new Set(open.map(({ listener }) => listener.port))].sort((a, b) => a - b);
  const traces = translateTraces(index.tracing, 'HTTP', undefined, undefined);
  return {
    ...(traces === undefined ? {} : { traces }),
    ports: ports.map((port) => {
      const here = open.filter(({ listener }) => listener.port === port);
      const at = (judged: JudgedListener) => routesAt(gateway, all, judged, index);
      const plain = here.filter(({ protocol }) => protocol === 'HTTP');
      const chains = here.flatMap((judged) => {
        if (judged.protocol === 'HTTPS') return [terminated(judged, at(judged), index)];
        return judged.protocol === 'TLS' ? passedThrough(judged, at(judged), index) : [];
      });
      return { port, chains: plain.length === 0 ? chains : [plainChain(port, plain.flatMap(at), index)] };
    }),
  };
}

/** Certificates that the proxies of a Gateway present: keys of their Secrets, sorted. */
export function certificatesOfGateway({ ports }: GatewayIr): readonly string[] {
  return [...new Set(ports.flatMap(({ chains }) => chains.flatMap(({ certificates }) => certificates)))].sort();
}

/** Listeners of plain HTTP on one port are told apart by the Host header alone: their hosts stand together. */
function plainChain(port: number, routes: readonly AttachedRoute[], index: GatewayIndex): GatewayChainIr {
  return { name: String(port), protocol: 'HTTP', ...NOTHING, hosts: hostsOf(routes, index) };
}

function terminated(
  { listener, certificates }: JudgedListener,
  routes: readonly AttachedRoute[],
  index: GatewayIndex,
): GatewayChainIr {
  const { name, hostname = ANY_HOST } = listener;
  const serverNames = hostname === ANY_HOST ? [] : [hostname.toLowerCase()];
  return { name, protocol: 'HTTPS', ...NOTHING, serverNames, certificates, hosts: hostsOf(routes, index) };
}

/** One for each route; of two for one name the older counts. */
function passedThrough(
  { listener }: JudgedListener,
  routes: readonly AttachedRoute[],
  index: GatewayIndex,
): GatewayChainIr[] {
  const taken = new Set<string>();
  return routes.flatMap(({ route, hosts }, position): GatewayChainIr[] => {
    const free = hosts.filter((host) => !taken.has(host));
    for (const host of free) taken.add(host);
    if (free.length === 0) return [];
    const serverNames = free.includes(ANY_HOST) ? [] : free;
    const name = `${listener.name}-${position}`;
    return [{ name, protocol: 'TLS', ...NOTHING, serverNames, backends: backendsOf(route, index) }];
  });
}

const NOTHING: Pick<GatewayChainIr, 'serverNames' | 'certificates' | 'hosts' | 'backends'> = {
  ...{ serverNames: [], certificates: [], hosts: [], backends: [] },
};

/**
 * For each host the rules of all routes that are for it, those of routes that name it more exactly before those of
 * others (HTTPRouteRule.matches, HTTPRouteSpec.hostnames).
 */
function hostsOf(routes: readonly AttachedRoute[], index: GatewayIndex): readonly GatewayHostIr[] {
  const rules = new Map(
    [...new Set(routes.map(({ route }) => route))].map((route) => [route, rulesOf(route, index)] as const),
  );
  const hosts = [...new Set(routes.flatMap(({ hosts: own }) => own))].sort(bySpecificity);
  return hosts.map((host) => {
    const patterns = hosts.filter((pattern) => covers(pattern, host));
    const inOrder = patterns.flatMap((pattern) => {
      const naming = routes.filter(({ hosts: own }) => own.includes(pattern)).map(({ route }) => route);
      return [...new Set(naming)].flatMap((route) => rules.get(route) ?? []).sort(compareRouteRules);
    });
    return { host, rules: [...new Set(inOrder)] };
  });
}

/** Calls go by what the MeshService of the first backend says of them. */
function rulesOf(route: HTTPRoute, index: GatewayIndex): readonly RouteRuleIr[] {
  return translateHttpRoute(route, undefined, 'HTTP', index).value.map(({ rule }) => rule);
}

function backendsOf(route: HTTPRoute, index: GatewayIndex): readonly BackendIr[] {
  const [first] = translateHttpRoute(route, undefined, 'TCP', index).value;
  return first?.rule.backends ?? [];
}
