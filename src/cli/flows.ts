import type { IpamAnswer } from '../model/ipam/ask.ts';
import type { PlacedFlow } from '../model/policy/denied-flow.ts';
import { renderTable } from './table.ts';

export type FlowsAnswer = Extract<IpamAnswer, { readonly what: 'flows' }>;

/** Those that begin or end at a pod, `namespace/name`. */
export function flowsOf(answer: FlowsAnswer, pod: string | undefined): FlowsAnswer {
  if (pod === undefined) return answer;
  const flows = answer.flows.filter(({ sourcePod, destinationPod }) => sourcePod === pod || destinationPod === pod);
  return { ...answer, flows };
}

export function renderFlows({ flows, flowsLeftOff, problems }: FlowsAnswer): string {
  const rows = flows.map((flow) => {
    const { last, node, direction, source, destination, sourcePod, destinationPod, verdict, policy, packets } = flow;
    const time = last.replace('T', ' ').replace(/\.\d+Z$/, '');
    const isMore = direction === 'ingress' ? 'to' : 'from';
    return [
      ...[time, sourcePod ?? source, destinationPod ?? destination, portText(flow), `${packets}`],
      ...[verdict === 'reject' ? 'rejected' : 'dropped', `${policy} (${isMore})`, node],
    ];
  });
  const table = renderTable(['LAST (UTC)', 'FROM', 'TO', 'PORT', 'PACKETS ≥', '', 'BY', 'NODE'], rows);
  return [
    rows.length === 0 ? 'Nothing was denied lately.' : table,
    ...(flowsLeftOff === 0 ? [] : [`${flowsLeftOff} older ones are left out: use --node.`]),
    ...problems.map((problem) => `Not asked: ${problem}`),
  ].join('\n');
}

function portText({ protocol, port }: PlacedFlow): string {
  if (port === undefined) return protocol;
  return protocol.startsWith('ICMP') ? `${protocol} type ${port}` : `${protocol}/${port}`;
}
