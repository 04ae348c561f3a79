import type { IPBlock } from '../../api/generated/ipblock.ts';
import type { Node } from '../../api/kubernetes.ts';
import type { KubeApi } from '../../kube/client.ts';
import { isConflict, isNotFound } from '../../kube/errors.ts';
import { collectionPath, KINDS, objectPath } from '../../kube/kinds.ts';
import type { StoreReader } from '../../kube/store.ts';
import { shortHash } from '../../lib/hash.ts';
import type { Logger } from '../../lib/logger.ts';
import type { PoolState } from '../../model/ipam/blocks.ts';
import { isBorrowed } from '../../model/ipam/borrowed.ts';
import { type ForeignRange, overlapping } from '../../model/ipam/foreign-ranges.ts';
import type { LendAnswer, LendAsk } from '../../model/ipam/loan.ts';
import { blockName } from '../../model/node/names.ts';
import { deleteBlock } from './delete-block.ts';

export interface BorrowerDeps {
  readonly api: KubeApi;
  readonly blocks: StoreReader<IPBlock>;
  readonly nodes: StoreReader<Node>;
  /** Rejects when the node cannot be reached, or `signal` aborts. */
  readonly lend: (node: string, ask: LendAsk, signal: AbortSignal) => Promise<LendAnswer>;
  readonly log: Logger;
}

export interface BorrowingNode {
  readonly nodeName: string;
  readonly nodeUid: string;
  /** Addresses that are not pods': of blocks that have such nothing is borrowed. */
  readonly foreign: readonly ForeignRange[];
}

/** Blocks that are asked about before the node is told to try again; the next time others are. */
const MAX_LENDERS = 4;
/** A node that takes longer is away, or older than the operator. */
const ANSWER_WITHIN_MS = 2_000;

/**
 * Gets a node some addresses out of another node's block. The order is what keeps an address from being held twice:
 * the IPBlock of the range is created as the lender's; the lender writes down that it leases nothing of it; the IPBlock
 * becomes the borrower's, unless it has changed meanwhile; the borrower is told. See docs/adr/0017-borrowing.md.
 */
export class Borrower {
  readonly #deps: BorrowerDeps;
  /** By uid of a block: when it was asked about in vain last, counted. Whoever has nothing to spare is asked last. */
  #inVain: ReadonlyMap<string, number> = new Map();
  #count = 0;

  constructor(deps: BorrowerDeps) {
    this.#deps = deps;
  }

  /**
   * @param pools of one family, that allow it.
   * @returns the borrower's new block, or undefined when none of some lenders had anything to spare.
   * @throws KubeError when the API server cannot be asked.
   */
  async borrow(
    pools: readonly PoolState[],
    borrower: BorrowingNode,
    signal: AbortSignal,
  ): Promise<IPBlock | undefined> {
    for (const whole of this.#lendersOf(pools, borrower)) {
      const borrowed = await this.#borrowOf(whole, borrower, signal);
      if (borrowed === undefined) {
        this.#count += 1;
        this.#inVain = new Map(this.#inVain).set(whole.metadata.uid ?? '', this.#count);
        continue;
      }
      const { cidr, lender } = borrowed.spec;
      this.#deps.log.info('range borrowed', { block: cidr, node: borrower.nodeName, lender });
      return borrowed;
    }
    return undefined;
  }

  #lendersOf(pools: readonly PoolState[], { nodeName, nodeUid, foreign }: BorrowingNode): readonly IPBlock[] {
    const { blocks, nodes } = this.#deps;
    const uids = new Set(pools.map(({ uid }) => uid));
    const isLender = (block: IPBlock) =>
      uids.has(block.spec.poolUid) &&
      !isBorrowed(block) &&
      block.spec.nodeName !== nodeName &&
      nodes.get(block.spec.nodeName)?.metadata.uid === block.spec.nodeUid;
    const lenders = blocks
      .list()
      .filter((block) => isLender(block) && overlapping(block.spec.cidr, foreign).length === 0);
    const uidOf = ({ metadata }: IPBlock) => metadata.uid ?? '';
    const present = new Set(blocks.list().map(uidOf));
    this.#inVain = new Map([...this.#inVain].filter(([uid]) => present.has(uid)));
    const ranked = lenders.map((block) => {
      return { block, inVain: this.#inVain.get(uidOf(block)) ?? 0, chance: shortHash(`${uidOf(block)} ${nodeUid}`) };
    });
    ranked.sort((a, b) => a.inVain - b.inVain || (a.chance < b.chance ? -1 : 1));
    return ranked.slice(0, MAX_LENDERS).map(({ block }) => block);
  }

  async #borrowOf(whole: IPBlock, borrower: BorrowingNode, signal: AbortSignal): Promise<IPBlock | undefined> {
    const cidr = await this.#ask(whole, { cidr: whole.spec.cidr }, signal);
    const mine = cidr === undefined ? undefined : await this.#create(whole, cidr, signal);
    if (mine === undefined) return undefined;
    try {
      const agreed = (await this.#isOwned(whole, signal)) && (await this.#agree(whole, mine, signal));
      if (agreed) return await this.#handOver(mine, borrower, signal);
    } catch (error) {
      await this.#drop(mine, signal);
      if (!isConflict(error) && !isNotFound(error)) throw error;
      return undefined;
    }
    await this.#drop(mine, signal);
    return undefined;
  }

  async #ask({ spec }: IPBlock, ask: LendAsk, signal: AbortSignal): Promise<string | undefined> {
    const { lend, log } = this.#deps;
    try {
      const answer = await lend(spec.nodeName, ask, AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]));
      if ('cidr' in answer) return answer.cidr;
      log.debug('nothing lent', { lender: spec.nodeName, block: spec.cidr, reason: answer.problem });
    } catch (error) {
      log.debug('lender not asked', { lender: spec.nodeName, reason: String(error) });
    }
    return undefined;
  }

  /** The IPBlock as the lender's own; undefined when there is one of that name. */
  async #create({ spec }: IPBlock, cidr: string, signal: AbortSignal): Promise<IPBlock | undefined> {
    const body = {
      apiVersion: KINDS.ipBlock.apiVersion,
      kind: KINDS.ipBlock.kind,
      metadata: { name: blockName(cidr) },
      spec: { ...spec, cidr, lender: spec.nodeName },
    };
    try {
      return await this.#deps.api.request<IPBlock>('POST', collectionPath(KINDS.ipBlock), { body, signal });
    } catch (error) {
      if (!isConflict(error)) throw error;
      return undefined;
    }
  }

  /** Asked of the API server after the part is there: whoever claims this range anew later sees the part. */
  async #isOwned(whole: IPBlock, signal: AbortSignal): Promise<boolean> {
    const path = objectPath(KINDS.ipBlock, whole.metadata);
    const { metadata } = await this.#deps.api.request<IPBlock>('GET', path, { signal });
    return metadata.uid === whole.metadata.uid;
  }

  async #agree(whole: IPBlock, { metadata, spec }: IPBlock, signal: AbortSignal): Promise<boolean> {
    return (await this.#ask(whole, { uid: metadata.uid ?? '', cidr: spec.cidr }, signal)) !== undefined;
  }

  #handOver(
    { metadata: { name, uid, resourceVersion } }: IPBlock,
    { nodeName, nodeUid }: BorrowingNode,
    signal: AbortSignal,
  ): Promise<IPBlock> {
    return this.#deps.api.request<IPBlock>('PATCH', objectPath(KINDS.ipBlock, { name }), {
      contentType: 'application/merge-patch+json',
      body: { metadata: { uid, resourceVersion }, spec: { nodeName, nodeUid } },
      signal,
    });
  }

  /** What fails here is done later, by the leader. */
  async #drop(block: IPBlock, signal: AbortSignal): Promise<void> {
    const { uid, resourceVersion } = block.metadata;
    try {
      await deleteBlock(this.#deps.api, block, { uid, resourceVersion }, signal);
    } catch (error) {
      this.#deps.log.debug('range not left', { block: block.spec.cidr, reason: String(error) });
    }
  }
}
