import type { IPBlock } from '../../api/generated/ipblock.ts';
import type { KubeApi } from '../../kube/client.ts';
import { collectionPath, KINDS } from '../../kube/kinds.ts';
import type { StoreReader } from '../../kube/store.ts';
import { isBorrowed, lentRanges } from '../../model/ipam/borrowed.ts';
import type { LoansAnswer, LoansAsk } from '../../model/ipam/loan.ts';

export interface LoansDeps {
  readonly api: KubeApi;
  readonly blocks: StoreReader<IPBlock>;
}

/**
 * What has become of a node's loans. A store may lag: what is gone, and what there is for a node that knows nothing, the
 * API server itself says.
 *
 * @throws KubeError when it cannot be asked; Error when the store shows the node blocks that it has no more.
 */
export async function loansOf(
  { api, blocks }: LoansDeps,
  { uids, isLost, nodeUid }: LoansAsk & { readonly nodeUid: string },
  signal: AbortSignal,
): Promise<LoansAnswer> {
  const present = new Set(blocks.list().map(({ metadata }) => metadata.uid));
  const missing = uids.filter((uid) => !present.has(uid));
  if (missing.length === 0 && !isLost) return { over: [], loans: [], blocks: [] };
  // Without a resourceVersion: what is answered is as new as the question.
  const path = collectionPath(KINDS.ipBlock);
  const { items } = await api.request<{ readonly items: readonly IPBlock[] }>('GET', path, { signal });
  const live = new Set(items.map(({ metadata }) => metadata.uid));
  const over = missing.filter((uid) => !live.has(uid));
  if (!isLost) return { over, loans: [], blocks: [] };
  const own = uidsOf(items, nodeUid);
  // What the node is told next comes from the store, and must not give it back what it has given back.
  const stale = uidsOf(blocks.list(), nodeUid).filter((uid) => !live.has(uid));
  if (stale.length > 0) throw new Error('this operator has not heard of all blocks that are gone yet; ask again');
  return { over, loans: outOf(items, nodeUid), blocks: own };
}

function uidsOf(blocks: readonly IPBlock[], nodeUid: string): readonly string[] {
  return blocks.filter(({ spec }) => spec.nodeUid === nodeUid).flatMap(({ metadata }) => metadata.uid ?? []);
}

/** Of the node's blocks, those too that it has not agreed to yet. */
function outOf(blocks: readonly IPBlock[], nodeUid: string): LoansAnswer['loans'] {
  const own = blocks.filter((block) => block.spec.nodeUid === nodeUid && !isBorrowed(block));
  const cidrs = new Set([...lentRanges([...own, ...blocks.filter(isBorrowed)]).values()].flat());
  return blocks.flatMap((block) => {
    const { uid } = block.metadata;
    return isBorrowed(block) && uid !== undefined && cidrs.has(block.spec.cidr) ? [{ uid, cidr: block.spec.cidr }] : [];
  });
}
