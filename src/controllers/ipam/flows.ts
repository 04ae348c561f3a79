import type { Pod } from '../../api/kubernetes.ts';
import { objectKey } from '../../api/meta.ts';
import { canonicalIp } from '../../lib/ip.ts';
import type { IpamAnswer } from '../../model/ipam/ask.ts';
import type { DeniedFlow, PlacedFlow } from '../../model/policy/denied-flow.ts';
import { askNodes, type NodesDeps } from './ask-nodes.ts';

export interface FlowsDeps extends NodesDeps {
  /** Rejects when the node cannot be reached. */
  readonly deniedFlows: (node: string) => Promise<readonly DeniedFlow[]>;
}

/** An answer has to fit into a ConfigMap. */
const MOST_FLOWS = 2_000;

/** What policies denied lately, on all nodes or one of them, with the pods that have the addresses now. */
export async function lookAtFlows(deps: FlowsDeps, node: string | undefined): Promise<IpamAnswer> {
  if (node !== undefined && deps.nodes.get(node) === undefined) {
    return { what: 'refusal', message: `there is no node '${node}'; see: kubectl get nodes` };
  }
  const answers = await askNodes(deps, deps.deniedFlows, node === undefined ? undefined : [node]);
  const holders = new Map(
    deps.pods.list().flatMap((pod) => addressesOf(pod).map((address) => [address, pod] as const)),
  );
  const nameOf = (address: string) => {
    const pod = holders.get(address);
    return pod === undefined ? undefined : objectKey(pod);
  };
  const problems: string[] = [];
  const flows: PlacedFlow[] = [];
  for (const [name, answer] of answers) {
    if (typeof answer === 'string') problems.push(`${name}: ${answer}`);
    else {
      for (const flow of answer) {
        const [sourcePod, destinationPod] = [nameOf(flow.source), nameOf(flow.destination)];
        flows.push({
          ...{ ...flow, node: name },
          ...(sourcePod === undefined ? {} : { sourcePod }),
          ...(destinationPod === undefined ? {} : { destinationPod }),
        });
      }
    }
  }
  flows.sort((a, b) => (a.last < b.last ? 1 : -1));
  return {
    what: 'flows',
    flows: flows.slice(0, MOST_FLOWS),
    flowsLeftOff: Math.max(0, flows.length - MOST_FLOWS),
    problems,
  };
}

/** Those of the node's own network are the node's. */
function addressesOf({ spec, status }: Pod): string[] {
  if (spec.hostNetwork === true || status?.phase === 'Succeeded' || status?.phase === 'Failed') return [];
  return (status?.podIPs ?? []).flatMap(({ ip }) => canonicalIp(ip) ?? []);
}
