import type { IPBlock } from '../../api/generated/ipblock.ts';
import type { IPPool } from '../../api/generated/ippool.ts';
import type { Node, ServiceCIDR } from '../../api/kubernetes.ts';
import { REASON } from '../../api/reasons.ts';
import { applyObject, type ApplyOptions, type StatusWriter } from '../../kube/apply.ts';
import type { KubeApi } from '../../kube/client.ts';
import { DONE, type Reconciler, type ReconcileResult } from '../../kube/controller.ts';
import { isNotFound } from '../../kube/errors.ts';
import type { EventRecorder } from '../../kube/events.ts';
import { KINDS, objectPath } from '../../kube/kinds.ts';
import { compareAndSwapConfigMap } from '../../kube/registry.ts';
import type { StoreReader } from '../../kube/store.ts';
import { parseCidr } from '../../lib/ip.ts';
import { foreignRanges, overlapping } from '../../model/ipam/foreign-ranges.ts';
import type { Logger } from '../../lib/logger.ts';
import { foreignMessage, poolStatus } from './pool-status.ts';
import { type PoolRange, parseRanges, renderRanges, reserveRange, withoutRanges } from './ranges.ts';

/** Keeps a pool while blocks of it exist. */
const IN_USE_FINALIZER = 'weft.dev/in-use';
/** In the operator's namespace: the one object that all pools' ranges are reserved in. */
const REGISTRY_NAME = 'weft-ippools';
/** How often the count of addresses in use is brought up to date. */
const REFRESH_MS = 30_000;

export interface PoolReconcilerDeps {
  readonly api: KubeApi;
  readonly pools: StoreReader<IPPool>;
  readonly blocks: StoreReader<IPBlock>;
  readonly nodes: StoreReader<Node>;
  readonly serviceCidrs: StoreReader<ServiceCIDR>;
  readonly status: StatusWriter;
  readonly apply: ApplyOptions;
  readonly events: EventRecorder;
  readonly log: Logger;
  /** Where the registry object is. */
  readonly namespace: string;
  /** Addresses of the pool that nodes report as leased. */
  readonly allocatedIn: (pool: string) => number;
}

/**
 * Reserves each pool's range, says in its status whether that worked and how full it is, and holds a pool's deletion
 * while nodes own blocks of it. Key: the pool's name. For the leader only, because it writes status.
 */
export class PoolReconciler implements Reconciler {
  readonly #deps: PoolReconcilerDeps;

  constructor(deps: PoolReconcilerDeps) {
    this.#deps = deps;
  }

  /** @throws KubeError when something cannot be written; Error when the registry object cannot be read. */
  async reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult> {
    const { pools, blocks, nodes, serviceCidrs, events, status, allocatedIn } = this.#deps;
    const pool = pools.get(key);
    if (pool === undefined) {
      await this.#releaseDead([key], signal);
      return DONE;
    }
    const own = blocks.list().filter((block) => block.spec.poolUid === pool.metadata.uid);
    const isDeleting = pool.metadata.deletionTimestamp !== undefined;
    const settled = await this.#settleFinalizer(pool, own.length > 0, signal);
    if (settled === undefined) return DONE;
    if (isDeleting) events.record(KINDS.ipPool, pool, inUse(own));

    const conflicts = isDeleting ? [] : await this.#reserve(pool, signal);
    for (const other of conflicts) events.record(KINDS.ipPool, pool, meetsPool(other));
    const foreign = overlapping(pool.spec.cidr, foreignRanges(nodes.list(), serviceCidrs.list()));
    if (foreign.length > 0) events.record(KINDS.ipPool, pool, meetsOthers(foreignMessage(foreign)));
    const desired = poolStatus(pool, { blocks: own, allocated: allocatedIn(key), conflicts, foreign });
    const written = await status.write(KINDS.ipPool, settled, desired, signal);
    return 'requeueAfterMs' in written ? written : { requeueAfterMs: REFRESH_MS };
  }

  /** Puts the finalizer where it belongs. Returns the pool as it is then, or undefined when it ends with that. */
  async #settleFinalizer(pool: IPPool, hasBlocks: boolean, signal: AbortSignal): Promise<IPPool | undefined> {
    const { name, uid, finalizers = [], deletionTimestamp } = pool.metadata;
    const hasFinalizer = finalizers.includes(IN_USE_FINALIZER);
    const isDeleting = deletionTimestamp !== undefined;
    // A finalizer cannot be added to an object that is being deleted (API server, ValidateObjectMetaUpdate).
    if (hasBlocks === hasFinalizer || (hasBlocks && isDeleting)) return pool;
    const metadata = {
      name,
      ...(uid === undefined ? {} : { uid }),
      ...(hasBlocks ? { finalizers: [IN_USE_FINALIZER] } : {}),
    };
    const applied = await applyObject(this.#deps.apply, KINDS.ipPool, { metadata }, signal);
    return isDeleting ? undefined : applied;
  }

  /** Returns the pools that had the range first; those that are no more lose their place on the way. */
  async #reserve(pool: IPPool, signal: AbortSignal): Promise<readonly PoolRange[]> {
    const { name, uid = '' } = pool.metadata;
    if (parseCidr(pool.spec.cidr) === undefined) return [];
    const wanted: PoolRange = { name, uid, cidr: pool.spec.cidr };
    const first = await this.#tryReserve(wanted, signal);
    if (first.length === 0) return first;
    const released = await this.#releaseDead(
      first.map((range) => range.name),
      signal,
    );
    return released ? await this.#tryReserve(wanted, signal) : first;
  }

  async #tryReserve(wanted: PoolRange, signal: AbortSignal): Promise<readonly PoolRange[]> {
    let conflicts: readonly PoolRange[] = [];
    await this.#swap((ranges) => {
      const reservation = reserveRange(ranges, wanted);
      conflicts = reservation.outcome === 'overlaps' ? reservation.with : [];
      return reservation.outcome === 'overlaps' ? ranges : reservation.ranges;
    }, signal);
    return conflicts;
  }

  /**
   * Drops the places of pools by these names which the API server itself says are no more: a store that lags must
   * never free the range of a pool it has not seen yet. A uid never comes back, so what is dead stays dead.
   */
  async #releaseDead(wanted: readonly string[], signal: AbortSignal): Promise<boolean> {
    const names = new Set(wanted);
    let listed: readonly PoolRange[] = [];
    await this.#swap((ranges) => {
      listed = ranges.filter((range) => names.has(range.name));
      return ranges;
    }, signal);
    const live = new Map<string, string | undefined>();
    for (const { name } of listed) live.set(name, await this.#liveUid(name, signal));
    const uids = new Set(listed.filter(({ name, uid }) => live.get(name) !== uid).map(({ uid }) => uid));
    if (uids.size === 0) return false;
    await this.#swap((ranges) => withoutRanges(ranges, uids), signal);
    this.#deps.log.info('released the ranges of deleted pools', { pools: wanted, released: uids.size });
    return true;
  }

  async #swap(update: (ranges: readonly PoolRange[]) => readonly PoolRange[], signal: AbortSignal): Promise<void> {
    const { api, namespace } = this.#deps;
    const registry = { namespace, name: REGISTRY_NAME, field: 'ranges' };
    await compareAndSwapConfigMap(api, registry, (text) => renderRanges(update(parseRanges(text))), signal);
  }

  async #liveUid(name: string, signal: AbortSignal): Promise<string | undefined> {
    try {
      const pool = await this.#deps.api.request<IPPool>('GET', objectPath(KINDS.ipPool, { name }), { signal });
      return pool.metadata.uid;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }
}

function inUse(blocks: readonly IPBlock[]) {
  const message = `deletion waits until no node owns a block of this pool; ${blocks.length} are left`;
  return { type: 'Normal', reason: REASON.poolInUse, action: 'Delete', message } as const;
}

function meetsOthers(message: string) {
  return { type: 'Warning', reason: REASON.poolOverlaps, action: 'Reserve', message } as const;
}

function meetsPool({ name, cidr }: PoolRange) {
  const message = `the range overlaps with that of pool '${name}' (${cidr}), which was first`;
  return { type: 'Warning', reason: REASON.poolOverlaps, action: 'Reserve', message } as const;
}
