import type { Tracing } from '../model/mesh/tracing.ts';
import { BgpPasswords } from '../controllers/bgp/passwords.ts';
import { withoutProxy } from '../controllers/ipam/proxies.ts';
import { KubeClient } from '../kube/client.ts';
import { loadConnection } from '../kube/connection.ts';
import { EventRecorder } from '../kube/events.ts';
import { GatewayCertificates } from '../controllers/gateway/certificates.ts';
import { certificatesNamedBy } from '../controllers/gateway/live-gateways.ts';
import { LeaderElection } from '../kube/lease.ts';
import { verifyToken } from '../kube/service-account-token.ts';
import { sleep, systemClock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { LendAsk } from '../model/ipam/loan.ts';
import { nodeAddressOf } from '../model/node/translate-node.ts';
import { ensureAuthority } from '../pki/authority.ts';
import { OperatorClient } from '../stream/operator-client.ts';
import { operatorSpiffeId } from '../stream/tls.ts';
import { serveHealth } from '../telemetry/health.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { observeOperator } from '../telemetry/operator-metrics.ts';
import { authorityInSecret, publishTrust } from './authority-store.ts';
import { ClusterState } from './cluster-state.ts';
import { type ClusterStores, createStores, reflectCluster } from './cluster-stores.ts';
import { collectGarbage } from './collect-garbage.ts';
import { operatorControllers } from './operator-controllers.ts';
import { startWebhooks } from './operator-webhooks.ts';
import type { ProxySettings } from './proxy-config.ts';
import { signingKeys } from './signing-keys.ts';

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
  /** Whether nodes are told of Services, to route them. */
  readonly routesServices: boolean;
  readonly proxy: ProxySettings;
  /** Absent: nobody is told of calls. */
  readonly tracing: Tracing | undefined;
}

const AGENT_TOKENS = { audience: 'weft-operator', serviceAccount: 'weft-agent' };
const CLAIM_EVERY_MS = 2_000;
/** By then all agents have been told everything. */
const TIDY_AFTER_MS = 20_000;
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
  const keys = await signingKeys(api, clock);
  await reflecting.synced;
  const passwords = new BgpPasswords({ api, peers: stores.bgpPeers, namespace, clock, log });
  await passwords.readAll(signal);
  const wanted = () => certificatesNamedBy(stores.gateways.list());
  const certificates = new GatewayCertificates({ api, wanted, namespace, clock });
  await certificates.readAll(signal);
  stores.gateways.onChange(() => certificates.wantedChanged());

  let isLeader = false;
  const observer = observeOperator(metrics.registry, {
    nodes: () => stores.nodes.list().length,
    connectedNodes: () => client.connectedNodes().length,
    leases: () => stores.pools.list().map(({ metadata: { name } }) => [name, state.leased.in(name)] as const),
    isLeader: () => isLeader,
    withoutProxy: () => withoutProxy({ ...stores, namespace }).length,
  });
  const { routesServices, proxy } = config;
  const lend = (node: string, ask: LendAsk, patience: AbortSignal) => client.lend(node, ask, patience);
  const own = {
    api,
    stores,
    authority,
    trustDomain,
    routesServices,
    lend,
    passwordOf: passwords.of,
    certificateOf: certificates.of,
  };
  const deps = { ...own, proxyUid: proxy.uid, tracing: config.tracing, observer, clock, log };
  const state: ClusterState = new ClusterState(deps, (dirty) => {
    client.setNodes(agentAddresses(stores, config.agentPort));
    client.changed(dirty);
  });
  const issueOwn = () => authority.issue([{ uri: operatorSpiffeId(trustDomain) }], CERTIFICATE_LIFE_MS);
  let tls = issueOwn();
  const client: OperatorClient = new OperatorClient({
    replicaId: config.replica,
    tls: () => tls,
    verifyToken: async (token) =>
      verifyToken(token, await keys(), { ...AGENT_TOKENS, namespace, nowSeconds: Math.floor(clock.now() / 1000) }),
    desired: state.table,
    reports: state.reports(),
    requests: state.requests(signal),
    clock,
    random: Math.random,
    log,
  });
  state.flush();
  const reading = Promise.all([
    passwords.run(() => state.passwordsChanged(), signal),
    certificates.run(() => state.certificatesChanged(), signal),
  ]);
  const webhooks = await startWebhooks({ api, authority, config, log }, signal);
  isServing = true;
  log.info('operator serving', { replica: config.replica });
  const tidyOff = clock.after(TIDY_AFTER_MS, collectGarbage);

  const common = { api, clock, log, random: Math.random, namespace };
  const events = new EventRecorder({ ...common, controller: 'weft.dev/operator', instance: config.instance });
  const election = new LeaderElection({ ...common, name: 'weft-operator', identity: config.replica });
  const lead = operatorControllers({ ...common, stores, state, client, events, reconciles: metrics.reconciles, proxy });
  const leading = election.run(async (term) => {
    isLeader = true;
    await lead(term);
    isLeader = false;
  }, signal);

  // A standby that was behind when the primary was lost claims once it has caught up.
  const claims = setInterval(() => state.flush(), CLAIM_EVERY_MS);
  while (!signal.aborted) {
    await sleep(clock, CERTIFICATE_LIFE_MS / 3, signal);
    tls = issueOwn();
    webhooks.renew();
  }
  tidyOff();
  clearInterval(claims);
  await Promise.all([leading, reading, client.close(), webhooks.close()]);
  await health.close();
  await api.close();
}

/** Node → where its agent listens; nodes without an address are left out. */
function agentAddresses(stores: ClusterStores, port: number): ReadonlyMap<string, string> {
  const known = stores.nodes.list().map((node) => [node.metadata.name, nodeAddressOf(node)] as const);
  return new Map(known.flatMap(([name, address]) => (address === undefined ? [] : [[name, `${address}:${port}`]])));
}
