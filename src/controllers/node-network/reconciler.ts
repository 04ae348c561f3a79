import type { IPBlock } from '../../api/generated/ipblock.ts';
import type { NodeNetwork } from '../../api/generated/nodenetwork.ts';
import type { Node } from '../../api/kubernetes.ts';
import { CONDITION, REASON } from '../../api/reasons.ts';
import { type ApplyOptions, applyObject, type StatusWriter } from '../../kube/apply.ts';
import { DONE, type Reconciler, type ReconcileResult } from '../../kube/controller.ts';
import type { EventRecorder } from '../../kube/events.ts';
import { KINDS } from '../../kube/kinds.ts';
import type { StoreReader } from '../../kube/store.ts';
import { asNumberProblem } from '../../model/bgp/bgp-node.ts';
import { isUnagreed } from '../../model/ipam/borrowed.ts';
import { tunnelAddressesOf } from '../../model/ipam/tunnel.ts';
import type { NodeReportIr } from '../../model/node/report.ts';
import { nodeAddressOf } from '../../model/node/translate-node.ts';
import { isTrue } from '../../model/status/conditions.ts';
import { nodeNetworkStatus } from '../../model/status/node-network.ts';
import { openNode } from './open-node.ts';

export interface NodeNetworkDeps {
  readonly nodes: StoreReader<Node>;
  readonly blocks: StoreReader<IPBlock>;
  readonly nodeNetworks: StoreReader<NodeNetwork>;
  readonly apply: ApplyOptions;
  readonly status: StatusWriter;
  readonly events: EventRecorder;
  readonly held: {
    isConnected(node: string): boolean;
    errors(node: string): readonly string[];
  };
  readonly report: (node: string) => NodeReportIr | undefined;
  /** Every node has reported, or the time for it is over. */
  readonly isSettled: () => boolean;
}

/** Keeps a NodeNetwork for each Node, and opens Nodes to pods once they can be served. Key: the node. Leader only. */
export class NodeNetworkReconciler implements Reconciler {
  readonly #deps: NodeNetworkDeps;
  /** By node: how often its policy table had been changed by others when it was looked at last. */
  readonly #openings = new Map<string, number>();

  constructor(deps: NodeNetworkDeps) {
    this.#deps = deps;
  }

  async reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult> {
    const { nodes, nodeNetworks, apply, status, isSettled, held } = this.#deps;
    const node = nodes.get(key);
    if (node === undefined) return DONE;
    const network = nodeNetworks.get(key);
    if (network === undefined) {
      await applyObject(
        apply,
        KINDS.nodeNetwork,
        { metadata: { name: key, ownerReferences: [ownerOf(node)] } },
        signal,
      );
      return DONE;
    }
    // Who has not dialled back yet is not known to be away.
    if (!held.isConnected(key) && !isSettled()) return DONE;
    this.#tellOpenings(network);
    const desired = this.#status(node);
    if (isTrue(desired.conditions, CONDITION.ready)) await openNode(apply, node, signal);
    return status.write(KINDS.nodeNetwork, network, desired, signal);
  }

  /** What happened before this replica led, or before the agent's restart, is its log's and its metrics' to tell. */
  #tellOpenings(network: NodeNetwork): void {
    const { name } = network.metadata;
    const openings = this.#deps.report(name)?.policyOpenings;
    if (openings === undefined) return;
    const known = this.#openings.get(name);
    this.#openings.set(name, openings.count);
    if (known === undefined || openings.count <= known) return;
    this.#deps.events.record(KINDS.nodeNetwork, network, {
      ...{ type: 'Warning', reason: REASON.policyTableRestored, action: 'Repair' },
      message: `somebody else changed the table 'inet weft' of the node; pods may have been without their policy for ${(openings.lastMs / 1000).toFixed(1)} s. It is as it should be again`,
    });
  }

  #status(node: Node) {
    const { blocks, held, report } = this.#deps;
    const { name, uid } = node.metadata;
    const own = blocks.list().filter((block) => block.spec.nodeUid === uid && !isUnagreed(block));
    return nodeNetworkStatus({
      address: nodeAddressOf(node),
      tunnelAddresses: tunnelAddressesOf(own),
      blocks: own.map(({ spec }) => spec.cidr),
      isConnected: held.isConnected(name),
      report: report(name),
      refused: held.errors(name),
      bgpProblem: asNumberProblem(node),
    });
  }
}

/** With the Node its NodeNetwork goes, too: Kubernetes collects it. */
function ownerOf({ metadata: { name, uid = '' } }: Node) {
  return { apiVersion: 'v1', kind: 'Node', name, uid };
}
