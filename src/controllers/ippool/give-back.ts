import type { IPBlock } from '../../api/generated/ipblock.ts';
import type { KubeApi } from '../../kube/client.ts';
import type { StoreReader } from '../../kube/store.ts';
import type { Logger } from '../../lib/logger.ts';
import { deleteBlock } from './delete-block.ts';

export interface GiveBackDeps {
  readonly api: KubeApi;
  readonly blocks: StoreReader<IPBlock>;
  readonly log: Logger;
}

/**
 * Frees a block on its owner's word that nothing of it is leased, nor will be. Any replica may.
 *
 * @param uid that of the IPBlock the node means: one that was claimed anew is another.
 * @returns empty when nobody owns the block now, else why it stays.
 * @throws KubeError when the API server cannot be asked, or the block has changed meanwhile.
 */
export async function giveBack(
  { api, blocks, log }: GiveBackDeps,
  { cidr, uid, nodeUid }: { readonly cidr: string; readonly uid: string; readonly nodeUid: string },
  signal: AbortSignal,
): Promise<string> {
  const block = blocks.list().find(({ metadata }) => metadata.uid === uid);
  if (block === undefined) return '';
  if (block.spec.nodeUid !== nodeUid) return `block ${cidr} belongs to node '${block.spec.nodeName}'`;
  const isDeleted = await deleteBlock(api, block, { uid }, signal);
  if (isDeleted) log.info('block given back', { block: cidr, node: block.spec.nodeName });
  return '';
}
