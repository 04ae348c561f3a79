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
 * @throws KubeError when it cannot be asked.
 */
export async function loansOf(
  { api, blocks }: LoansDeps,
  { uids, isLost, nodeUid }: LoansAsk & { readonly nodeUid: string },
  signal: AbortSignal,
): Promise<LoansAnswer> {
  const present = new Set(blocks.list().map(({ metadata }) => metadata.uid));
  const missing = uids.filter((uid) => !present.has(uid));
  if (missing.length === 0 && !isLost) return { over: [], loans: [] };
  // Without a resourceVersion: what is answered is as new as the question.
  const path = collectionPath(KINDS.ipBlock);
  const { items } = await api.request<{ readonly items: readonly IPBlock[] }>('GET', path, { signal });
  const live = new Set(items.map(({ metadata }) => metadata.uid));
  return { over: missing.filter((uid) => !live.has(uid)), loans: isLost ? outOf(items, nodeUid) : [] };
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
