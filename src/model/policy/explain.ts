import type { PolicyIndex } from './policy-index.ts';
import { describeLimits } from './describe-limits.ts';
import {
  evaluate,
  type AddressSets,
  addressSets,
  matchesHttp,
  matchesPeer,
  matchesPort,
  type PolicyPacket,
} from './evaluate.ts';
import type { HttpRequest } from './http-rules.ts';
import type { AddressSetIr, RuleIr } from '../node/ir.ts';
import type { Direction } from './policy-form.ts';
import { NO_RULE } from './tiers.ts';

/** One end of a connection: an address, and the pod that has it, when there is one. */
export interface FlowEnd {
  readonly address: string;
  readonly pod?: {
    /** `namespace/name`. */
    readonly key: string;
    readonly uid: string;
    readonly nodeName: string;
    readonly isOnHostNetwork: boolean;
    /** Ports whose connections the pod's proxy reads as HTTP; absent: none. */
    readonly httpPorts?: readonly number[];
  };
}

export interface FlowAsk {
  readonly from: FlowEnd;
  readonly to: FlowEnd;
  readonly protocol: PolicyPacket['protocol'];
  /** Of ICMP the type. */
  readonly port: number;
  /** Of ICMP. */
  readonly code?: number;
  /** The request to be judged, not the connection only. */
  readonly request?: HttpRequest;
}

export interface RuleLook {
  /** Whose rule it is. */
  readonly origin: string;
  readonly action: RuleIr['action'];
  readonly isPeer: boolean;
  /** Key of the address set that has the far end in it; absent: none, or the rule is about everybody. */
  readonly set?: string;
  readonly isPort: boolean;
  /** Not asked any more, as a rule before has decided, or skipped by what another one passed on. */
  readonly isSkipped: boolean;
  readonly decides: boolean;
  /** `isPort` says whether it matches the request, or else whether it could match one. */
  readonly isAboutRequests: boolean;
}

/** What one end's policies say of the connection. */
export interface EndLook {
  readonly direction: Direction;
  readonly pod: string;
  readonly node: string;
  readonly verdict: 'allow' | 'deny' | 'reject';
  /** In one sentence. */
  readonly why: string;
  /** Empty where no policy speaks of this direction. */
  readonly rules: readonly RuleLook[];
  /** What it is held to where it is allowed, as sentences. */
  readonly limits: readonly string[];
}

export interface Explanation {
  readonly verdict: 'allow' | 'deny' | 'reject';
  /** The sender's egress, then the receiver's ingress; only of ends that are pods of the pod network. */
  readonly ends: readonly EndLook[];
  /** Where policies are not asked at all: why. */
  readonly shortcut?: string;
  /** What would bring the other verdict. */
  readonly remedy: string;
  /** Who judges requests of the connection, when it passes and some rule is about them. */
  readonly requests?: string;
}

/** Why a connection's first packet passes or not: the rules of both ends in the order in which the kernel meets them. */
export function explainFlow(index: PolicyIndex, ask: FlowAsk): Explanation {
  const { from, to } = ask;
  const shortcut = shortcutOf(ask);
  if (shortcut !== undefined) return { verdict: 'allow', ends: [], shortcut, remedy: 'no policy can forbid it' };
  const ends = [
    ...(isPolicedPod(from) ? [lookAt(index, 'egress', from, to, ask)] : []),
    ...(isPolicedPod(to) ? [lookAt(index, 'ingress', to, from, ask)] : []),
  ];
  const shut = ends.find(({ verdict }) => verdict !== 'allow');
  const requests = shut === undefined ? requestsOf(ends, ask) : undefined;
  const explanation: Explanation = { verdict: shut?.verdict ?? 'allow', ends, remedy: remedyOf(ends, shut) };
  return requests === undefined ? explanation : { ...explanation, requests };
}

type PolicedEnd = FlowEnd & { readonly pod: NonNullable<FlowEnd['pod']> };

function isPolicedPod(end: FlowEnd): end is PolicedEnd {
  return end.pod !== undefined && !end.pod.isOnHostNetwork;
}

function shortcutOf({ from, to }: FlowAsk): string | undefined {
  if (!isPolicedPod(from) && !isPolicedPod(to)) return 'neither end is a pod of the pod network';
  if (from.pod !== undefined && from.pod.uid === to.pod?.uid) return 'a pod always reaches itself';
  const isFromOwnNode = from.pod?.isOnHostNetwork === true && from.pod.nodeName === to.pod?.nodeName;
  return isFromOwnNode ? 'the node that a pod runs on always reaches it, as Kubernetes demands' : undefined;
}

function lookAt(index: PolicyIndex, direction: Direction, end: PolicedEnd, far: FlowEnd, ask: FlowAsk): EndLook {
  const { key: pod, uid, nodeName: node } = end.pod;
  const binding = index.binding(uid);
  const key = direction === 'egress' ? binding?.egressChain : binding?.ingressChain;
  const chain = key === undefined ? undefined : index.chain(key);
  const common = { direction, pod, node };
  if (chain === undefined) {
    return { ...common, verdict: 'allow', why: `no policy speaks of ${direction} of ${pod}`, rules: [], limits: [] };
  }
  const sets = setsOf(index, chain.rules);
  const { protocol, port, code, request } = ask;
  const isHttp = direction === 'ingress' && end.pod.httpPorts?.includes(port) === true;
  const packet: PolicyPacket = {
    ...{ peer: far.address, protocol, port, isHttp },
    ...(code === undefined ? {} : { code }),
    ...(isHttp && request !== undefined ? { request } : {}),
  };
  const { verdict, rule } = evaluate(chain, sets, packet);
  let passed = -1;
  const rules = chain.rules.map((of, at): RuleLook => {
    const { origin, action, tier = 0 } = of;
    const isSkipped = tier <= passed || (rule !== undefined && at > rule);
    const [isPeer, isPort] = [matchesPeer(of, sets, packet), matchesPort(of, packet) && matchesHttp(of, packet)];
    if (!isSkipped && action === 'pass' && isPeer && isPort) passed = tier;
    const isAboutRequests = of.http !== undefined;
    const set = of.peers === 'any' ? undefined : of.peers.find((key) => sets.has(key, packet.peer));
    const look = { origin, action, isPeer, isPort, isSkipped, decides: at === rule, isAboutRequests };
    return set === undefined ? look : { ...look, set };
  });
  const decider = rule === undefined ? undefined : chain.rules[rule];
  return { ...common, verdict, why: whyOf(verdict, decider), rules, limits: describeLimits(chain) };
}

function requestsOf(ends: readonly EndLook[], ask: FlowAsk): string | undefined {
  const { request } = ask;
  const isJudged = ask.to.pod?.httpPorts?.includes(ask.port) === true;
  const judge = ends.find(({ rules }) => rules.some(({ isAboutRequests, isPeer }) => isAboutRequests && isPeer));
  if (judge === undefined || !isJudged) return undefined;
  const origins = [...new Set(judge.rules.filter((rule) => rule.isAboutRequests).map(({ origin }) => origin))];
  const proxy = `the proxy of ${judge.pod}`;
  return request === undefined
    ? `${proxy} judges each request by ${origins.join(', ')}`
    : `${proxy} lets this request pass`;
}

function whyOf(verdict: EndLook['verdict'], decider: RuleIr | undefined): string {
  if (decider === undefined && verdict === 'allow') return 'no rule matches, and what none matches is allowed here';
  if (decider === undefined || decider.origin === NO_RULE) return 'policies select the pod, and no rule allows it';
  return `${decider.origin} ${{ allow: 'allows', deny: 'denies', reject: 'rejects' }[verdict]} it`;
}

function remedyOf(ends: readonly EndLook[], shut: EndLook | undefined): string {
  if (shut === undefined) {
    const names = ends.map(({ direction, pod }) => `${direction} of ${pod}`).join(' or ');
    return `a policy that denies it, for ${names}`;
  }
  const decider = shut.rules.find(({ decides }) => decides);
  if (decider !== undefined && decider.origin !== NO_RULE) {
    return `a rule that allows it before that of ${decider.origin}, or a change of that`;
  }
  const missed = [...new Set(shut.rules.filter(({ action }) => action === 'allow').map(({ origin }) => origin))];
  const where = missed.length === 0 ? 'a policy' : `one of ${missed.join(', ')}, or another policy`;
  return `a rule in ${where}, that allows it for ${shut.direction} of ${shut.pod}`;
}

function setsOf(index: PolicyIndex, rules: readonly RuleIr[]): AddressSets {
  const keys = new Set(rules.flatMap(({ peers }) => (peers === 'any' ? [] : peers)));
  const bodies = [...keys].flatMap((key): [string, AddressSetIr][] => {
    const body = index.addressSet(key);
    return body === undefined ? [] : [[key, body]];
  });
  return addressSets(new Map(bodies));
}
