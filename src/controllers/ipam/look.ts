import type { IPBlock } from '../../api/generated/ipblock.ts';
import type { IPPool } from '../../api/generated/ippool.ts';
import type { Node, Pod } from '../../api/kubernetes.ts';
import type { StoreReader } from '../../kube/store.ts';
import { type Clock, sleep } from '../../lib/clock.ts';
import type { AddressFacts } from '../../model/ipam/address-facts.ts';
import type { NodeInspection } from '../../model/ipam/inspection.ts';

export interface LookDeps {
  readonly pools: StoreReader<IPPool>;
  readonly blocks: StoreReader<IPBlock>;
  readonly nodes: StoreReader<Node>;
  readonly pods: StoreReader<Pod>;
  /** Rejects when the node cannot be reached. */
  readonly inspect: (node: string) => Promise<NodeInspection>;
  /** By uid of the IPBlock. */
  readonly quarantinedMs: () => ReadonlyMap<string, number>;
  readonly clock: Clock;
}

/** A node that takes longer is one that could not be asked; an older agent does not answer at all. */
const ANSWER_WITHIN_MS = 10_000;
/** Accounts that are on the way at once. */
const ASKED_AT_ONCE = 32;

/** Asks every node, and reads what the API has at the end of that: it must not be older than what nodes say. */
export async function lookAtAddresses(deps: LookDeps): Promise<AddressFacts> {
  const { pools, blocks, nodes, pods, quarantinedMs } = deps;
  const names = nodes.list().map(({ metadata }) => metadata.name);
  const inspections = new Map<string, NodeInspection | string>();
  const waiting = [...names].sort();
  const askOneByOne = async () => {
    for (let node = waiting.shift(); node !== undefined; node = waiting.shift()) {
      inspections.set(node, await ask(deps, node));
    }
  };
  await Promise.all(Array.from({ length: ASKED_AT_ONCE }, askOneByOne));
  return {
    ...{ pools: pools.list(), blocks: blocks.list(), nodes: nodes.list(), pods: pods.list() },
    ...{ inspections, quarantinedMs: quarantinedMs() },
  };
}

async function ask({ inspect, clock }: LookDeps, node: string): Promise<NodeInspection | string> {
  const patience = new AbortController();
  const late = sleep(clock, ANSWER_WITHIN_MS, patience.signal).then(
    () => `no answer within ${ANSWER_WITHIN_MS / 1000} s; its agent may be older than the operator`,
  );
  try {
    return await Promise.race([inspect(node), late]);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    patience.abort();
  }
}
