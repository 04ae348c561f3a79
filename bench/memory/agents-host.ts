/**
 * The agents of all simulated nodes in one process: AgentServer as in src/cmd/agent.ts, over TLS, each on an address of
 * its own, with a sink that keeps what it is told and puts nothing into a kernel. They say what real ones say: their
 * leases and a report of the node.
 */
import { readFileSync } from 'node:fs';
import { systemClock } from '../../src/lib/clock.ts';
import type { HeldResource, NodeUpdate, Watermark } from '../../src/model/node/desired-update.ts';
import { refId } from '../../src/model/node/desired-update.ts';
import { generateKey, issueCertificate, privateKeyPem } from '../../src/pki/certificate.ts';
import type { LeaseIr, NodeStateSink } from '../../src/stream/agent-ports.ts';
import { startAgentServer } from '../../src/stream/agent-server.ts';
import { createLogger } from '../../src/telemetry/logger.ts';

export interface AgentsFile {
  readonly trustDomain: string;
  readonly trustBundlePem: string;
  readonly port: number;
  readonly agents: readonly {
    readonly node: string;
    readonly address: string;
    readonly token: string;
    readonly leases: readonly LeaseIr[];
  }[];
}

/** Sent to the parent each half second, and once when all listen. */
export interface AgentsState {
  /** Nodes whose last update left nothing to be sent. */
  readonly inStep: number;
  readonly resources: number;
  readonly updates: number;
  /** When the last update was taken, milliseconds since the epoch. */
  readonly lastUpdateMs: number;
}

const SAY_EVERY_MS = 500;

/** Versions only: bodies are the agents' memory, and that is not measured here. */
class VersionsSink implements NodeStateSink {
  readonly #held = new Map<string, HeldResource>();
  #watermark: Watermark = {};
  isInStep = false;
  updates = 0;
  lastUpdateMs = 0;

  async apply({ upserts, setPatches, removals, watermark, complete }: NodeUpdate) {
    for (const { kind, key, version } of upserts) this.#held.set(refId({ kind, key }), { kind, key, version });
    for (const { key, toVersion } of setPatches) {
      const ref = { kind: 'addressSet', key };
      this.#held.set(refId(ref), { ...ref, version: toVersion });
    }
    for (const ref of removals) this.#held.delete(refId(ref));
    this.#watermark = watermark;
    this.isInStep = complete;
    this.updates += 1;
    this.lastUpdateMs = systemClock.now();
    return [];
  }

  get size(): number {
    return this.#held.size;
  }

  held(): Iterable<HeldResource> {
    return this.#held.values();
  }

  versionOf(ref: { readonly kind: string; readonly key: string }): string | undefined {
    return this.#held.get(refId(ref))?.version;
  }

  watermark(): Watermark {
    return this.#watermark;
  }
}

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
for (const { node, address, token, leases } of agents) {
  const sink = new VersionsSink();
  sinks.push(sink);
  const server = await startAgentServer({
    ...{ listen: `${address}:${port}`, nodeName: node, bootId: `boot of ${node}`, features: [], trustDomain, tls },
    ...{ token: async () => token, sink, teardown: async () => [], log },
    addresses: {
      inspect: () => Promise.reject(new Error('not here')),
      repair: async () => ({ done: [], refused: [] }),
      lend: async () => ({ problem: 'not here' }),
    },
  });
  server.setLeases(leases);
  const versions = { agent: 'bench', kernel: 'bench' };
  server.reportNode({ serving: true, faults: [], versions, podMtu: 1450, forwardDrops: [] });
}

function say(): void {
  const sum = (value: (sink: VersionsSink) => number) => sinks.reduce((total, sink) => total + value(sink), 0);
  const state: AgentsState = {
    inStep: sum(({ isInStep }) => (isInStep ? 1 : 0)),
    resources: sum(({ size }) => size),
    updates: sum(({ updates }) => updates),
    lastUpdateMs: Math.max(...sinks.map(({ lastUpdateMs }) => lastUpdateMs)),
  };
  process.send?.(state);
}

say();
setInterval(say, SAY_EVERY_MS);
process.on('disconnect', () => process.exit());
