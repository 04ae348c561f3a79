import type { Node, Pod } from '../api/kubernetes.ts';
import { objectKey } from '../api/meta.ts';
import { CONDITION } from '../api/reasons.ts';
import { canonicalIp, familyOf } from '../lib/ip.ts';
import type { PolicyChange } from '../model/policy/change.ts';
import type { MeshService } from '../api/generated/meshservice.ts';
import { type Explanation, type EndLook, explainFlow, type FlowEnd } from '../model/policy/explain.ts';
import { createPolicyIndex } from '../model/policy/policy-index.ts';
import { httpPortsIn } from './http-ports-in.ts';
import { parseRequest } from './request.ts';
import type { ConditionedObject } from './status.ts';
import { renderTable } from './table.ts';

/** Everything that decides whether a connection passes, as the API has it. */
export interface PolicyWorld {
  readonly objects: PolicyChange & { readonly pods: { readonly upserts: readonly Pod[] } };
  readonly nodes: readonly Node[];
  readonly meshServices: readonly MeshService[];
  readonly nodeNetworks: readonly ConditionedObject[];
}

export interface ExplainWish {
  /** `NAMESPACE/POD`, or an address. */
  readonly from: string;
  /** The same with `:PORT`; of a service see `explainServiceCall`. */
  readonly to: string;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  /** `METHOD /path`. */
  readonly http?: string;
  /** Of the request, `name: value`. */
  readonly headers?: readonly string[];
}

/** A node that an end runs on, and whether its kernel holds what it was told. */
interface NodeLook {
  readonly node: string;
  readonly inForce: string;
}

export interface FlowReport extends Explanation {
  readonly from: string;
  readonly to: string;
  readonly nodes: readonly NodeLook[];
}

/** @throws Error that says how an end is written, or that there is no such pod. */
export function explain(world: PolicyWorld, { from, to, protocol, http, headers = [] }: ExplainWish): FlowReport {
  const request = http === undefined ? undefined : parseRequest(http, headers);
  const { target, port } = parseTarget(to);
  const index = createPolicyIndex();
  index.apply(world.objects);
  const [sender, receiver] = matchFamilies(endsOf(world, from), endsOf(world, target));
  const asked = request === undefined ? {} : { request };
  const explanation = explainFlow(index, { from: sender, to: receiver, protocol, port, ...asked });
  return {
    ...explanation,
    ...{ from: endName(sender), to: `${endName(receiver)} ${protocol}/${port}` },
    nodes: [...new Set(explanation.ends.map(({ node }) => node))].map((node) => lookAt(world, node)),
  };
}

/** @throws Error that says how a target is written. */
export function parseTarget(text: string): { readonly target: string; readonly port: number } {
  const [, target = '', portText = ''] = /^(.*):(\d+)$/.exec(text) ?? [];
  const port = Number(portText);
  if (target === '' || port < 1 || port > 65_535) {
    throw new Error(`the target must be NAMESPACE/POD:PORT, NAMESPACE/SERVICE:PORT or ADDRESS:PORT, not '${text}'`);
  }
  return { target: target.replace(/^\[|\]$/g, ''), port };
}

/** Pure. */
export function renderExplanation(report: FlowReport): string {
  const { verdict, from, to, ends, nodes, shortcut, requests, remedy } = report;
  const result = { allow: 'ALLOWED', deny: 'DENIED', reject: 'REJECTED' }[verdict];
  const parts = [`${from} → ${to}: ${result}`];
  if (shortcut !== undefined) parts.push(`Policies are not asked: ${shortcut}.`);
  parts.push(...ends.map(renderEnd));
  if (requests !== undefined) parts.push(`Requests: ${requests}.`);
  if (nodes.length > 0)
    parts.push(
      renderTable(
        ['NODE', 'ITS KERNEL'],
        nodes.map(({ node, inForce }) => [node, inForce]),
      ),
    );
  parts.push(`For the other verdict: ${remedy}.`);
  return parts.join('\n\n');
}

function renderEnd({ direction, pod, node, why, rules, limits }: EndLook): string {
  const heading = `${direction === 'egress' ? 'Egress' : 'Ingress'} of ${pod}, on ${node}: ${why}.`;
  const held = limits.map((limit) => `\nLimit: ${limit}.`).join('');
  if (rules.length === 0) return `${heading}${held}`;
  const rows = rules.map(({ origin, action, isPeer, set, isPort, isSkipped, decides }) => {
    const yes = (is: boolean) => (is ? 'yes' : 'no');
    const far = isPeer && set !== undefined ? `in set s_${set}` : yes(isPeer);
    const outcome = decides ? 'DECIDES' : isSkipped ? 'not asked' : isPeer && isPort ? 'passes on' : 'no match';
    return [origin, action, far, yes(isPort), outcome];
  });
  return `${heading}\n${renderTable(['RULE OF', 'ACTION', 'FAR END', 'PORT', ''], rows)}${held}`;
}

function lookAt({ nodeNetworks }: PolicyWorld, node: string): NodeLook {
  const conditions = nodeNetworks.find(({ metadata }) => metadata.name === node)?.status?.conditions ?? [];
  const [ready, applied] = [CONDITION.ready, CONDITION.applied].map((of) => conditions.find(({ type }) => type === of));
  if (ready?.status !== 'True') return { node, inForce: `not known: ${ready?.message ?? 'no agent has told of it'}` };
  return {
    node,
    inForce: applied?.status === 'True' ? 'holds all that it was told' : (applied?.message ?? 'not known'),
  };
}

/** One for each address, IPv4 first. */
export function endsOf(world: PolicyWorld, text: string): readonly FlowEnd[] {
  const { objects, nodes } = world;
  const pods = objects.pods.upserts.filter(({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed');
  const addressed = (pod: Pod): FlowEnd[] => addressesOf(pod).map((address) => ({ address, pod: podEnd(pod, world) }));
  const address = canonicalIp(text);
  if (address === undefined) {
    const pod = pods.find((candidate) => objectKey(candidate) === text);
    if (pod === undefined)
      throw new Error(
        `there is no pod '${text}'; an end is NAMESPACE/POD, or an address; who is called may be NAMESPACE/SERVICE too`,
      );
    const ends = addressed(pod);
    if (ends.length === 0) throw new Error(`pod ${text} has no address yet: kubectl describe pod`);
    return ends;
  }
  const isNode = nodes.some(({ status }) => status?.addresses?.some((of) => of.address === address) === true);
  const holder = isNode ? undefined : pods.find((pod) => addressesOf(pod).includes(address));
  return holder === undefined ? [{ address }] : addressed(holder).filter((end) => end.address === address);
}

function addressesOf({ status }: Pod): string[] {
  const all = status?.podIPs?.map(({ ip }) => ip) ?? (status?.podIP === undefined ? [] : [status.podIP]);
  return all.flatMap((ip) => canonicalIp(ip) ?? []).sort((a, b) => familyOf(a) - familyOf(b));
}

function podEnd(pod: Pod, world: PolicyWorld): NonNullable<FlowEnd['pod']> {
  const { nodeName = '', hostNetwork = false } = pod.spec;
  const uid = pod.metadata.uid ?? objectKey(pod);
  return { key: objectKey(pod), uid, nodeName, isOnHostNetwork: hostNetwork, httpPorts: httpPortsIn(world, pod) };
}

/** As tables name it. */
export function endName({ pod, address }: FlowEnd): string {
  return pod === undefined ? address : `${pod.key} (${address})`;
}

/** Addresses of one family; IPv4 where both ends have it. */
function matchFamilies(from: readonly FlowEnd[], to: readonly FlowEnd[]): [FlowEnd, FlowEnd] {
  for (const sender of from) {
    const receiver = to.find(({ address }) => familyOf(address) === familyOf(sender.address));
    if (receiver !== undefined) return [sender, receiver];
  }
  throw new Error('the ends have no address of one family');
}
