import type { Pod } from '../api/kubernetes.ts';
import { objectKey } from '../api/meta.ts';
import { familyOf } from '../lib/ip.ts';
import { isInjected } from '../model/mesh/identity.ts';
import type { MeshInput } from '../model/mesh/mesh-index.ts';
import { podsWithoutProxy } from '../model/mesh/missing-proxies.ts';
import type { CallRequest } from '../model/mesh/request-match.ts';
import type { EndpointLook } from '../model/mesh/way/endpoint-look.ts';
import { type CallWay, explainCall } from '../model/mesh/way/explain-call.ts';
import { explainFlag, type FlagLook } from '../model/mesh/way/explain-flag.ts';
import { RESPONSE_FLAGS } from '../model/mesh/way/response-flags.ts';
import type { PolicyLook } from '../model/mesh/way/route-look.ts';
import { zoneOf } from '../model/node/translate-node.ts';
import { explainFlow, type FlowEnd } from '../model/policy/explain.ts';
import { createPolicyIndex } from '../model/policy/policy-index.ts';
import { type Called, findCalled } from './called-service.ts';
import { endName, endsOf, type ExplainWish, parseTarget, type PolicyWorld } from './explain.ts';
import { parseRequest } from './request.ts';
import type { ConditionedObject } from './status.ts';

/** What decides about calls beside `PolicyWorld`. */
export type MeshParts = Omit<MeshInput, 'services' | 'pods' | 'meshServices' | 'trustDomain'>;

export interface CallWish extends ExplainWish {
  /** Of an access log: one, or several with commas between. */
  readonly flag?: string;
}

export interface CallReport extends CallWay {
  readonly from: string;
  readonly to: string;
  readonly flags: readonly FlagLook[];
}

/** Whether the target is a service, and not a pod or an address of somebody else's. @throws Error as `findCalled`. */
export function aimsAtService(world: PolicyWorld, { from, to }: ExplainWish): boolean {
  return findCalled(world, callerOf(world, from).namespace, parseTarget(to).target) !== undefined;
}

/** @throws Error that says how something is written, or what is not there. */
export function explainServiceCall(world: PolicyWorld, parts: MeshParts, wish: CallWish): CallReport {
  const { from, to, protocol, http, headers = [], flag } = wish;
  const { target, port } = parseTarget(to);
  const { pod: caller, namespace, ends } = callerOf(world, from);
  const called = findCalled(world, namespace, target);
  if (called === undefined) throw new Error(`there is no service '${target}'`);
  checkPort(called, port, protocol);
  const hasProxy = caller !== undefined && isInjected(caller);
  if (called.knownTo === 'proxies' && !hasProxy)
    throw new Error(`only pods that have a proxy know the name '${target}', and ${from} has none`);
  const given = http === undefined ? undefined : parseRequest(http, headers);
  const request = given === undefined ? undefined : withHost(given, called, port);
  const nodeName = caller?.spec.nodeName ?? '';
  const node = world.nodes.find(({ metadata }) => metadata.name === nodeName);
  const judges = new PolicyJudge(world, ends, protocol);
  const way = explainCall({
    input: {
      ...parts,
      ...{ services: world.objects.services?.upserts ?? [], pods: world.objects.pods.upserts },
      ...{ meshServices: world.meshServices, trustDomain: '' },
    },
    ...(caller === undefined ? {} : { caller }),
    lacksProxy: caller !== undefined && podsWithoutProxy([caller], namespaceOf(world), NONE_EXEMPT).length > 0,
    node: { name: nodeName, zone: node === undefined ? undefined : zoneOf(node) },
    ...{ service: called.service, port, protocol },
    isByClusterName: called.host !== undefined && called.knownTo === 'everybody',
    ...(request === undefined ? {} : { request }),
    judge: (endpoint, sent) => judges.look(endpoint, sent),
  });
  const [end] = ends;
  const asked = http === undefined ? '' : `, ${http}`;
  return {
    ...way,
    ...{ from: end === undefined ? from : endName(end), to: `${way.service.name}:${port}${asked}` },
    conditions: [...way.conditions, ...judges.conditions()],
    flags: flag === undefined ? [] : flag.split(',').map((one) => lookAtFlag(one.trim(), way)),
  };
}

/** Namespaces without injection are the chart's to say. */
const NONE_EXEMPT: ReadonlySet<string> = new Set();

function namespaceOf({ objects }: PolicyWorld) {
  return (name: string) => objects.namespaces?.upserts?.find(({ metadata }) => metadata.name === name);
}

function lookAtFlag(flag: string, way: CallWay): FlagLook {
  const look = explainFlag(flag, way);
  if (look === undefined)
    throw new Error(
      `Envoy has no flag '${flag}' that is known here; there are ${Object.keys(RESPONSE_FLAGS).join(', ')}`,
    );
  return look;
}

function callerOf(world: PolicyWorld, from: string) {
  const ends = endsOf(world, from);
  const key = ends[0]?.pod?.key;
  const pod: Pod | undefined = world.objects.pods.upserts.find((of) => objectKey(of) === key);
  return { ends, pod, namespace: pod?.metadata.namespace ?? '' };
}

function checkPort({ service }: Called, port: number, protocol: ExplainWish['protocol']): void {
  const ports = (service.spec.ports ?? []).filter((of) => (of.protocol ?? 'TCP') === protocol).map((of) => of.port);
  if (ports.includes(port)) return;
  const known = ports.length === 0 ? 'it has none' : `it has ${ports.join(', ')}`;
  throw new Error(`service ${objectKey(service)} has no ${protocol} port ${port}; ${known}`);
}

/** Clients name the host that they call. */
function withHost(request: CallRequest, { host }: Called, port: number): CallRequest {
  if (host === undefined || request.headers['host'] !== undefined) return request;
  return { ...request, headers: { ...request.headers, host: port === 80 ? host : `${host}:${port}` } };
}

/** What policies of both ends say of calls to endpoints, and which policies said something. */
class PolicyJudge {
  readonly #world: PolicyWorld;
  readonly #callers: readonly FlowEnd[];
  readonly #protocol: ExplainWish['protocol'];
  readonly #index = createPolicyIndex();
  readonly #asked = new Set<string>();

  constructor(world: PolicyWorld, callers: readonly FlowEnd[], protocol: ExplainWish['protocol']) {
    this.#world = world;
    this.#callers = callers;
    this.#protocol = protocol;
    this.#index.apply(world.objects);
  }

  look({ address, port }: EndpointLook, request: CallRequest | undefined): PolicyLook {
    const [to] = endsOf(this.#world, address);
    const from = this.#callers.find((of) => familyOf(of.address) === familyOf(address));
    if (to === undefined || from === undefined)
      return { isAllowed: false, why: 'the caller has no address of its family' };
    const ask = { from, to, protocol: this.#protocol, port, ...(request === undefined ? {} : { request }) };
    const { verdict, ends, requests } = explainFlow(this.#index, ask);
    for (const { rules } of ends) for (const { origin } of rules) this.#asked.add(origin);
    const shut = ends.find((end) => end.verdict !== 'allow');
    if (shut !== undefined)
      return { isAllowed: verdict === 'allow', why: `${shut.direction} of ${shut.pod}: ${shut.why}` };
    return { isAllowed: true, why: request === undefined ? (requests ?? 'policies allow it') : 'policies allow it' };
  }

  /** Not True, of the policies that were asked. */
  conditions(): CallWay['conditions'] {
    const policies: readonly ConditionedObject[] = (this.#world.objects.policies?.upserts ?? []) as ConditionedObject[];
    return policies.flatMap((policy) => {
      const object = `NetworkPolicy ${objectKey(policy)}`;
      if (!this.#asked.has(object)) return [];
      const conditions = (policy.status?.conditions ?? []).filter(({ status }) => status !== 'True');
      return conditions.map(({ type, status, reason, message }) => ({ object, type, status, reason, message }));
    });
  }
}
