import type { IPBlock } from '../../api/generated/ipblock.ts';
import type { KubeApi } from '../../kube/client.ts';
import { isNotFound } from '../../kube/errors.ts';
import { KINDS, objectPath } from '../../kube/kinds.ts';

/** What the block must be at that moment, so that none is deleted that has changed hands. */
interface Preconditions {
  readonly uid: string | undefined;
  readonly resourceVersion?: string | undefined;
}

/** False when it was gone already. @throws KubeError, a conflict when it is not what it must be. */
export async function deleteBlock(
  api: KubeApi,
  { metadata }: IPBlock,
  preconditions: Preconditions,
  signal: AbortSignal,
): Promise<boolean> {
  const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions };
  try {
    await api.request('DELETE', objectPath(KINDS.ipBlock, metadata), { body, signal });
    return true;
  } catch (error) {
    if (!isNotFound(error)) throw error;
    return false;
  }
}
