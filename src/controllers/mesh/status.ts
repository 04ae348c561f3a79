import type { MeshService, MeshServiceFound, MeshServiceStatus } from '../../api/generated/meshservice.ts';
import type { TrafficSplit } from '../../api/generated/trafficsplit.ts';
import { objectKey } from '../../api/meta.ts';
import type { StatusWriter } from '../../kube/apply.ts';
import { DONE, type ReconcileResult, runController } from '../../kube/controller.ts';
import { KINDS } from '../../kube/kinds.ts';
import type { StoreReader } from '../../kube/store.ts';
import { WorkQueue } from '../../kube/workqueue.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { findEndpoints } from '../../model/mesh/endpoints.ts';
import { soughtBy } from '../../model/mesh/found-instance.ts';
import { meshServiceFor, resolveServiceKey, sourceServiceKey } from '../../model/mesh/mesh-index.ts';
import { problemsOfMeshService, problemsOfTrafficSplit } from '../../model/mesh/mesh-problems.ts';
import { ownerOfService } from '../../model/mesh/own-service.ts';
import type { DesiredCondition } from '../../model/status/conditions.ts';
import { meshObjectStatus } from '../../model/status/mesh.ts';
import { registryStatus } from '../../model/status/registry.ts';
import { nameCondition, nameEndpoints, type NameOnNode } from '../../model/status/source.ts';
import { PendingPatience } from '../pending-patience.ts';
import { whenCompiled } from '../when-compiled.ts';
import { FoundSources, type WatchSource } from './found-sources.ts';
import { backendsOf, measuredShares } from '../../model/mesh/measured-shares.ts';
import { RecentCalls, type RecentCallsDeps } from './recent-calls.ts';
import type { LiveMeshIndex } from './live-index.ts';
import { type TargetDeps, targetsOf } from './targets.ts';

export interface MeshStatusDeps extends TargetDeps {
  readonly meshServices: StoreReader<MeshService>;
  readonly trafficSplits: StoreReader<TrafficSplit>;
  readonly index: LiveMeshIndex;
  /** Every node has reported, or the time for it is over. */
  readonly isSettled: () => boolean;
  /** Whether what nodes should hold follows from all that the stores have. */
  readonly isCompiled: () => boolean;
  readonly statuses: { readonly meshService: StatusWriter; readonly trafficSplit: StatusWriter };
  readonly onAcknowledged: (listener: () => void) => () => void;
  /** What nodes say of a name. */
  readonly nameReports: (name: string) => readonly NameOnNode[];
  readonly nodes: RecentCallsDeps['nodes'];
  readonly nodesWithProxy: RecentCallsDeps['nodesWithProxy'];
  readonly callsTo: RecentCallsDeps['callsTo'];
  /** Follows a source in its registry. */
  readonly watchSource: WatchSource;
  /** A node says something else than before. */
  readonly onNodeChanged: (listener: () => void) => () => void;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
}

/** Proxies acknowledge in bursts: statuses are worked out once for all that comes within this. */
const SETTLE_MS = 50;

/** Keeps the statuses of MeshServices and TrafficSplits true while this replica leads; resolves when it has stopped. */
export async function runMeshStatus(deps: MeshStatusDeps, signal: AbortSignal): Promise<void> {
  const { meshServices, trafficSplits, pods, clock, random, log } = deps;
  const queue = new WorkQueue({ clock, random });
  const enqueueAll = () => {
    for (const object of meshServices.list()) queue.addAfter(`MeshService ${objectKey(object)}`, SETTLE_MS);
    for (const object of trafficSplits.list()) queue.addAfter(`TrafficSplit ${objectKey(object)}`, SETTLE_MS);
  };
  const unsubscribe = [
    meshServices.onChange((key) => queue.addAfter(`MeshService ${key}`, SETTLE_MS)),
    trafficSplits.onChange((key) => queue.addAfter(`TrafficSplit ${key}`, SETTLE_MS)),
    deps.onAcknowledged(enqueueAll),
    deps.onNodeChanged(() => {
      const named = meshServices.list().filter(({ spec }) => spec.source.dns !== undefined);
      for (const object of named) queue.addAfter(`MeshService ${objectKey(object)}`, SETTLE_MS);
    }),
  ];
  enqueueAll();
  const sources = new FoundSources(meshServices, deps.watchSource, (key) =>
    queue.addAfter(`MeshService ${key}`, SETTLE_MS),
  );
  const recentCalls = new RecentCalls(deps);
  void recentCalls.run(() => {
    for (const object of trafficSplits.list()) queue.addAfter(`TrafficSplit ${objectKey(object)}`, SETTLE_MS);
  }, signal);
  const own = { ...deps, sources, recentCalls, patience: new PendingPatience(clock) };
  const reconciler = whenCompiled(deps.isCompiled, { reconcile: (key, term) => reconcile(own, key, term) });
  const stores = [meshServices, trafficSplits, pods];
  try {
    await runController({ name: 'mesh-status', reconciler, queue, stores, clock, log }, signal);
  } finally {
    for (const end of unsubscribe) end();
    sources.close();
  }
}

interface ReconcileDeps extends MeshStatusDeps {
  readonly sources: FoundSources;
  readonly recentCalls: RecentCalls;
  readonly patience: PendingPatience;
}

async function reconcile(deps: ReconcileDeps, text: string, signal: AbortSignal): Promise<ReconcileResult> {
  const { meshServices, trafficSplits, index, statuses, patience } = deps;
  const [kind = '', key = ''] = text.split(' ');
  if (kind === 'MeshService') {
    const mesh = meshServices.get(key);
    if (mesh === undefined) return DONE;
    const serviceKey = sourceServiceKey(mesh);
    const status = statusOf(deps, mesh, problemsOfMeshService(index, mesh), serviceKey);
    const again = patience.heldBack(text, status.conditions);
    if (again !== undefined) return again;
    const { condition, ...facts } = sourceStatus(deps, mesh, key, serviceKey);
    const conditions = [...status.conditions, ...(condition === undefined ? [] : [condition])];
    return statuses.meshService.write(KINDS.meshService, mesh, { ...status, ...facts, conditions }, signal);
  }
  const split = trafficSplits.get(key);
  if (split === undefined) return DONE;
  const serviceKey = resolveServiceKey(index, split, split.spec.service);
  const status = statusOf(deps, split, problemsOfTrafficSplit(index, split), serviceKey);
  const again = patience.heldBack(text, status.conditions);
  if (again !== undefined) return again;
  const measured = measuredShares(backendsOf(index, split), deps.recentCalls.of) ?? split.status?.backends;
  const backends = measured === undefined ? {} : { backends: measured };
  return statuses.trafficSplit.write(KINDS.trafficSplit, split, { ...status, ...backends }, signal);
}

interface SourceStatus {
  readonly endpoints: NonNullable<MeshServiceStatus['endpoints']>;
  readonly found?: MeshServiceFound;
  readonly condition?: DesiredCondition;
}

/** What the status says of where the endpoints come from. */
function sourceStatus(deps: ReconcileDeps, mesh: MeshService, key: string, serviceKey: string): SourceStatus {
  const { index, sources, nameReports, clock } = deps;
  const { dns } = mesh.spec.source;
  if (soughtBy(mesh.spec.source) !== undefined) {
    const now = new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
    return registryStatus(mesh, sources.stateOf(key) ?? {}, now);
  }
  if (dns === undefined) return { endpoints: { total: endpointCount(index, serviceKey) } };
  const reports = nameReports(dns.name);
  return { endpoints: { total: nameEndpoints(reports) }, condition: nameCondition(dns.name, reports) };
}

function statusOf(
  deps: MeshStatusDeps,
  object: MeshService | TrafficSplit,
  problems: ReturnType<typeof problemsOfMeshService>,
  serviceKey: string,
) {
  const { generation } = object.metadata;
  return meshObjectStatus({
    problems,
    targets: targetsOf(deps, serviceKey),
    ...(generation === undefined ? {} : { generation }),
    stored: object.status?.conditions ?? [],
    isSettled: deps.isSettled(),
  });
}

function endpointCount(index: LiveMeshIndex, serviceKey: string): number {
  if (ownerOfService(serviceKey) !== undefined) return sourceEndpointCount(index, serviceKey);
  const ready = index
    .slicesOf(serviceKey)
    .flatMap(({ endpoints }) => endpoints ?? []) // null for a Service without pods
    .filter(({ conditions }) => conditions?.ready !== false);
  return new Set(ready.flatMap(({ addresses }) => addresses)).size;
}

function sourceEndpointCount(index: LiveMeshIndex, serviceKey: string): number {
  const mesh = meshServiceFor(index, serviceKey);
  const [port] = index.service(serviceKey)?.spec.ports ?? [];
  return port === undefined ? 0 : findEndpoints(index, serviceKey, port, mesh).length;
}
