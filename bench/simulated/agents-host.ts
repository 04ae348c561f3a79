/**
 * The agents of many simulated nodes in one process: AgentServer as in src/cmd/agent.ts, over TLS, each on an address of
 * its own, with a sink that keeps what it is told and puts nothing into a kernel. They say what real ones say: their
 * leases, a report of the node, and what their proxies accept.
 */
import { readFileSync } from 'node:fs';
import { systemClock } from '../../src/lib/clock.ts';
import { generateKey, issueCertificate, privateKeyPem } from '../../src/pki/certificate.ts';
import type { LeaseIr } from '../../src/stream/agent-ports.ts';
import { type AgentServer, startAgentServer } from '../../src/stream/agent-server.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { type EndpointsSeen, type ExpectedEndpoints, NewEndpoints } from './endpoints-seen.ts';
import { type ExpectedPod, NewPod, type PodSeen } from './new-pod.ts';
import { SimulatedProxies } from './proxies.ts';
import { VersionsSink } from './versions-sink.ts';

export interface AgentsFile {
  readonly trustDomain: string;
  readonly trustBundlePem: string;
  readonly port: number;
  readonly agents: readonly {
    readonly node: string;
    readonly address: string;
    readonly token: string;
    readonly leases: readonly LeaseIr[];
    readonly proxies: readonly string[];
  }[];
}

/** Sent to the parent each half second, when all listen, and when a pod is expected. */
export interface AgentsState {
  /** Nodes whose last update left nothing to be sent. */
  readonly inStep: number;
  readonly resources: number;
  /** When the last update was taken, milliseconds since the epoch. */
  readonly lastUpdateMs: number;
  /** Of the pod expected last. */
  readonly pod?: PodSeen;
  /** Of the change expected last. */
  readonly endpoints?: EndpointsSeen;
}

/** What the parent wants to know of next. */
export type Expected = { readonly pod: ExpectedPod } | { readonly endpoints: ExpectedEndpoints };

interface SimulatedAgent {
  readonly server: AgentServer;
  leases: readonly LeaseIr[];
}

const SAY_EVERY_MS = 500;

const [file = ''] = process.argv.slice(2);
const { trustDomain, trustBundlePem, port, agents } = JSON.parse(readFileSync(file, 'utf8')) as AgentsFile;
const log = createLogger({ level: 'warn', format: 'text', clock: systemClock });
const key = generateKey();
const certificatePem = issueCertificate(
  {
    ...{ commonName: '', publicKey: key.publicKey, altNames: [{ dns: 'agent' }] },
    ...{ notBeforeMs: systemClock.now() - 60_000, notAfterMs: systemClock.now() + 86_400_000 },
  },
  { commonName: 'weft agent', key },
);
const tls = { certificatePem, privateKeyPem: privateKeyPem(key), trustBundlePem };

const sinks: VersionsSink[] = [];
const byNode = new Map<string, SimulatedAgent>();
let newPod: NewPod | undefined;
let newEndpoints: NewEndpoints | undefined;
for (const { node, address, token, leases, proxies: pods } of agents) {
  const proxies = new SimulatedProxies(pods, () => server);
  const sink = new VersionsSink((update) => {
    newPod?.take(node, update);
    newEndpoints?.take(node, update);
    proxies.take(update);
    if (newEndpoints?.seen().nodes === agents.length) say();
  });
  sinks.push(sink);
  const server: AgentServer = await startAgentServer({
    ...{ listen: `${address}:${port}`, nodeName: node, bootId: `boot of ${node}`, features: [], trustDomain, tls },
    ...{ token: async () => token, sink, teardown: async () => [], log },
    addresses: {
      inspect: () => Promise.reject(new Error('not here')),
      repair: async () => ({ done: [], refused: [] }),
      lend: async () => ({ problem: 'not here' }),
    },
    deniedFlows: () => [],
    calls: async () => [],
    proxyView: () => Promise.reject(new Error('there are no proxies here')),
  });
  byNode.set(node, { server, leases });
  server.setLeases(leases);
  const versions = { agent: 'bench', kernel: 'bench' };
  server.reportNode({ serving: true, faults: [], versions, podMtu: 1450, forwardDrops: [] });
}

/** When its node is told of it, its agent leases the address at once, and asks until when an ADD would wait. */
function expectPod(expected: ExpectedPod): void {
  const pod = new NewPod(expected, (podUid) => {
    const agent = byNode.get(expected.node);
    if (agent === undefined) return;
    const lease = { podUid, addresses: [expected.address] };
    agent.leases = [...agent.leases, lease];
    agent.server.setLeases(agent.leases);
    void agent.server.requests.known(lease).then(() => pod.known());
  });
  newPod = pod;
}

function say(): void {
  const sum = (value: (sink: VersionsSink) => number) => sinks.reduce((total, sink) => total + value(sink), 0);
  const state: AgentsState = {
    inStep: sum(({ isInStep }) => (isInStep ? 1 : 0)),
    resources: sum(({ size }) => size),
    lastUpdateMs: Math.max(...sinks.map(({ lastUpdateMs }) => lastUpdateMs)),
    ...(newPod === undefined ? {} : { pod: newPod.seen() }),
    ...(newEndpoints === undefined ? {} : { endpoints: newEndpoints.seen() }),
  };
  process.send?.(state);
}

say();
setInterval(say, SAY_EVERY_MS);
process.on('message', (expected: Expected) => {
  if ('pod' in expected) expectPod(expected.pod);
  else newEndpoints = new NewEndpoints(expected.endpoints);
  say();
});
process.on('disconnect', () => process.exit());
