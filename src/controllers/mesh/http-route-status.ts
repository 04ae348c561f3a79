import { isDeepStrictEqual } from 'node:util';
import type { HTTPRoute } from '../../api/kubernetes.ts';
import { type KubeObject, objectKey } from '../../api/meta.ts';
import type { ApplyOptions } from '../../kube/apply.ts';
import { DONE, type Reconciler, type ReconcileResult, runController } from '../../kube/controller.ts';
import { type Kind, objectPath } from '../../kube/kinds.ts';
import type { StoreReader } from '../../kube/store.ts';
import { WorkQueue } from '../../kube/workqueue.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { type GatewayRouteFacts, httpRouteParents } from '../../model/mesh/http-route-status.ts';
import type { MeshIndex } from '../../model/mesh/mesh-index.ts';
import { whenCompiled } from '../when-compiled.ts';
import { type TargetDeps, targetsOf } from './targets.ts';

export interface HttpRouteStatusDeps extends TargetDeps {
  /** Of one kind: HTTPRoutes, or GRPCRoutes or TLSRoutes as such. */
  readonly routes: StoreReader<HTTPRoute>;
  readonly kind: Kind<KubeObject>;
  readonly index: MeshIndex;
  readonly gateways: GatewayRouteFacts;
  readonly write: ApplyOptions;
  /** Every node has reported, or the time for it is over. */
  readonly isSettled: () => boolean;
  readonly clock: Clock;
}

export interface HttpRouteStatusRunDeps extends HttpRouteStatusDeps {
  /** Whether what nodes should hold follows from all that the stores have. */
  readonly isCompiled: () => boolean;
  /** Calls the listener whenever a proxy has said something, or the mesh was compiled anew; returns how to stop. */
  readonly onAcknowledged: (listener: () => void) => () => void;
  /** In [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
}

/** Proxies acknowledge in bursts: statuses are worked out once for all that comes within this. */
const SETTLE_MS = 50;
/** What nobody tells of: a leader that has waited long enough for nodes to dial back. */
const RESYNC_MS = 31_000;
/** Between two status writes of one route. */
const STATUS_INTERVAL_MS = 1_000;

/** Keeps our entries in the statuses of HTTPRoutes, or of GRPCRoutes, true while this replica leads; resolves when it has stopped. */
export async function runHttpRouteStatus(deps: HttpRouteStatusRunDeps, signal: AbortSignal): Promise<void> {
  const { routes, kind, pods, clock, log, random } = deps;
  const queue = new WorkQueue({ clock, random });
  const enqueueAll = () => {
    for (const route of routes.list()) queue.addAfter(objectKey(route), SETTLE_MS);
  };
  const unsubscribe = [
    routes.onChange((key) => queue.addAfter(key, SETTLE_MS)),
    deps.onAcknowledged(enqueueAll),
    clock.after(RESYNC_MS, enqueueAll),
  ];
  enqueueAll();
  const reconciler = whenCompiled(deps.isCompiled, new HttpRouteStatusReconciler(deps));
  try {
    const stores = [routes, pods];
    await runController({ name: `${kind.kind.toLowerCase()}-status`, reconciler, queue, stores, clock, log }, signal);
  } finally {
    for (const end of unsubscribe) end();
  }
}

/** Key: `namespace/name`. Leader only. */
export class HttpRouteStatusReconciler implements Reconciler {
  readonly #deps: HttpRouteStatusDeps;
  /** Monotonic time of the last write, by key. */
  readonly #writtenMs = new Map<string, number>();

  constructor(deps: HttpRouteStatusDeps) {
    this.#deps = deps;
  }

  /** @throws KubeError when the write fails; 409 when the route has changed since, by whomever, or is another. */
  async reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult> {
    const { routes, index, gateways, isSettled, clock } = this.#deps;
    const route = routes.get(key);
    if (route === undefined) {
      this.#writtenMs.delete(key);
      return DONE;
    }
    const parents = httpRouteParents(route, {
      ...{ index, gateways },
      targetsOf: (serviceKey) => targetsOf(this.#deps, serviceKey),
      isSettled: isSettled(),
      now: new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z'),
    });
    if (isDeepStrictEqual(parents, route.status?.parents ?? [])) return DONE;
    const waitMs = (this.#writtenMs.get(key) ?? Number.NEGATIVE_INFINITY) + STATUS_INTERVAL_MS - clock.monotonic();
    if (waitMs > 0) return { requeueAfterMs: Math.ceil(waitMs) };
    await this.#write(route, parents, signal);
    this.#writtenMs.set(key, clock.monotonic());
    return DONE;
  }

  /** The list is atomic and others write to it too: what was read is written back, if it is still what stands there. */
  async #write(route: HTTPRoute, parents: readonly unknown[], signal: AbortSignal): Promise<void> {
    const { kind, write } = this.#deps;
    const { api, fieldManager } = write;
    const { resourceVersion } = route.metadata;
    await api.request('PATCH', objectPath(kind, route.metadata, 'status'), {
      ...{ query: { fieldManager }, contentType: 'application/merge-patch+json', signal },
      body: { metadata: { resourceVersion }, status: { parents } },
    });
  }
}
