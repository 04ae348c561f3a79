import { runBgpPeerStatus } from '../controllers/bgp/peer-status.ts';
import { runIpam } from '../controllers/ipam/run.ts';
import { runIPPoolControllers } from '../controllers/ippool/run.ts';
import { runHttpRouteStatus } from '../controllers/mesh/http-route-status.ts';
import { runSmiEvents } from '../controllers/mesh/smi-events.ts';
import { runGateways } from '../controllers/gateway/reconciler.ts';
import { runMeshStatus } from '../controllers/mesh/status.ts';
import { runPolicyStatus } from '../controllers/networkpolicy/run.ts';
import { runNodeNetworks } from '../controllers/node-network/run.ts';
import { runUninstall } from '../controllers/uninstall/run.ts';
import { StatusWriter } from '../kube/apply.ts';
import type { KubeApi } from '../kube/client.ts';
import { KINDS } from '../kube/kinds.ts';
import type { EventRecorder } from '../kube/events.ts';
import { httpPortsOf } from '../model/mesh/http-ports.ts';
import { meansGateway } from '../model/mesh/gateway/attachment.ts';
import { isOurs } from '../model/mesh/gateway/gateway-index.ts';
import type { ProxyViewAsk } from '../model/mesh/proxy-view.ts';
import type { JudgedPod } from '../model/policy/policy-index.ts';
import type { Gateway } from '../api/gateway.ts';
import type { HTTPRoute, ParentRef } from '../api/kubernetes.ts';
import { objectKey } from '../api/meta.ts';
import { gatewayTargets } from '../controllers/mesh/targets.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { DeadLease } from '../model/ipam/inspection.ts';
import { clusterOrigin } from '../model/policy/cluster-policy.ts';
import { weftOrigin } from '../model/policy/policy-form.ts';
import type { PolicyStatus } from '../model/status/policy.ts';
import type { OperatorClient } from '../stream/operator-client.ts';
import type { ReconcileObserver } from '../telemetry/metrics.ts';
import { type ProxySettings, proxyConfigOf } from './proxy-config.ts';
import type { ClusterState } from './cluster-state.ts';
import type { ClusterStores } from './cluster-stores.ts';
import { watchRegistries } from './watch-registries.ts';

export interface ControllerDeps {
  readonly api: KubeApi;
  readonly stores: ClusterStores;
  readonly state: ClusterState;
  readonly client: OperatorClient;
  readonly events: EventRecorder;
  readonly reconciles: ReconcileObserver;
  readonly proxy: ProxySettings;
  readonly namespace: string;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
}

/** A new leader takes no `Programmed` back before every node has reported, or this has passed. */
const SETTLE_MS = 30_000;

/** All that writes to the API: what the replica does while it leads. Each controller has a field manager of its own. */
export function operatorControllers(deps: ControllerDeps): (term: AbortSignal) => Promise<unknown> {
  const { api, stores, state, client, events, reconciles, namespace, clock, random, log } = deps;
  const { pools, blocks, nodes, pods, meshServices, trafficSplits, httpRoutes } = stores;
  const { table, held, proxies, leased } = state;
  const common = { api, clock, log, random, namespace, nodes, onAcknowledged: state.acknowledged.listen };
  const isCompiled = () => state.isCompiled;
  const status = (fieldManager: string) => new StatusWriter({ api, clock, fieldManager });
  const isConnected = (node: string) => held.isConnected(node);
  const settledMs = clock.monotonic() + SETTLE_MS;
  const isSettled = () =>
    clock.monotonic() > settledMs || nodes.list().every(({ metadata }) => held.isConnected(metadata.name));

  /** Monotonic, by uid of the IPBlock. */
  const quarantinedSince = new Map<string, number>();
  const poolController = {
    ...common,
    ...{ events, pools, blocks, serviceCidrs: stores.serviceCidrs },
    status: status('weft-ippool'),
    apply: { api, fieldManager: 'weft-ippool' },
    allocatedIn: (pool: string) => leased.in(pool),
    onLeased: state.poolsLeased.listen,
    // A Node that was registered anew is not told of its old blocks; its pods may still run on their addresses.
    holderOf: (cidr: string) => held.holderOf(cidr) ?? (leased.isUsed(cidr) ? 'its former node' : undefined),
    onQuarantine: (uid: string, sinceMs: number | undefined) => {
      if (sinceMs === undefined) quarantinedSince.delete(uid);
      else quarantinedSince.set(uid, sinceMs);
    },
    onReconciled: reconciles.reconciled,
    onQueueDepth: reconciles.queued,
  };
  const nodeNetworks = {
    ...common,
    ...{ blocks, events, held, isSettled },
    nodeNetworks: stores.nodeNetworks,
    status: status('weft-nodenetwork'),
    apply: { api, fieldManager: 'weft-nodenetwork' },
    report: (node: string) => state.nodeReports.get(node),
    onNodeChanged: state.nodesChanged.listen,
    onReconciled: reconciles.reconciled,
  };
  const policyStatus = {
    ...common,
    ...{ table, held, isSettled, isCompiled },
    footprints: state.policies,
    mesh: {
      httpPorts: ({ key }: JudgedPod) => {
        const pod = pods.get(key);
        const mesh = pod === undefined ? undefined : state.mesh.meshOf(pod);
        return mesh === undefined ? [] : httpPortsOf(mesh);
      },
      word: (...of: Parameters<typeof proxies.word>) => proxies.word(...of),
    },
  };
  const weftPolicies = {
    ...{ kind: KINDS.networkPolicy, policies: stores.policies, originOf: weftOrigin },
    shown: (of: PolicyStatus) => of,
  };
  const clusterPolicies = {
    ...{ kind: KINDS.clusterNetworkPolicy, policies: stores.clusterPolicies, originOf: clusterOrigin },
    shown: ({ conditions }: PolicyStatus) => ({ conditions }),
  };
  const meshStatus = {
    ...common,
    ...{ meshServices, trafficSplits, pods, table, proxies, isSettled, isCompiled },
    index: state.mesh.index,
    isConnected: (node: string) => held.isConnected(node),
    nameReports: (name: string) =>
      [...state.nodeReports]
        .filter(([node]) => held.isConnected(node))
        .flatMap(([node, { names = [] }]) =>
          names.filter((report) => report.name === name).map((report) => ({ node, ...report })),
        ),
    nodesWithProxy: () => state.mesh.nodes,
    callsTo: (node: string, services: readonly string[]) => client.calls(node, services),
    watchSource: watchRegistries({ api, services: stores.services, namespace, clock, random, log }),
    onNodeChanged: state.nodesChanged.listen,
    statuses: { meshService: status('weft-meshservice'), trafficSplit: status('weft-trafficsplit') },
  };
  const targetsOfGateway = (gateway: Gateway) => gatewayTargets({ ...state, pods, isConnected }, gateway);
  const gatewayRoutes = {
    index: state.gatewayIndex,
    gatewayOf: (route: HTTPRoute, ref: ParentRef) =>
      stores.gateways
        .list()
        .find((each) => isOurs(state.gatewayIndex, each) && meansGateway(route, ref, objectKey(each))),
    targetsOf: targetsOfGateway,
  };
  const gatewayController = {
    ...{ ...common, ...stores, isSettled, isCompiled, index: state.gatewayIndex, targetsOf: targetsOfGateway },
    proxy: proxyConfigOf(deps.proxy),
    statuses: { gateway: status('weft-gateway-status'), gatewayClass: status('weft-gatewayclass') },
  };
  const routeStatus = {
    gateways: gatewayRoutes,
    ...common,
    ...{ pods, table, proxies, isSettled, isCompiled },
    index: state.mesh.index,
    isConnected: (node: string) => held.isConnected(node),
  };
  const bgpPeerStatus = {
    ...common,
    ...{ isSettled, isCompiled },
    bgpPeers: stores.bgpPeers,
    bgp: state.bgp,
    report: (node: string) => state.nodeReports.get(node),
    isConnected: (node: string) => held.isConnected(node),
    onNodeChanged: state.nodesChanged.listen,
    status: status('weft-bgppeer'),
  };
  const uninstall = {
    ...common,
    leases: () => leased.count,
    connectedNodes: () => client.connectedNodes(),
    teardown: (node: string, force: boolean) => client.teardown(node, force),
  };
  const ipam = {
    ...{ ...common, pools, blocks, pods },
    inspect: (node: string) => client.inspect(node),
    deniedFlows: (node: string) => client.deniedFlows(node),
    ...{ table, proxies, namespaces: stores.namespaces, isConnected: (node: string) => held.isConnected(node) },
    proxyView: (node: string, ask: ProxyViewAsk) => client.proxyView(node, ask),
    repair: (node: string, leases: readonly DeadLease[]) => client.repair(node, leases),
    recount: () => state.recount(),
    quarantinedMs: () => new Map([...quarantinedSince].map(([uid, sinceMs]) => [uid, clock.monotonic() - sinceMs])),
  };
  return (term) => {
    // A new term counts quarantine from the beginning.
    quarantinedSince.clear();
    return Promise.all([
      runIPPoolControllers(poolController, term),
      runNodeNetworks(nodeNetworks, term),
      runPolicyStatus(weftPolicies, { ...policyStatus, status: status('weft-networkpolicy') }, term),
      runPolicyStatus(clusterPolicies, { ...policyStatus, status: status('weft-clusternetworkpolicy') }, term),
      runMeshStatus(meshStatus, term),
      runHttpRouteStatus(
        { ...routeStatus, kind: KINDS.httpRoute, routes: httpRoutes, write: { api, fieldManager: 'weft-httproute' } },
        term,
      ),
      runHttpRouteStatus(
        {
          ...{ ...routeStatus, kind: KINDS.grpcRoute, routes: state.grpcRoutes },
          write: { api, fieldManager: 'weft-grpcroute' },
        },
        term,
      ),
      runGateways(gatewayController, term),
      runHttpRouteStatus(
        {
          ...{ ...routeStatus, kind: KINDS.tlsRoute, routes: state.tlsRoutes },
          write: { api, fieldManager: 'weft-tlsroute' },
        },
        term,
      ),
      runSmiEvents({ ...common, ...stores, index: state.mesh.index, events }, term),
      runBgpPeerStatus(bgpPeerStatus, term),
      runUninstall(uninstall, term),
      runIpam(ipam, term),
    ]);
  };
}
