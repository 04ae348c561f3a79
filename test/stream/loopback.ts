import type { DeniedFlow } from '../../src/model/policy/denied-flow.ts';
import { type Clock, systemClock } from '../../src/lib/clock.ts';
import type { LogFields, Logger } from '../../src/lib/logger.ts';
import { DesiredTable } from '../../src/model/node/desired.ts';
import {
  refId,
  type AnyRef,
  type ApplyError,
  type HeldResource,
  type NodeUpdate,
  type Watermark,
} from '../../src/model/node/desired-update.ts';
import type { DeadLease, NodeInspection } from '../../src/model/ipam/inspection.ts';
import type { NodeReportIr } from '../../src/model/node/report.ts';
import { ensureAuthority, type Authority } from '../../src/pki/authority.ts';
import { generateKey, issueCertificate, privateKeyPem } from '../../src/pki/certificate.ts';
import type { NodeStateSink } from '../../src/stream/agent-ports.ts';
import { startAgentServer, type AgentServer } from '../../src/stream/agent-server.ts';
import { OperatorClient } from '../../src/stream/operator-client.ts';
import type { HeldChange, NodeIdentity, NodeReports, NodeRequests } from '../../src/stream/operator-ports.ts';
import type { Identity } from '../../src/stream/tls.ts';

export const NODE = 'n1';
export const TRUST_DOMAIN = 'cluster.local';
export const OPERATOR_ID = `spiffe://${TRUST_DOMAIN}/weft/operator`;
const GOOD_TOKEN = 'token of n1';

/** Waits go by twenty times as fast. */
const quickClock: Clock = { ...systemClock, after: (ms, wake) => systemClock.after(ms / 20, wake) };

export async function until(isSo: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 1000; tries += 1) {
    if (isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`it never came to this: ${what}`);
}

export class RecordingLog implements Logger {
  readonly lines: { readonly message: string; readonly fields: LogFields | undefined }[] = [];

  debug(message: string, fields?: LogFields): void {
    this.lines.push({ message, fields });
  }

  info(message: string, fields?: LogFields): void {
    this.lines.push({ message, fields });
  }

  warn(message: string, fields?: LogFields): void {
    this.lines.push({ message, fields });
  }

  error(message: string, fields?: LogFields): void {
    this.lines.push({ message, fields });
  }

  says(text: string): boolean {
    return this.lines.some((line) => JSON.stringify(line).includes(text));
  }
}

/** A node's state in memory; refuses what it is told to refuse. */
export class MemorySink implements NodeStateSink {
  readonly updates: NodeUpdate[] = [];
  readonly bodies = new Map<string, unknown>();
  /** By `refId`: fail to apply, each as often as said. */
  readonly failures = new Map<string, number>();
  readonly #held = new Map<string, HeldResource>();
  #watermark: Watermark = {};
  #isApplying = false;

  async apply(update: NodeUpdate): Promise<readonly ApplyError[]> {
    if (this.#isApplying) throw new Error('two updates at a time');
    this.#isApplying = true;
    await new Promise((resolve) => setImmediate(resolve));
    this.#isApplying = false;
    this.updates.push(update);
    this.#watermark = update.watermark;
    const errors: ApplyError[] = [];
    const fails = (ref: AnyRef) => {
      const left = this.failures.get(refId(ref)) ?? 0;
      if (left === 0) return false;
      this.failures.set(refId(ref), left - 1);
      errors.push({ kind: ref.kind, key: ref.key, message: 'refused by the test' });
      return true;
    };
    for (const { kind, key, version, body } of update.upserts) {
      if (!fails({ kind, key })) this.#hold({ kind, key, version }, body);
    }
    for (const { key, toVersion, add, remove } of update.setPatches) {
      const ref = { kind: 'addressSet', key };
      const { type, members } = this.bodies.get(refId(ref)) as { type: string; members: string[] };
      if (add.some((member) => members.includes(member))) throw new Error('the set has what is added');
      if (remove.some((member) => !members.includes(member))) throw new Error('the set has not what is removed');
      const kept = members.filter((member) => !remove.includes(member));
      this.#hold({ ...ref, version: toVersion }, { type, members: [...kept, ...add].sort() });
    }
    for (const ref of update.removals) {
      if (fails(ref)) continue;
      this.#held.delete(refId(ref));
      this.bodies.delete(refId(ref));
    }
    return errors;
  }

  held(): Iterable<HeldResource> {
    return this.#held.values();
  }

  versionOf(ref: AnyRef): string | undefined {
    return this.#held.get(refId(ref))?.version;
  }

  watermark(): Watermark {
    return this.#watermark;
  }

  #hold(resource: HeldResource, body: unknown): void {
    this.#held.set(refId(resource), resource);
    this.bodies.set(refId(resource), body);
  }
}

export class RecordingReports implements NodeReports {
  readonly connections: string[] = [];
  readonly changes: HeldChange[] = [];
  readonly leased = new Map<string, readonly string[] | undefined>();
  readonly leaseReports: ReadonlyMap<string, readonly string[] | undefined>[] = [];
  readonly proxies: string[] = [];
  readonly nodeReports: NodeReportIr[] = [];

  connected(node: string): void {
    this.connections.push(node);
  }

  disconnected(): void {
    this.connections.pop();
  }

  node(_node: string, report: NodeReportIr): void {
    this.nodeReports.push(report);
  }

  held(_node: string, change: HeldChange): void {
    this.changes.push(change);
  }

  leases(_node: string, changes: ReadonlyMap<string, readonly string[] | undefined>): void {
    this.leaseReports.push(changes);
    for (const [uid, addresses] of changes) this.leased.set(uid, addresses);
  }

  proxy(_node: string, report: { readonly podUid: string }): void {
    this.proxies.push(report.podUid);
  }
}

export interface Replica {
  readonly client: OperatorClient;
  readonly table: DesiredTable;
  readonly reports: RecordingReports;
  readonly log: RecordingLog;
  /** Tells the client what changed in the table. */
  flush(): void;
}

interface ReplicaOptions {
  readonly identity?: Identity;
  readonly requests?: NodeRequests;
  readonly identityOf?: (token: string) => NodeIdentity | string;
}

const NO_REQUESTS: NodeRequests = {
  block: () => Promise.reject(new Error('no blocks here')),
  certificate: () => Promise.reject(new Error('no certificates here')),
  forgotten: async () => [],
  giveBack: async () => 'nothing is taken back here',
  known: async () => undefined,
  left: async () => 'nobody leaves here',
  loans: () => Promise.reject(new Error('no loans here')),
};

/** What the agent says of its addresses. */
export const INSPECTION: NodeInspection = {
  blocks: ['10.42.0.0/26'],
  lent: ['l1'],
  attachments: [
    {
      ...{ podUid: 'u1', containerId: 'c1', ifname: 'eth0', addresses: ['10.42.0.7'], hostInterface: 'weft1' },
      ...{ isAlive: true, faults: ['weft1 is down'] },
    },
  ],
  resting: [{ address: '10.42.0.8', lastPodUid: 'u0', restsForMs: 12, isAcknowledged: true }],
  strayLinks: ['weft2'],
  strayRoutes: ['10.42.0.9'],
};

function textOfLease({ containerId, ifname, podUid }: DeadLease): string {
  return `${containerId} ${ifname} ${podUid}`;
}

export const DENIED: DeniedFlow = {
  ...{
    verdict: 'deny',
    direction: 'ingress',
    policy: 'NetworkPolicy shop/db',
    protocol: 'TCP',
    port: 5432,
    packets: 3,
  },
  ...{ source: '10.0.0.1', destination: '10.0.0.2', first: '2026-01-01T00:00:00Z', last: '2026-01-01T00:00:05Z' },
};

/** One agent and any number of operator replicas, over real TLS on this machine. */
export class Loopback {
  readonly sink: MemorySink;
  readonly log: RecordingLog;
  readonly agent: AgentServer;
  readonly #authority: Authority;
  readonly #replicas = new Set<OperatorClient>();
  #count = 0;

  private constructor(agent: AgentServer, authority: Authority, sink: MemorySink, log: RecordingLog) {
    this.agent = agent;
    this.#authority = authority;
    this.sink = sink;
    this.log = log;
  }

  static async start(): Promise<Loopback> {
    const authority = await newAuthority();
    const sink = new MemorySink();
    const log = new RecordingLog();
    const agent = await startAgentServer({
      listen: '127.0.0.1:0',
      nodeName: NODE,
      bootId: 'boot-1',
      features: ['policy'],
      trustDomain: TRUST_DOMAIN,
      tls: { ...selfSigned(), trustBundlePem: authority.rootCertificatePem },
      token: async () => GOOD_TOKEN,
      sink,
      deniedFlows: () => [DENIED],
      calls: async (services) => [...services].map((service) => ({ cluster: `${service}:80`, calls: 7 })),
      proxyView: async ({ podUid, part, filter }) => {
        if (podUid === 'none') throw new Error('the pod has no proxy on this node');
        return `${part} of ${podUid} like ${filter}`;
      },
      teardown: async ({ force }) => (force ? [] : ['a pod runs']),
      addresses: {
        inspect: async () => INSPECTION,
        lend: async ({ uid, cidr }) =>
          uid === undefined ? { cidr: `part of ${cidr}` } : { problem: `${uid} is taken` },
        repair: async (leases) => ({ done: leases.map(textOfLease), refused: ['the rest'] }),
      },
      log,
    });
    return new Loopback(agent, authority, sink, log);
  }

  identity(uri = OPERATOR_ID): Identity {
    return this.#authority.issue([{ uri }]);
  }

  replica(table = new DesiredTable(), options: ReplicaOptions = {}): Replica {
    const reports = new RecordingReports();
    const log = new RecordingLog();
    const identity = options.identity ?? this.identity();
    const identityOf = options.identityOf ?? ((token) => (token === GOOD_TOKEN ? nodeIdentity(NODE) : 'unknown token'));
    this.#count += 1;
    const client = new OperatorClient({
      replicaId: `replica-${this.#count}`,
      tls: () => identity,
      verifyToken: async (token) => identityOf(token),
      desired: table,
      reports,
      requests: options.requests ?? NO_REQUESTS,
      clock: quickClock,
      random: () => 0.5,
      log,
    });
    this.#replicas.add(client);
    table.takeDirty();
    client.setNodes(new Map([[NODE, `127.0.0.1:${this.agent.port}`]]));
    return { client, table, reports, log, flush: () => client.changed(table.takeDirty()) };
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#replicas].map((client) => client.close()));
    await this.agent.close();
  }

  /** Body by `refId` of what a table says the node should hold. */
  wanted(table: DesiredTable): Map<string, unknown> {
    return new Map(table.resourcesOf(NODE).map((ref) => [refId(ref), table.body(NODE, ref)]));
  }

  /** Until the node holds what the table says, version for version. */
  async synced({ table }: Replica): Promise<void> {
    await until(() => {
      const wanted = table.resourcesOf(NODE);
      const held = [...this.sink.held()];
      return (
        held.length === wanted.length && wanted.every((ref) => this.sink.versionOf(ref) === table.version(NODE, ref))
      );
    }, 'the node holds what it should');
  }
}

export function nodeIdentity(nodeName: string): NodeIdentity {
  return { nodeName, nodeUid: `uid-of-${nodeName}` };
}

async function newAuthority(): Promise<Authority> {
  return ensureAuthority({ read: async () => undefined, create: async () => 'created' }, systemClock);
}

/** As an agent makes it at start. */
function selfSigned(): Identity {
  const key = generateKey();
  const now = systemClock.now();
  const certificatePem = issueCertificate(
    {
      commonName: 'weft agent',
      publicKey: key.publicKey,
      altNames: [{ dns: 'agent.weft.internal' }],
      notBeforeMs: now - 60_000,
      notAfterMs: now + 3600_000,
    },
    { commonName: 'weft agent', key },
  );
  return { certificatePem, privateKeyPem: privateKeyPem(key) };
}
