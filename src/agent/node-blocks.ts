import type { Clock } from '../lib/clock.ts';
import { type Family, familyOf } from '../lib/ip.ts';
import type { Logger } from '../lib/logger.ts';
import type { LeasableBlock } from '../model/ipam/lease-state.ts';
import { type BlockAnswer, type BlockRequest, BlockRequests } from './block-requests.ts';
import type { BlockWish } from './cni/attach.ts';
import type { ResourceStore } from './state/resources.ts';

interface OwnBlock extends LeasableBlock {
  /** Its pool gives out addresses. */
  readonly isOpen: boolean;
  /** To pods that do not ask for it. */
  readonly isUseful: boolean;
  /** Out of another node's block: to go back as soon as nobody has an address of it. */
  readonly isBorrowed: boolean;
}

/** Whom blocks are asked of and given back to. */
interface BlockOffice {
  requestBlock(request: BlockRequest): Promise<BlockAnswer>;
  /** Empty when nobody owns the block now, else why it stays. */
  giveBack(block: { readonly cidr: string; readonly uid: string }): Promise<string>;
  arePresent(): boolean;
}

interface BlockLeases {
  needsBlock(family: Family): boolean;
  spareBlocks<T extends LeasableBlock>(blocks: readonly T[], isUseful: (block: T) => boolean): readonly T[];
  closeBlock(uid: string): Promise<void>;
}

export interface NodeBlocksDeps {
  readonly resources: ResourceStore;
  /** Undefined while there is nobody. */
  readonly office: () => BlockOffice | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Bursts of pods come again: a block that was needed once is kept this long. */
const SPARE_FOR_MS = 10 * 60_000;
/** A pod that restarts finds what was borrowed for it. */
const SPARE_BORROWED_FOR_MS = 30_000;

/** The blocks of this node: which it has, that there are enough, and that there are not too many. */
export class NodeBlocks {
  readonly #deps: NodeBlocksDeps;
  readonly #requests: BlockRequests;
  /** Monotonic, by uid: since when each look has found the block spare. */
  #spareSinceMs: ReadonlyMap<string, number> = new Map();

  constructor(deps: NodeBlocksDeps) {
    this.#deps = deps;
    this.#requests = new BlockRequests((request) => deps.office()?.requestBlock(request), deps);
  }

  /** CIDRs, sorted. */
  cidrs(): readonly string[] {
    return [...this.#deps.resources.all('block')].map(([cidr]) => cidr).sort();
  }

  /** Of the IPBlocks. */
  uids(): readonly string[] {
    return this.#own().map(({ uid }) => uid);
  }

  /** Without those of disabled pools, whose addresses stay with who has them. */
  leasable(): readonly LeasableBlock[] {
    return this.#own().filter(({ isOpen }) => isOpen);
  }

  /** Whether the range is a block of this node's own, and not borrowed. */
  isOwn(cidr: string): boolean {
    return this.#own().some((block) => block.cidr === cidr && !block.isBorrowed);
  }

  /** Asks for a block of this kind; why there is none, as was said last. */
  request(wish: BlockWish): string | undefined {
    return this.#requests.ask(wish);
  }

  /** Asks for blocks before pods need them; goes on asking until there are enough. */
  keepEnough(leases: BlockLeases, isOver: () => boolean): void {
    if (isOver()) return;
    const pools = [...this.#deps.resources.all('pool')].map(([, pool]) => pool);
    const common = pools.filter(({ isCommon, disabled }) => isCommon && !disabled);
    for (const family of new Set(common.map(({ cidr }) => familyOf(cidr)))) {
      if (leases.needsBlock(family)) this.#requests.ask({ family }, () => this.keepEnough(leases, isOver));
    }
  }

  /** Gives back what is not needed, so that other nodes can have it, or its pool can be deleted. */
  async giveBack(leases: BlockLeases): Promise<void> {
    const { office, resources, logger } = this.#deps;
    const operators = office();
    if (operators?.arePresent() !== true) return;
    const tunnelEnds = resources.get('node', 'self')?.tunnelAddresses ?? [];
    const isTunnelEnd = ({ cidr }: OwnBlock) => tunnelEnds.includes(cidr.split('/')[0] ?? '');
    // The tunnel's own addresses change only where nothing else can go, and not for what is borrowed.
    const blocks = this.#own()
      .filter((block) => !block.isBorrowed || !block.isUseful || !isTunnelEnd(block))
      .sort((a, b) => Number(isTunnelEnd(a)) - Number(isTunnelEnd(b)));
    const spare = leases.spareBlocks(blocks, ({ isUseful, isBorrowed }) => isUseful && !isBorrowed);
    for (const { cidr, uid } of this.#longSpare(spare)) {
      await leases.closeBlock(uid);
      const problem = await operators.giveBack({ cidr, uid });
      if (problem === '') logger.info('block given back', { block: cidr });
      else logger.warn('block not given back', { block: cidr, reason: problem });
    }
  }

  /** Blocks that pods could need again stay for a while; those of a pool that is closed go at once. */
  #longSpare(spare: readonly OwnBlock[]): readonly OwnBlock[] {
    const nowMs = this.#deps.clock.monotonic();
    const since = new Map(spare.map(({ uid }) => [uid, this.#spareSinceMs.get(uid) ?? nowMs]));
    this.#spareSinceMs = since;
    return spare.filter(({ uid, isUseful, isBorrowed }) => {
      const keptMs = isBorrowed ? SPARE_BORROWED_FOR_MS : SPARE_FOR_MS;
      return !isUseful || nowMs - (since.get(uid) ?? nowMs) >= keptMs;
    });
  }

  #own(): OwnBlock[] {
    const { resources } = this.#deps;
    return this.cidrs().flatMap((cidr) => {
      const block = resources.get('block', cidr);
      if (block === undefined) return [];
      const pool = resources.get('pool', block.pool);
      const isOpen = pool?.disabled !== true;
      const reserved = [...(pool?.reserved ?? []), ...(block.lent ?? [])];
      const common = { uid: block.uid, cidr, pool: block.pool, reserved };
      const isUseful = isOpen && pool?.isCommon !== false;
      return [{ ...common, isOpen, isUseful, isBorrowed: block.lender !== undefined }];
    });
  }
}
