import { callsTo } from '../agent/envoy/calls-to.ts';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { ChainedAgent } from '../agent/chained/agent.ts';
import { PolicyLog } from '../agent/dataplane/nft/policy-log.ts';
import { NodeAgent, type NodeAgentOptions } from '../agent/node-agent.ts';
import { DeniedFlows } from '../agent/denied-flows.ts';
import { logPolicies } from '../agent/policy-logger.ts';
import { SERVICE_MODES } from '../agent/services.ts';
import { systemClock } from '../lib/clock.ts';
import type { Secret } from '../lib/secret.ts';
import { generateKey, issueCertificate, privateKeyPem } from '../pki/certificate.ts';
import { type AgentServer, startAgentServer } from '../stream/agent-server.ts';
import { observeAgent } from '../telemetry/agent-metrics.ts';
import { observeCalls } from '../telemetry/call-metrics.ts';
import { createLogger, LOG_LEVELS } from '../telemetry/logger.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { serveHealth } from '../telemetry/health.ts';
import { Environment } from './environment.ts';
import { REQUEST_BUCKETS_MS } from '../agent/envoy/call-counts.ts';
import { NodeMesh } from './node-mesh.ts';
import { runUntilSignal } from './process.ts';

const STATE_FOLDER = '/var/lib/weft';
const TRUST_FILE = '/etc/weft/trust/ca.crt';
const TOKEN_FILE = '/run/secrets/weft/token';
/** The kubelet updates mounted files about once a minute. */
const TRUST_EVERY_MS = 30_000;
const FEATURES: readonly string[] = [];

const environment = new Environment(process.env);
const config = {
  version: environment.text('WEFT_VERSION'),
  node: environment.text('WEFT_NODE'),
  address: environment.text('WEFT_NODE_ADDRESS'),
  trustDomain: environment.text('WEFT_TRUST_DOMAIN'),
  streamPort: environment.port('WEFT_STREAM_PORT'),
  healthPort: environment.port('WEFT_HEALTH_PORT'),
  logLevel: environment.choice('WEFT_LOG_LEVEL', LOG_LEVELS),
  services: environment.choice('WEFT_SERVICES', SERVICE_MODES),
  isChained: environment.choice('WEFT_CNI_CHAINED', ['false', 'true']) === 'true',
  cni: { config: environment.text('WEFT_CNI_CONFIG_FOLDER'), programs: environment.text('WEFT_CNI_BIN_FOLDER') },
};
environment.check();
const logger = createLogger({ level: config.logLevel, format: 'json', clock: systemClock });

await runUntilSignal(logger, async (signal) => {
  let server: AgentServer | undefined;
  const mesh = new NodeMesh(STATE_FOLDER, () => observer.repaired('proxy'), logger);
  const metrics = createMetrics();
  const observer = observeAgent(metrics.registry, {
    leases: () => agent.leaseCount,
    proxies: () => mesh.proxyCount,
    operators: () => server?.replicas ?? 0,
    rules: () => agent.ruleCounters(),
  });
  observeCalls(metrics.registry, { read: () => mesh.calls(), boundsMs: REQUEST_BUCKETS_MS });
  const options: NodeAgentOptions = {
    observer,
    version: config.version,
    stateFolder: STATE_FOLDER,
    runFolder: '/run/weft',
    runOfNode: '/host/run',
    cni: config.cni,
    programs: { shim: '/app/dist/weft-cni', loopback: '/app/dist/loopback' },
    bird: ['/usr/sbin/bird'],
    mesh: (resources) => mesh.start(resources),
    services: config.services,
    clock: systemClock,
    logger,
  };
  const agent: NodeAgent | ChainedAgent = config.isChained ? new ChainedAgent(options) : new NodeAgent(options);
  const health = await serveHealth({
    port: config.healthPort,
    host: config.address,
    metrics,
    readiness: () => agent.notReady(),
    liveness: () => [],
  });
  await agent.start();

  const own = ownCertificate(config.node);
  const tls = () => ({ ...own, trustBundlePem: readFileSync(TRUST_FILE, 'utf8') });
  const { clock } = options;
  const denied = new DeniedFlows(clock);
  server = await startAgentServer({
    listen: `${config.address}:${config.streamPort}`,
    nodeName: config.node,
    bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
    features: FEATURES,
    trustDomain: config.trustDomain,
    tls: tls(),
    token: async () => (await readFile(TOKEN_FILE, 'utf8')).trim(),
    sink: {
      apply: agent.apply,
      held: () => agent.held(),
      versionOf: ({ kind, key }) => agent.resources.versionOf(kind, key),
      watermark: () => agent.resources.watermark,
    },
    teardown: async (request) => {
      const done = await agent.teardown(request);
      mesh.discard();
      return done;
    },
    addresses: agent.addresses,
    deniedFlows: () => denied.list(),
    proxyView: (ask) => mesh.view(ask),
    calls: async (services) => callsTo(await mesh.calls(), services),
    log: logger,
  });
  mesh.attach(server);
  agent.attach({
    setLeases: (leases) => server.setLeases(leases),
    reportNode: (report) => server.reportNode({ ...report, names: mesh.names() }),
    arePresent: () => server.hasPrimary,
    requestBlock: (request) => server.requests.block(request),
    giveBack: (block) => server.requests.giveBack(block),
    requestLoans: (ask) => server.requests.loans(ask),
    requestForgotten: (addresses) => server.requests.forgotten(addresses),
    requestKnown: (pod, signal) => server.requests.known(pod, signal),
  });
  const stopLogging = config.isChained
    ? () => undefined
    : logPolicies({ open: () => new PolicyLog(), denied, clock, logger });
  const trust = setInterval(() => server.updateTls(tls()), TRUST_EVERY_MS);
  logger.info('agent started', { node: config.node, address: config.address });

  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  clearInterval(trust);
  stopLogging();
  mesh.close();
  await server.close();
  await agent.stop();
  await health.close();
});

/** Signed by itself and new at each start: the agent proves its node by its token, not by this. */
function ownCertificate(node: string): { certificatePem: string; privateKeyPem: Secret } {
  const key = generateKey();
  const now = systemClock.now();
  const certificatePem = issueCertificate(
    {
      commonName: '',
      publicKey: key.publicKey,
      altNames: [{ dns: node }],
      notBeforeMs: now - 300_000,
      notAfterMs: now + 3650 * 86_400_000,
    },
    { commonName: 'weft agent', key },
  );
  return { certificatePem, privateKeyPem: privateKeyPem(key) };
}
