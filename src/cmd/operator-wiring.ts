import type { IPPool } from '../api/generated/ippool.ts';
import type { KubeObject } from '../api/meta.ts';
import { BlockClaimer } from '../controllers/ippool/claim.ts';
import { runIPPoolControllers } from '../controllers/ippool/run.ts';
import { runPolicyStatus } from '../controllers/networkpolicy/run.ts';
import { NodeStateCompiler } from '../controllers/node-state/compiler.ts';
import { Announcing } from '../controllers/node-state/announcing.ts';
import { Forgetting } from '../controllers/node-state/forgetting.ts';
import { MeshCompiler } from '../controllers/mesh/compiler.ts';
import { ProxyStates } from '../controllers/mesh/proxies.ts';
import { runMeshStatus } from '../controllers/mesh/status.ts';
import { HeldResources } from '../controllers/node-state/held.ts';
import { LeasedAddresses } from '../controllers/node-state/leased.ts';
import { runUninstall } from '../controllers/uninstall/run.ts';
import { followProgress } from '../controllers/node-state/progress.ts';
import { KubeClient } from '../kube/client.ts';
import { loadConnection } from '../kube/connection.ts';
import { StatusWriter } from '../kube/apply.ts';
import { EventRecorder } from '../kube/events.ts';
import { LeaderElection } from '../kube/lease.ts';
import { parseSigningKeys, type SigningKeys, verifyToken } from '../kube/service-account-token.ts';
import type { StoreReader } from '../kube/store.ts';
import { sleep, systemClock } from '../lib/clock.ts';
import { containsAddress, parseCidr4, parseIpv4 } from '../lib/ipv4.ts';
import type { Logger } from '../lib/logger.ts';
import { DesiredTable } from '../model/node/desired.ts';
import { nodeAddressOf } from '../model/node/translate-node.ts';
import { createPolicyIndex } from '../model/policy/policy-index.ts';
import { ensureAuthority } from '../pki/authority.ts';
import { OperatorClient } from '../stream/operator-client.ts';
import { operatorSpiffeId } from '../stream/tls.ts';
import { serveHealth } from '../telemetry/health.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { authorityInSecret, publishTrust } from './authority-store.ts';
import { createStores, reflectCluster } from './cluster-stores.ts';
import { type ProxySettings, startWebhooks } from './operator-webhooks.ts';
import { signWorkload } from './sign-workload.ts';

export interface OperatorConfig {
  readonly namespace: string;
  /** Unique over replicas and restarts. */
  readonly replica: string;
  /** The pod's name. */
  readonly instance: string;
  readonly trustDomain: string;
  readonly agentPort: number;
  readonly healthPort: number;
  readonly webhookPort: number;
  readonly proxy: ProxySettings;
}

const AGENT_AUDIENCE = 'weft-operator';
const AGENT_SERVICE_ACCOUNT = 'weft-agent';
/** Changes that come together are compiled together. */
const FLUSH_AFTER_MS = 2;
const CLAIM_EVERY_MS = 2_000;
/** A new leader takes no `Programmed` back before every node has reported, or this has passed. */
const SETTLE_MS = 30_000;
const CERTIFICATE_LIFE_MS = 24 * 3600_000;

/** One replica: watches, compiles, and dials every agent; writes status while it leads. Resolves after `signal`. */
export async function runOperator(config: OperatorConfig, log: Logger, signal: AbortSignal): Promise<void> {
  const clock = systemClock;
  const { namespace, trustDomain } = config;
  const api = new KubeClient(loadConnection({ from: 'cluster' }, clock), clock);
  const metrics = createMetrics();
  const stores = createStores();
  const reflecting = reflectCluster(stores, { api, clock, log }, signal);
  let isServing = false;
  const health = await serveHealth({
    port: config.healthPort,
    host: '0.0.0.0',
    metrics,
    readiness: () => (isServing ? [] : ['starting', ...reflecting.trouble()]),
    liveness: () => [],
  });

  const authority = await ensureAuthority(authorityInSecret(api, namespace), clock);
  await publishTrust(api, namespace, authority.rootCertificatePem, signal);
  const keys = await signingKeys(api);
  await reflecting.synced;

  const table = new DesiredTable();
  const policies = createPolicyIndex();
  const held = new HeldResources();
  const leased = new LeasedAddresses((address) => poolHolding(stores.pools, address));
  const leaseListeners = new Set<(pool: string) => void>();
  const listeners = new Set<() => void>();
  const listen = (listener: () => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
  const acknowledged = () => {
    for (const listener of listeners) listener();
  };
  const forgetting = new Forgetting(
    { table, held, pods: stores.pods, nodes: stores.nodes, onAcknowledged: listen },
    clock,
  );
  const announcing = new Announcing({ table, held, policies, onAcknowledged: listen }, clock);
  const claimer = new BlockClaimer({ api, pools: stores.pools, blocks: stores.blocks, nodes: stores.nodes, log });

  let isFlushing = false;
  const wake = () => {
    if (isFlushing) return;
    isFlushing = true;
    clock.after(FLUSH_AFTER_MS, flush);
  };
  const mesh = new MeshCompiler({ stores, table, trustDomain, proxyUid: config.proxy.uid }, wake);
  const proxies = new ProxyStates();
  const compiler = new NodeStateCompiler(
    {
      stores,
      table,
      policies,
      trust: { trustDomain, trustBundlePem: authority.rootCertificatePem },
      progress: followProgress(stores as unknown as Readonly<Record<string, StoreReader<KubeObject>>>),
      meshOf: (pod) => mesh.meshOf(pod),
    },
    wake,
  );
  let tls = issueOwn();
  const client = new OperatorClient({
    replicaId: config.replica,
    tls: () => tls,
    verifyToken: async (token) =>
      verifyToken(token, await keys(), {
        audience: AGENT_AUDIENCE,
        namespace,
        serviceAccount: AGENT_SERVICE_ACCOUNT,
        nowSeconds: Math.floor(clock.now() / 1000),
      }),
    desired: table,
    reports: {
      connected(node, hello) {
        held.connected(node, hello);
        acknowledged();
      },
      disconnected(node, reason) {
        log.info('agent disconnected', { node, reason });
        held.disconnected(node);
        acknowledged();
      },
      held(node, change) {
        held.changed(node, change);
        acknowledged();
      },
      leases(_node, changes) {
        compiler.leased(changes);
        for (const pool of leased.change(changes)) for (const listener of leaseListeners) listener(pool);
        wake();
      },
      proxy(_node, report) {
        proxies.report(report);
        acknowledged();
      },
    },
    requests: {
      async block(node) {
        const nodeUid = held.nodeUid(node) ?? '';
        const answer = await claimer.claimBlock({ nodeName: node, nodeUid, known: held.keys(node, 'block') }, signal);
        return 'reason' in answer ? { problem: answer.message } : { cidr: answer.spec.cidr };
      },
      known: (_node, { podUid, address }) => announcing.wait(podUid, address),
      forgotten: (_node, { addresses }) => forgetting.wait(addresses),
      certificate: async (node, request) => signWorkload(authority, stores.pods, trustDomain, { node, ...request }),
    },
    clock,
    random: Math.random,
    log,
  });

  function flush(): void {
    isFlushing = false;
    compiler.meshChanged(mesh.flush());
    compiler.flush();
    const addresses = new Map<string, string>();
    for (const node of stores.nodes.list()) {
      const address = nodeAddressOf(node);
      if (address !== undefined) addresses.set(node.metadata.name, `${address}:${config.agentPort}`);
    }
    client.setNodes(addresses);
    client.changed(table.takeDirty());
    acknowledged();
  }

  function issueOwn() {
    return authority.issue([{ uri: operatorSpiffeId(trustDomain) }], CERTIFICATE_LIFE_MS);
  }

  flush();
  const webhooks = await startWebhooks({ api, authority, config, log }, signal);
  isServing = true;
  log.info('operator serving', { replica: config.replica });

  const events = new EventRecorder({ api, clock, log, controller: 'weft.dev/operator', instance: config.instance });
  const election = new LeaderElection({
    ...{ api, clock, random: Math.random, log, namespace },
    name: 'weft-operator',
    identity: config.replica,
  });
  const settledMs = clock.monotonic() + SETTLE_MS;
  const isSettled = () =>
    clock.monotonic() > settledMs || stores.nodes.list().every(({ metadata }) => held.isConnected(metadata.name));
  const leading = election.run(async (term) => {
    const status = (manager: string) => new StatusWriter({ api, clock, fieldManager: manager });
    await Promise.all([
      runIPPoolControllers(
        {
          ...{ api, clock, log, events, namespace, random: Math.random },
          ...{ pools: stores.pools, blocks: stores.blocks, nodes: stores.nodes },
          status: status('weft-ippool'),
          apply: { api, fieldManager: 'weft-ippool' },
          allocatedIn: (pool) => leased.in(pool),
          onLeased(listener) {
            leaseListeners.add(listener);
            return () => leaseListeners.delete(listener);
          },
          holderOf: (cidr) => held.holderOf(cidr),
          onReconciled: metrics.reconciles.reconciled,
          onQueueDepth: metrics.reconciles.queued,
        },
        term,
      ),
      runPolicyStatus(
        {
          ...{ clock, log, random: Math.random, table, held, footprints: policies, isSettled },
          policies: stores.policies,
          nodes: stores.nodes,
          status: status('weft-networkpolicy'),
          onAcknowledged: listen,
        },
        term,
      ),
      runMeshStatus(
        {
          ...{ clock, log, random: Math.random, table, proxies },
          ...{ meshServices: stores.meshServices, trafficSplits: stores.trafficSplits, pods: stores.pods },
          index: mesh.index,
          isConnected: (node) => held.isConnected(node),
          isSettled,
          statuses: { meshService: status('weft-meshservice'), trafficSplit: status('weft-trafficsplit') },
          onAcknowledged: listen,
        },
        term,
      ),
      runUninstall(
        {
          ...{ api, clock, log, namespace },
          nodes: stores.nodes,
          leases: () => leased.count,
          connectedNodes: () => client.connectedNodes(),
          teardown: (node, force) => client.teardown(node, force),
        },
        term,
      ),
    ]);
  }, signal);

  // A standby that was behind when the primary was lost claims once it has caught up.
  const claims = setInterval(flush, CLAIM_EVERY_MS);
  while (!signal.aborted) {
    await sleep(clock, CERTIFICATE_LIFE_MS / 3, signal);
    tls = issueOwn();
    webhooks.renew();
  }
  clearInterval(claims);
  await Promise.all([leading, client.close(), webhooks.close()]);
  await health.close();
  await api.close();
}

/** The cluster's token signing keys, read anew at most once a minute, and kept while the API server is away. */
async function signingKeys(api: KubeClient): Promise<() => Promise<SigningKeys>> {
  let keys = parseSigningKeys(await api.request('GET', '/openid/v1/jwks'));
  let readMs = systemClock.monotonic();
  return async () => {
    if (systemClock.monotonic() - readMs < 60_000) return keys;
    readMs = systemClock.monotonic();
    try {
      keys = parseSigningKeys(await api.request('GET', '/openid/v1/jwks', { signal: AbortSignal.timeout(2_000) }));
    } catch {
      // Those from before are still good.
    }
    return keys;
  };
}

function poolHolding(pools: StoreReader<IPPool>, address: string): string | undefined {
  const value = parseIpv4(address);
  if (value === undefined) return undefined;
  const pool = pools.list().find(({ spec }) => {
    const range = parseCidr4(spec.cidr);
    return range !== undefined && containsAddress(range, value);
  });
  return pool?.metadata.name;
}
