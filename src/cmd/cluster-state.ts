import type { Tracing } from '../model/mesh/tracing.ts';
import type { IPPool } from '../api/generated/ippool.ts';
import type { HTTPRoute } from '../api/kubernetes.ts';
import type { KubeObject } from '../api/meta.ts';
import { BgpCompiler } from '../controllers/bgp/compiler.ts';
import { GatewayCompiler } from '../controllers/gateway/compiler.ts';
import { liveGateways } from '../controllers/gateway/live-gateways.ts';
import { Borrower } from '../controllers/ippool/borrow.ts';
import { BlockClaimer } from '../controllers/ippool/claim.ts';
import { giveBack } from '../controllers/ippool/give-back.ts';
import { loansOf } from '../controllers/ippool/loans.ts';
import { MeshCompiler } from '../controllers/mesh/compiler.ts';
import { Leaving } from '../controllers/mesh/leaving.ts';
import { ProxyStates } from '../controllers/mesh/proxies.ts';
import { Announcing } from '../controllers/node-state/announcing.ts';
import { NodeStateCompiler } from '../controllers/node-state/compiler.ts';
import { Forgetting } from '../controllers/node-state/forgetting.ts';
import { HeldResources } from '../controllers/node-state/held.ts';
import { LeasedAddresses } from '../controllers/node-state/leased.ts';
import { InStep } from '../controllers/node-state/in-step.ts';
import { followProgress } from '../controllers/node-state/progress.ts';
import { RoutedServices } from '../controllers/node-state/routed-services.ts';
import type { KubeApi } from '../kube/client.ts';
import { mapStore } from '../kube/mapped-store.ts';
import type { StoreReader } from '../kube/store.ts';
import type { Clock } from '../lib/clock.ts';
import { containsAddress, parseCidr, parseIp } from '../lib/ip.ts';
import { Listeners } from '../lib/listeners.ts';
import type { Logger } from '../lib/logger.ts';
import type { PasswordOf } from '../model/bgp/peer-problem.ts';
import type { GatewayIndex } from '../model/mesh/gateway/gateway-index.ts';
import { routeOfTls } from '../model/mesh/gateway/tls-route.ts';
import { httpRouteOf } from '../model/mesh/grpc-route.ts';
import { DesiredTable } from '../model/node/desired.ts';
import type { NodeReportIr } from '../model/node/report.ts';
import type { LendAnswer, LendAsk } from '../model/ipam/loan.ts';
import { isSecond } from '../model/ipam/pool-choice.ts';
import { createPolicyIndex } from '../model/policy/policy-index.ts';
import type { Authority } from '../pki/authority.ts';
import type { NodeReports, NodeRequests } from '../stream/operator-ports.ts';
import type { OperatorObserver } from '../telemetry/operator-metrics.ts';
import type { ClusterStores } from './cluster-stores.ts';
import { signWorkload } from './sign-workload.ts';

export interface ClusterStateDeps {
  readonly api: KubeApi;
  readonly stores: ClusterStores;
  readonly authority: Authority;
  readonly trustDomain: string;
  readonly proxyUid: number;
  readonly tracing: Tracing | undefined;
  /** Of BGP sessions. */
  readonly passwordOf: PasswordOf;
  /** Of Gateways' listeners, by Secret. */
  readonly certificateOf: GatewayIndex['certificate'];
  /** Whether nodes are told of Services. */
  readonly routesServices: boolean;
  /** Has a node lend of its block; rejects when it cannot be reached, or `signal` aborts. */
  readonly lend: (node: string, ask: LendAsk, signal: AbortSignal) => Promise<LendAnswer>;
  readonly observer: OperatorObserver;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Node → what may have changed for it. */
type Dirty = ReturnType<DesiredTable['takeDirty']>;

/** Changes that come together are compiled together. */
const FLUSH_AFTER_MS = 2;

/** What a replica makes of the cluster: what nodes should hold, what they say they hold, and answers to what they ask. */
export class ClusterState {
  readonly table = new DesiredTable();
  readonly policies = createPolicyIndex();
  readonly held = new HeldResources();
  readonly #inStep = new InStep({ table: this.table, held: this.held });
  readonly proxies = new ProxyStates();
  readonly leased: LeasedAddresses;
  readonly mesh: MeshCompiler;
  readonly bgp: BgpCompiler;
  readonly gateways: GatewayCompiler;
  readonly gatewayIndex: GatewayIndex;
  /** Whenever the table moved, or a node has said something of what it or its proxies hold. */
  readonly acknowledged = new Listeners<void>();
  /** Pools whose leases changed. */
  readonly poolsLeased = new Listeners<string>();
  /** Nodes that have come, gone, or said something of themselves or of what they could not do. */
  readonly nodesChanged = new Listeners<string>();
  /** As HTTPRoutes. */
  readonly grpcRoutes: StoreReader<HTTPRoute>;
  /** As HTTPRoutes. */
  readonly tlsRoutes: StoreReader<HTTPRoute>;
  /** What each node's agent said last. */
  readonly nodeReports = new Map<string, NodeReportIr>();
  readonly #deps: ClusterStateDeps;
  readonly #compiler: NodeStateCompiler;
  readonly #routed: RoutedServices | undefined;
  readonly #onFlushed: (dirty: Dirty) => void;
  #isFlushing = false;

  /** @param onFlushed called when the table may have moved, with what nodes may have to be told. */
  constructor(deps: ClusterStateDeps, onFlushed: (dirty: Dirty) => void) {
    const { stores, authority, trustDomain, proxyUid, tracing, passwordOf } = deps;
    this.#deps = deps;
    // Nodes are told nothing of it.
    const { serviceCidrs: _, ...compiled } = stores;
    this.#onFlushed = onFlushed;
    this.leased = new LeasedAddresses((address) => poolHolding(stores.pools, address));
    // What was leased before its pool was seen is counted once it is.
    stores.pools.onChange((_key, before, after) => {
      if (before === undefined || after === undefined || isSecond(before) !== isSecond(after)) this.recount();
    });
    const wake = () => this.#wake();
    this.grpcRoutes = mapStore(stores.grpcRoutes, httpRouteOf);
    const meshStores = { ...stores, grpcRoutes: this.grpcRoutes };
    this.mesh = new MeshCompiler({ stores: meshStores, table: this.table, trustDomain, proxyUid, tracing }, wake);
    this.tlsRoutes = mapStore(stores.tlsRoutes, routeOfTls);
    const { gateways, gatewayClasses, namespaces, services, meshServices, referenceGrants, httpRoutes, pods } = stores;
    const routes = { httpRoutes, grpcRoutes: this.grpcRoutes, tlsRoutes: this.tlsRoutes };
    const gatewayStores = { gateways, gatewayClasses, namespaces, ...routes };
    this.gatewayIndex = liveGateways(this.mesh.index, gatewayStores, deps.certificateOf);
    const sources = [gatewayClasses, namespaces, services, meshServices, referenceGrants, ...Object.values(routes)];
    this.gateways = new GatewayCompiler(
      {
        ...{ gateways, pods, index: this.gatewayIndex, table: this.table },
        sources: sources as readonly StoreReader<KubeObject>[],
      },
      wake,
    );
    this.bgp = new BgpCompiler({ stores, table: this.table, passwordOf }, wake);
    this.#routed = deps.routesServices ? new RoutedServices({ ...stores, table: this.table }, wake) : undefined;
    this.#compiler = new NodeStateCompiler(
      {
        stores,
        table: this.table,
        policies: this.policies,
        trust: { trustDomain, trustBundlePem: authority.rootCertificatePem },
        progress: followProgress(compiled as unknown as Readonly<Record<string, StoreReader<KubeObject>>>),
        meshOf: (pod) => this.mesh.meshOf(pod),
      },
      wake,
    );
  }

  /** Brings the table up to date with the stores. */
  flush(): void {
    const { clock, observer } = this.#deps;
    const startedMs = clock.monotonic();
    this.#isFlushing = false;
    this.#routed?.flush();
    this.#compiler.meshChanged(this.mesh.flush());
    this.#compiler.flush();
    this.bgp.flush();
    this.gateways.flush();
    observer.compiled(clock.monotonic() - startedMs);
    const dirty = this.table.takeDirty();
    for (const [node, refs] of dirty) this.#inStep.changed(node, refs);
    this.#onFlushed(dirty);
    this.acknowledged.tell();
  }

  /** Call when `passwordOf` may answer differently. */
  passwordsChanged(): void {
    this.bgp.passwordsChanged();
    this.#wake();
  }

  /** Call when `certificateOf` may answer differently. */
  certificatesChanged(): void {
    this.gateways.certificatesChanged();
    this.#wake();
  }

  /** Counts anew what is leased of each pool. */
  recount(): void {
    this.leased.recount();
    for (const { metadata } of this.#deps.stores.pools.list()) this.poolsLeased.tell(metadata.name);
  }

  /** Whether the table follows from all that the stores have. */
  get isCompiled(): boolean {
    return !this.#isFlushing;
  }

  reports(): NodeReports {
    const { held, proxies, acknowledged, nodesChanged } = this;
    const inStep = this.#inStep;
    return {
      connected: (node, hello) => {
        held.connected(node, hello);
        inStep.connected(node);
        acknowledged.tell();
        nodesChanged.tell(node);
      },
      disconnected: (node, reason) => {
        this.#deps.log.info('agent disconnected', { node, reason });
        held.disconnected(node);
        acknowledged.tell();
        nodesChanged.tell(node);
      },
      held: (node, change) => {
        const hadErrors = held.errors(node).length > 0;
        held.changed(node, change);
        inStep.changed(node, [...change.applied, ...change.removed]);
        acknowledged.tell();
        this.#deps.observer.refused(change.errors.length);
        if (hadErrors || change.errors.length > 0) nodesChanged.tell(node);
      },
      leases: (_node, changes) => {
        this.#compiler.leased(changes);
        for (const pool of this.leased.change(changes)) this.poolsLeased.tell(pool);
        this.#wake();
      },
      proxy: (_node, report) => {
        proxies.report(report);
        acknowledged.tell();
      },
      node: (node, report) => {
        this.nodeReports.set(node, report);
        nodesChanged.tell(node);
      },
    };
  }

  /** @param signal aborts what asks the API server. */
  requests(signal: AbortSignal): NodeRequests {
    const { table, held, policies } = this;
    const { api, stores, authority, trustDomain, lend, clock, log } = this.#deps;
    const onAcknowledged = this.acknowledged.listen;
    const { pools, blocks, nodes, pods, serviceCidrs } = stores;
    const borrower = new Borrower({ api, blocks, nodes, lend, log });
    const claimer = new BlockClaimer({ api, pools, blocks, nodes, serviceCidrs, borrower, log });
    const forgetting = new Forgetting({ inStep: this.#inStep, pods, nodes, onAcknowledged }, clock);
    const announcing = new Announcing({ table, held, policies, onAcknowledged }, clock);
    const leaving = new Leaving(
      {
        ...{ pods, endpointSlices: stores.endpointSlices, table, held, proxies: this.proxies, onAcknowledged },
        clustersOf: (service) => this.mesh.clustersOf(service),
        isCompiled: () => this.isCompiled,
      },
      clock,
    );
    return {
      async block(nodeName, ask) {
        const known = held.keys(nodeName, 'block');
        const request = { ...ask, nodeName, nodeUid: held.nodeUid(nodeName) ?? '', known };
        const answer = await claimer.claimBlock(request, signal);
        return 'reason' in answer ? { problem: answer.message } : { cidr: answer.spec.cidr };
      },
      giveBack: (node, { cidr, uid }) =>
        giveBack({ api, blocks, log }, { cidr, uid, nodeUid: held.nodeUid(node) ?? '' }, signal),
      loans: (node, ask) => loansOf({ api, blocks }, { ...ask, nodeUid: held.nodeUid(node) ?? '' }, signal),
      forgotten: (_node, { addresses }) => forgetting.wait(addresses),
      known: (_node, { podUid, addresses }) => announcing.wait(podUid, addresses),
      left: (_node, pod) => leaving.wait(pod),
      certificate: async (node, request) => signWorkload(authority, pods, trustDomain, { node, ...request }),
    };
  }

  #wake(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    this.#deps.clock.after(FLUSH_AFTER_MS, () => this.flush());
  }
}

function poolHolding(pools: StoreReader<IPPool>, address: string): string | undefined {
  const value = parseIp(address);
  if (value === undefined) return undefined;
  const holding = pools.list().find((pool) => {
    const range = parseCidr(pool.spec.cidr);
    return range !== undefined && containsAddress(range, value) && !isSecond(pool);
  });
  return holding?.metadata.name;
}
