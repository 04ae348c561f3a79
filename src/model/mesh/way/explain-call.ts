import type { Pod, Service } from '../../../api/kubernetes.ts';
import { objectKey } from '../../../api/meta.ts';
import type { AppProtocol } from '../../node/ir.ts';
import type { RoutingNode } from '../../service/objects.ts';
import type { ServiceProtocol } from '../../service/vip.ts';
import { isInjected, spiffeIdOf } from '../identity.ts';
import { indexMesh, type MeshIndex, meshServiceFor, type MeshInput } from '../mesh-index.ts';
import { ownerOfService } from '../own-service.ts';
import { isHttp, meshPortsOf, protocolOf, protocolSourceOf } from '../protocol.ts';
import { type CallRequest, identityPath } from '../request-match.ts';
import { rulesOfPort, translateService } from '../service.ts';
import { type ConditionLook, involvedConditions } from './involved-conditions.ts';
import { lookAtKernel } from './kernel-look.ts';
import { isRefusing, lookAtRules, type RouteFacts, type RouteLook, type RuleLook } from './route-look.ts';

export interface CallAsk {
  readonly input: MeshInput;
  /** Absent: no pod calls. */
  readonly caller?: Pod;
  /** It, or its namespace, asks for a proxy, and it has none. */
  readonly lacksProxy: boolean;
  /** That the caller runs on. */
  readonly node: RoutingNode;
  /** One that exists; see `resolveServiceKey`. */
  readonly service: Service;
  /** One of its own. */
  readonly port: number;
  readonly protocol: ServiceProtocol;
  /** By its name in the cluster's DNS, which of a headless Service leads to its pods. */
  readonly isByClusterName: boolean;
  readonly request?: CallRequest;
  readonly judge: RouteFacts['judge'];
}

/** A call's way from a pod to a service, step by step. */
export interface CallWay {
  readonly verdict: 'allow' | 'deny';
  /** In one sentence. */
  readonly result: string;
  readonly caller: {
    readonly hasProxy: boolean;
    /** Without the trust domain. */
    readonly identity?: string;
    readonly zone?: string;
  };
  readonly service: {
    /** `Service shop/web`, or `MeshService shop/web (static)`. */
    readonly name: string;
    readonly port: number;
    readonly protocol: AppProtocol | 'UDP' | 'SCTP';
    readonly protocolSource: string;
    readonly addresses: readonly string[];
    /** Names that pods of its namespace know it by, if they have a proxy. */
    readonly hosts: readonly string[];
  };
  /** Why no proxy of the caller's decides; absent: it does. */
  readonly past?: string;
  readonly rules: readonly RuleLook[];
  /** Of the rule that decides; of several, when it depends on what is not known. */
  readonly routes: readonly RouteLook[];
  /** Not True, of the objects that are involved. */
  readonly conditions: readonly ConditionLook[];
}

export function explainCall(ask: CallAsk): CallWay {
  const { input, caller, service, port, request, judge, node } = ask;
  const index = indexMesh(input);
  const key = objectKey(service);
  const called = lookAtService(index, ask);
  const hasProxy = caller !== undefined && isInjected(caller);
  const spiffeId = caller === undefined ? '' : spiffeIdOf(caller, input.trustDomain);
  const carried = meshPortsOf(service).find((of) => of.port === port);
  const past = pastOf(ask, hasProxy, translateService(index, key) !== undefined);
  const facts: RouteFacts = {
    ...{ index, services: input.services, judge },
    isHttp: carried !== undefined && isHttp(protocolOf(carried, meshServiceFor(index, key))),
    call: { spiffeId, ...(request === undefined ? {} : { request }) },
  };
  const common = {
    caller: {
      hasProxy,
      ...(hasProxy ? { identity: identityPath(spiffeId) } : {}),
      ...(node.zone === undefined ? {} : { zone: node.zone }),
    },
    service: called,
  };
  if (past === undefined && carried !== undefined) {
    const { rules, routes } = lookAtRules(rulesOfPort(index, key, carried), facts);
    const clusters = routes.flatMap(({ backends }) => backends.map(({ name }) => name));
    const conditions = involvedConditions(input, index, key, port, clusters);
    return { ...outcomeOf(rules, routes), ...common, rules, routes, conditions };
  }
  const nobody = nobodyRoutes(service);
  const routes = nobody === undefined ? [lookAtKernel(service, ask, node, facts)] : [];
  const way = { ...common, ...(past === undefined ? {} : { past }), rules: [], routes, conditions: [] };
  return { ...(nobody ?? outcomeOf([], routes)), ...way };
}

function lookAtService(index: MeshIndex, { service, port, protocol }: CallAsk): CallWay['service'] {
  const key = objectKey(service);
  const mesh = meshServiceFor(index, key);
  const carried = protocol === 'TCP' ? meshPortsOf(service).find((of) => of.port === port) : undefined;
  const { clusterIPs = service.spec.clusterIPs ?? [], hosts = [] } = translateService(index, key) ?? {};
  const source = Object.keys(mesh?.spec.source ?? {}).find((of) => of !== 'service');
  return {
    name: source === undefined || mesh === undefined ? `Service ${key}` : `MeshService ${objectKey(mesh)} (${source})`,
    ...{ port, addresses: clusterIPs, hosts },
    protocol: carried === undefined ? protocol : protocolOf(carried, mesh),
    protocolSource: carried === undefined ? 'the Service' : protocolSourceOf(carried, mesh),
  };
}

function pastOf(ask: CallAsk, hasProxy: boolean, isMeshed: boolean): string | undefined {
  const { caller, lacksProxy, protocol, service, isByClusterName } = ask;
  if (caller === undefined) return "the caller is no pod: its node's kernel routes Services";
  if (!hasProxy) {
    const though = lacksProxy ? ', though one is asked for: it is older than the label, so delete it' : '';
    return `${objectKey(caller)} has no proxy${though}: its node's kernel routes Services, in plain and without rules`;
  }
  if (protocol !== 'TCP') return `the mesh carries TCP: the kernel of the caller's node routes ${protocol}`;
  if (isMeshed && !(isByClusterName && isHeadless(service))) return undefined;
  return service.spec.type === 'ExternalName'
    ? 'an ExternalName is another name only: calls go past the mesh'
    : 'it has no address of its own: its names lead to its pods, past the mesh and in plain';
}

function isHeadless({ spec }: Service): boolean {
  return (spec.clusterIPs ?? [spec.clusterIP]).includes('None');
}

/** Past the mesh there are services that are none to the kernel. */
function nobodyRoutes(service: Service): Pick<CallWay, 'verdict' | 'result'> | undefined {
  if (service.spec.type === 'ExternalName') return { verdict: 'allow', result: 'goes to what its name stands for' };
  if (ownerOfService(objectKey(service)) === undefined) return undefined;
  return { verdict: 'deny', result: 'goes nowhere: only pods with a proxy know a service from elsewhere' };
}

function outcomeOf(rules: readonly RuleLook[], routes: readonly RouteLook[]) {
  const [route, ...others] = routes;
  const isOpen = others.length > 0 || rules.some(({ outcome }) => outcome === 'may decide');
  if (route === undefined)
    return { verdict: 'deny' as const, result: 'answered with 404: no rule is about the request' };
  if (!isOpen) return outcomeOfRoute(route);
  const isLost = routes.every((of) => outcomeOfRoute(of).verdict === 'deny');
  return {
    verdict: isLost ? ('deny' as const) : ('allow' as const),
    result: isLost ? 'fails, whatever the request is' : 'depends on the request: one of several rules decides',
  };
}

function outcomeOfRoute({ answer, backends, rule }: RouteLook) {
  if (answer !== undefined) return { verdict: 'allow' as const, result: answer };
  const asked = backends.filter(({ percent }) => percent > 0);
  const failing = asked.filter(({ failure }) => failure !== undefined);
  const [first] = failing;
  if (asked.length === 0) return { verdict: 'deny' as const, result: 'fails: no backend has a weight' };
  if (first?.failure !== undefined && failing.length === asked.length)
    return { verdict: 'deny' as const, result: first.failure };
  const names = asked.filter(({ failure }) => failure === undefined).map(({ name }) => name);
  const lost = Math.round(failing.reduce((sum, { percent }) => sum + percent, 0));
  const part = first === undefined ? '' : `; ${lost} % of the calls fail`;
  const endpoints = asked.filter(({ failure }) => failure === undefined).flatMap((of) => of.endpoints);
  const refusing = endpoints.filter(isRefusing).length;
  const refused = refusing === 0 ? '' : `; ${refusing} of ${endpoints.length} endpoints refuse it`;
  const { abort } = rule?.fault ?? {};
  if (abort?.percent === 100) return { verdict: 'deny' as const, result: `answered with ${abort.status} by a fault` };
  const faults = abort === undefined ? '' : `; ${abort.percent} % are answered with ${abort.status} by a fault`;
  return { verdict: 'allow' as const, result: `goes to ${names.join(' or ')}${part}${refused}${faults}` };
}
