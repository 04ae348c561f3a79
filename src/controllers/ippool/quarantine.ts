import type { IPBlock } from '../../api/generated/ipblock.ts';
import type { Node } from '../../api/kubernetes.ts';
import { REASON } from '../../api/reasons.ts';
import type { KubeApi } from '../../kube/client.ts';
import { DONE, type Reconciler, type ReconcileResult } from '../../kube/controller.ts';
import { isNotFound } from '../../kube/errors.ts';
import type { EventRecorder } from '../../kube/events.ts';
import { KINDS, objectPath } from '../../kube/kinds.ts';
import type { StoreReader } from '../../kube/store.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { isUnagreed } from '../../model/ipam/borrowed.ts';
import { deleteBlock } from './delete-block.ts';

/** How long a block outlives its Node: enough for a partitioned machine's pods to be evicted and its routes to go. */
const QUARANTINE_MS = 10 * 60_000;
/** Lenders answer within seconds. */
const AGREED_WITHIN_MS = 60_000;

export interface QuarantineDeps {
  readonly api: KubeApi;
  readonly blocks: StoreReader<IPBlock>;
  readonly nodes: StoreReader<Node>;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly log: Logger;
  /** The node whose agent still reports this block as its own; a machine can outlive its Node object. */
  readonly holderOf: (cidr: string) => string | undefined;
  /** Told by the block's uid when its rest begins (monotonic), and with undefined when it ends. */
  readonly onQuarantine?: (uid: string, sinceMs: number | undefined) => void;
}

/**
 * Keeps the blocks of Nodes that are no more, so that nobody else gets them, and deletes each after a rest. The rest
 * is counted in memory: a new leader begins anew, which errs to the safe side. Key: the block's name. Leader only.
 */
export class QuarantineReconciler implements Reconciler {
  readonly #deps: QuarantineDeps;
  /** Monotonic, by block uid: since when the Node is known to be gone and nobody holds the block. */
  readonly #sinceMs = new Map<string, number>();
  /** Monotonic, by uid of blocks that their lenders have not agreed to. */
  readonly #unagreedSinceMs = new Map<string, number>();

  constructor(deps: QuarantineDeps) {
    this.#deps = deps;
  }

  /** @throws KubeError when the API server cannot be asked or the block cannot be deleted. */
  async reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult> {
    const { blocks, nodes, clock, events, holderOf } = this.#deps;
    const block = blocks.get(key);
    if (block === undefined || block.metadata.deletionTimestamp !== undefined) return DONE;
    const { uid = '' } = block.metadata;
    const { nodeName, nodeUid, cidr } = block.spec;
    if (isUnagreed(block)) return await this.#dropUnagreed(block, signal);
    this.#unagreedSinceMs.delete(uid);
    if (nodes.get(nodeName)?.metadata.uid === nodeUid) {
      this.#end(uid);
      return DONE;
    }
    const holder = holderOf(cidr);
    if (holder !== undefined) {
      this.#end(uid);
      events.record(KINDS.ipBlock, block, stillHeld(holder));
      return { requeueAfterMs: QUARANTINE_MS / 10 };
    }
    const sinceMs = this.#sinceMs.get(uid) ?? clock.monotonic();
    if (!this.#sinceMs.has(uid)) {
      this.#sinceMs.set(uid, sinceMs);
      this.#deps.onQuarantine?.(uid, sinceMs);
      events.record(KINDS.ipBlock, block, quarantined(nodeName));
    }
    const leftMs = sinceMs + QUARANTINE_MS - clock.monotonic();
    // Looked at again within the rest, so that an agent that comes back with the block is noticed.
    if (leftMs > 0) return { requeueAfterMs: Math.min(leftMs, QUARANTINE_MS / 10) };
    await this.#delete(block, signal);
    this.#end(uid);
    return DONE;
  }

  /** What its lender has not agreed to in time will not be: nobody was told of it, and nobody has an address of it. */
  async #dropUnagreed(block: IPBlock, signal: AbortSignal): Promise<ReconcileResult> {
    const { clock, api, log } = this.#deps;
    const { uid = '', resourceVersion } = block.metadata;
    const sinceMs = this.#unagreedSinceMs.get(uid) ?? clock.monotonic();
    this.#unagreedSinceMs.set(uid, sinceMs);
    const leftMs = sinceMs + AGREED_WITHIN_MS - clock.monotonic();
    if (leftMs > 0) return { requeueAfterMs: leftMs };
    this.#unagreedSinceMs.delete(uid);
    await deleteBlock(api, block, { uid, resourceVersion }, signal);
    log.info('range that was not lent is left', { block: block.spec.cidr, lender: block.spec.nodeName });
    return DONE;
  }

  #end(uid: string): void {
    this.#sinceMs.delete(uid);
    this.#deps.onQuarantine?.(uid, undefined);
  }

  /** Asks the API server itself for the Node first: a store may lag. The delete carries uid and resourceVersion. */
  async #delete(block: IPBlock, signal: AbortSignal): Promise<void> {
    const { api, log } = this.#deps;
    const { nodeName, nodeUid, cidr } = block.spec;
    if ((await this.#liveNodeUid(nodeName, signal)) === nodeUid) return;
    const { uid, resourceVersion } = block.metadata;
    const isDeleted = await deleteBlock(api, block, { uid, resourceVersion }, signal);
    if (isDeleted) log.info('block of a deleted node is free again', { block: cidr, node: nodeName, nodeUid });
  }

  async #liveNodeUid(name: string, signal: AbortSignal): Promise<string | undefined> {
    try {
      return (await this.#deps.api.request<Node>('GET', objectPath(KINDS.node, { name }), { signal })).metadata.uid;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }
}

function quarantined(nodeName: string) {
  const message = `the Node '${nodeName}' is gone; the block is free again after ${QUARANTINE_MS / 60_000} minutes`;
  return { type: 'Normal', reason: REASON.blockQuarantined, action: 'Quarantine', message } as const;
}

function stillHeld(holder: string) {
  const message = `the Node of this block is gone, but the agent of '${holder}' still holds it: it is kept`;
  return { type: 'Warning', reason: REASON.blockStillHeld, action: 'Quarantine', message } as const;
}
