import type { IPBlock } from '../../api/generated/ipblock.ts';
import type { IPPool } from '../../api/generated/ippool.ts';
import type { Node, ServiceCIDR } from '../../api/kubernetes.ts';
import { REASON } from '../../api/reasons.ts';
import type { KubeApi } from '../../kube/client.ts';
import { isConflict, isNotFound } from '../../kube/errors.ts';
import { collectionPath, KINDS, objectPath } from '../../kube/kinds.ts';
import type { StoreReader } from '../../kube/store.ts';
import type { Logger } from '../../lib/logger.ts';
import { containsAddress, type Family, familyOf, parseCidr, parseIp } from '../../lib/ip.ts';
import { isUnagreed } from '../../model/ipam/borrowed.ts';
import { type BlockChoice, blockOfAddress, chooseBlock, type PoolState } from '../../model/ipam/blocks.ts';
import { type ForeignRange, foreignRanges } from '../../model/ipam/foreign-ranges.ts';
import { isOpen, poolsForNode, poolStateOf } from '../../model/ipam/pool-choice.ts';
import { blockName } from '../../model/node/names.ts';
import type { Problem } from '../../model/problem.ts';
import type { Borrower } from './borrow.ts';

export interface BlockRequest {
  readonly family: Family;
  /** Names of pools that it may be of; absent: those that the node takes by itself. */
  readonly pools?: readonly string[];
  /** An address that it must have. */
  readonly address?: string;
  readonly nodeName: string;
  /** The uid that the node's token proved. */
  readonly nodeUid: string;
  /** CIDRs of the blocks that the node knows to be its own. */
  readonly known: readonly string[];
}

export interface BlockClaimerDeps {
  readonly api: KubeApi;
  readonly pools: StoreReader<IPPool>;
  readonly blocks: StoreReader<IPBlock>;
  readonly nodes: StoreReader<Node>;
  readonly serviceCidrs: StoreReader<ServiceCIDR>;
  readonly borrower: Pick<Borrower, 'borrow'>;
  readonly log: Logger;
  /** A node that asks for more has lost its count or its mind; 64 blocks of /26 are 4096 addresses. */
  readonly maxBlocksPerNode?: number;
}

/** Each lost race is a block that another node has got. */
const MAX_TRIES = 64;

/**
 * Gives blocks to nodes. Every replica may, at the same time: an IPBlock is named after its range, so that creating
 * it is claiming it, and of two claimants the API server refuses one.
 */
export class BlockClaimer {
  readonly #deps: Required<BlockClaimerDeps>;
  /** By node uid and what is asked: a node that asks twice at once gets one block. */
  readonly #running = new Map<string, Promise<IPBlock | Problem>>();

  constructor(deps: BlockClaimerDeps) {
    this.#deps = { maxBlocksPerNode: 64, ...deps };
  }

  /**
   * A block for the node: one of its own that it does not know of, or that has the address, or else a free one, or else a part of another
   * node's.
   *
   * @returns a Problem when there is none to give (`NotSynced`, `NodeUnknown`, `TooManyBlocks`, `LostRaces`, and those
   *          of `chooseBlock`): ask again after a while.
   * @throws KubeError when the API server cannot be asked.
   */
  claimBlock(request: BlockRequest, signal: AbortSignal): Promise<IPBlock | Problem> {
    const key = [request.nodeUid, request.family, request.address, ...(request.pools ?? [])].join(' ');
    const running = this.#running.get(key);
    if (running !== undefined) return running;
    const claim = this.#claim(request, signal).finally(() => this.#running.delete(key));
    this.#running.set(key, claim);
    return claim;
  }

  async #claim(request: BlockRequest, signal: AbortSignal): Promise<IPBlock | Problem> {
    const { pools, blocks, nodes, serviceCidrs, log, maxBlocksPerNode } = this.#deps;
    const { nodeName, nodeUid, known, address } = request;
    if (![pools, blocks, nodes, serviceCidrs].every(({ isSynced }) => isSynced)) return NOT_SYNCED;
    const node = nodes.get(nodeName);
    if (node?.metadata.uid !== nodeUid) return nodeUnknown(nodeName, nodeUid);

    const own = blocks.list().filter((block) => block.spec.nodeUid === nodeUid && !isUnagreed(block));
    const candidates = this.#poolsFor(request, node);
    const names = new Set(candidates.map(({ name }) => name));
    const isWanted = ({ spec }: IPBlock) =>
      names.has(spec.poolName) && (address === undefined ? !known.includes(spec.cidr) : hasAddress(spec.cidr, address));
    const owned = own.find(isWanted);
    if (owned !== undefined) return owned;
    if (own.length >= maxBlocksPerNode) return tooManyBlocks(nodeName, own.length);

    const foreign = foreignRanges(nodes.list(), serviceCidrs.list());
    // The store may lag behind: what a try has met is added to what it says.
    const met: IPBlock[] = [];
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const all = [...blocks.list(), ...met];
      const choice =
        address === undefined
          ? chooseBlock(candidates, all, nodeUid, foreign)
          : blockOfAddress(candidates, all, address, foreign);
      if (!('cidr' in choice)) return await this.#orBorrowed(choice, request, { candidates, own, foreign }, signal);
      const block = blockOf(choice, { nodeName, nodeUid });
      const stored = await this.#create(block, signal);
      if (stored.spec.nodeUid === nodeUid) {
        log.info('block claimed', { block: stored.spec.cidr, pool: stored.spec.poolName, node: nodeName, tries });
        return stored;
      }
      met.push(stored);
    }
    return {
      path: 'spec',
      reason: REASON.lostRaces,
      message: `lost ${MAX_TRIES} races for a block against other nodes; ask again`,
    };
  }

  /** A node that has a block of the family already borrows for pods that wait only, and not to have some ready. */
  async #orBorrowed(
    problem: Problem,
    { family, pools, address, nodeName, nodeUid, known }: BlockRequest,
    {
      candidates,
      own,
      foreign,
    }: {
      readonly candidates: readonly PoolState[];
      readonly own: readonly IPBlock[];
      readonly foreign: readonly ForeignRange[];
    },
    signal: AbortSignal,
  ): Promise<IPBlock | Problem> {
    const held = [...own.map(({ spec }) => spec.cidr), ...known];
    const isNeeded = pools !== undefined || held.every((cidr) => familyOf(cidr) !== family);
    if (problem.reason !== REASON.poolExhausted || address !== undefined || !isNeeded) return problem;
    const lending = candidates.filter(({ mayBorrow }) => mayBorrow === true);
    if (lending.length === 0) {
      return { ...problem, message: `${problem.message}, or let nodes borrow (spec.borrowing is Disabled)` };
    }
    const borrowed = await this.#deps.borrower.borrow(lending, { nodeName, nodeUid, foreign }, signal);
    return borrowed ?? { ...problem, message: `${problem.message}; no node that was asked can lend any address now` };
  }

  #poolsFor({ family, pools: wanted }: BlockRequest, node: Node): readonly PoolState[] {
    const all = this.#deps.pools.list();
    const usable =
      wanted === undefined
        ? poolsForNode(all, node)
        : all.filter((pool) => isOpen(pool) && wanted.includes(pool.metadata.name));
    return usable.map(poolStateOf).filter(({ cidr }) => familyOf(cidr) === family);
  }

  /** The block as stored: the new one, or the one that has its name already. */
  async #create(block: IPBlock, signal: AbortSignal): Promise<IPBlock> {
    const { api } = this.#deps;
    try {
      return await api.request<IPBlock>('POST', collectionPath(KINDS.ipBlock), { body: block, signal });
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
    try {
      return await api.request<IPBlock>('GET', objectPath(KINDS.ipBlock, block.metadata), { signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      // Taken a moment ago and gone by now: not for this node, whose next try may take another.
      return { ...block, spec: { ...block.spec, nodeUid: '' } };
    }
  }
}

function blockOf({ cidr, pool, poolUid }: BlockChoice, node: Pick<BlockRequest, 'nodeName' | 'nodeUid'>): IPBlock {
  const { nodeName, nodeUid } = node;
  return {
    apiVersion: KINDS.ipBlock.apiVersion,
    kind: KINDS.ipBlock.kind,
    metadata: { name: blockName(cidr) },
    spec: { cidr, poolName: pool, poolUid, nodeName, nodeUid },
  };
}

function hasAddress(cidr: string, address: string): boolean {
  const [range, ip] = [parseCidr(cidr), parseIp(address)];
  return range !== undefined && ip !== undefined && containsAddress(range, ip);
}

const NOT_SYNCED: Problem = {
  path: 'nodeUid',
  reason: REASON.notSynced,
  message: 'the operator has not read all pools, blocks, nodes and ranges of Services yet; ask again in a moment',
};

function nodeUnknown(nodeName: string, nodeUid: string): Problem {
  const message = `there is no Node '${nodeName}' with uid '${nodeUid}', not yet or not any more; register it first`;
  return { path: 'nodeUid', reason: REASON.nodeUnknown, message };
}

function tooManyBlocks(nodeName: string, count: number): Problem {
  const message = `node '${nodeName}' owns ${count} blocks already, which is the limit; release some first`;
  return { path: 'nodeName', reason: REASON.tooManyBlocks, message };
}
