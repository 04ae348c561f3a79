import type { IPBlock } from '../../api/generated/ipblock.ts';
import type { IPPool } from '../../api/generated/ippool.ts';
import type { StoreReader } from '../../kube/store.ts';
import type { AddressFacts } from '../../model/ipam/address-facts.ts';
import type { NodeInspection } from '../../model/ipam/inspection.ts';
import { askNodes, type NodesDeps } from './ask-nodes.ts';

export interface LookDeps extends NodesDeps {
  readonly pools: StoreReader<IPPool>;
  readonly blocks: StoreReader<IPBlock>;
  /** Rejects when the node cannot be reached. */
  readonly inspect: (node: string) => Promise<NodeInspection>;
  /** By uid of the IPBlock. */
  readonly quarantinedMs: () => ReadonlyMap<string, number>;
}

/** Asks every node, and reads what the API has at the end of that: it must not be older than what nodes say. */
export async function lookAtAddresses(deps: LookDeps): Promise<AddressFacts> {
  const { pools, blocks, nodes, pods, quarantinedMs } = deps;
  const inspections = await askNodes(deps, deps.inspect);
  return {
    ...{ pools: pools.list(), blocks: blocks.list(), nodes: nodes.list(), pods: pods.list() },
    ...{ inspections, quarantinedMs: quarantinedMs() },
  };
}
