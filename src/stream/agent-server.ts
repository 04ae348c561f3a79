import { gzipSync } from 'node:zlib';
import { Server, status, type ServerDuplexStream } from '@grpc/grpc-js';
import { refId, type AnyRef, type ApplyError, type NodeUpdate, type Watermark } from '../model/node/desired-update.ts';
import { isProxyPart } from '../model/mesh/proxy-view.ts';
import type { NodeReportIr } from '../model/node/report.ts';
import type { AgentServerOptions, LeaseIr } from './agent-ports.ts';
import { AgentRequests } from './agent-requests.ts';
import type {
  AgentMessage,
  CallsQuestion,
  Lend,
  OperatorHello,
  OperatorMessage,
  ProxyQuestion,
  Repair,
  Update,
} from './generated/wire/weft/node/v1/node_pb.ts';
import type { ProxyReportIr } from './operator-ports.ts';
import { encodeFlows } from './denied-flows.ts';
import { encodeInspection } from './inspection.ts';
import { isResourceKind, parseUpdate } from './parse-update.ts';
import { PrimaryElection } from './primary-election.ts';
import { Reported } from './reported.ts';
import { AgentCertificates, isOperator, type AgentTls } from './tls.ts';
import { advanceWatermark, isBehind } from './watermark.ts';
import { agentMessage, CHANNEL_OPTIONS, PROTOCOL, SYNC, type AgentPayload } from './wire.ts';

type Call = ServerDuplexStream<OperatorMessage, AgentMessage>;

/** Listens; rejects when the address cannot be bound. */
export async function startAgentServer(options: AgentServerOptions): Promise<AgentServer> {
  const server = new AgentServer(options);
  await server.listen();
  return server;
}

/** A replica that has said hello. */
interface Replica {
  readonly id: string;
  readonly call: Call;
  tell(standing: { readonly primary: boolean; readonly vacant: boolean }): void;
}

/** The agent's end of the node stream: takes updates from one operator replica, and tells all what became of them. */
export class AgentServer {
  /** Answered by the primary; they wait for one. */
  readonly requests: AgentRequests;
  readonly #options: AgentServerOptions;
  readonly #server = new Server(CHANNEL_OPTIONS);
  readonly #certificates: AgentCertificates;
  readonly #election: PrimaryElection<Replica>;
  readonly #reported = new Reported();
  readonly #replicas = new Map<Call, Replica>();
  /** Whatever replicas say is dealt with one after the other, an update to its end. */
  #queue: Promise<void> = Promise.resolve();
  #port = 0;

  constructor(options: AgentServerOptions) {
    this.#options = options;
    this.#certificates = new AgentCertificates(options.tls);
    this.requests = new AgentRequests(options.bootId, (payload) => this.#sendToPrimary(payload));
    this.#election = new PrimaryElection<Replica>(
      () => options.sink.watermark(),
      ({ id }) => this.#elected(id),
    );
    this.#server.addService({ sync: SYNC }, { sync: (call: Call) => this.#accept(call) });
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(this.#options.listen, this.#certificates.credentials, (error, port) => {
        if (error !== null) return reject(error);
        this.#port = port;
        resolve();
      });
    });
  }

  get port(): number {
    return this.#port;
  }

  /** Replicas that have said hello. */
  get replicas(): number {
    return this.#replicas.size;
  }

  get hasPrimary(): boolean {
    return this.#election.primary !== undefined;
  }

  /** For connections made from now on. */
  updateTls(tls: AgentTls): void {
    this.#certificates.update(tls);
  }

  /** All leases of the node, at start and whenever one changes. Until the first call, operators are told nothing. */
  setLeases(leases: readonly LeaseIr[]): void {
    const payload = this.#reported.setLeases(leases);
    if (payload !== undefined) this.#broadcast(payload);
  }

  reportNode(report: NodeReportIr): void {
    const payload = this.#reported.setNode(report);
    if (payload !== undefined) this.#broadcast(payload);
  }

  reportProxy(report: ProxyReportIr): void {
    this.#broadcast(this.#reported.setProxy(report));
  }

  /** Resolves when what was being applied is applied and no connection is left. */
  async close(): Promise<void> {
    this.requests.rejectAll(new Error('the node stream is closed'));
    this.#server.forceShutdown();
    await this.#queue;
  }

  #accept(call: Call): void {
    const { trustDomain, log } = this.#options;
    const names = call.getAuthContext().sslPeerCertificate?.subjectaltname;
    if (!isOperator(names, trustDomain)) {
      log.warn('node stream refused: the certificate is not that of an operator', { peer: call.getPeer(), names });
      refuse(call, status.PERMISSION_DENIED, 'the certificate is not that of an operator');
      return;
    }
    call.on('data', (message: OperatorMessage) => {
      // Answers do not queue: what is being applied may wait for one.
      if (!this.#replicas.has(call) || !this.requests.answer(message))
        this.#enqueue(call, () => this.#receive(call, message));
    });
    // The client is done, or gone; both may come.
    call.on('end', () => this.#enqueue(call, () => this.#leave(call, true)));
    call.on('cancelled', () => this.#enqueue(call, () => this.#leave(call, false)));
    call.on('error', () => undefined);
  }

  #enqueue(call: Call, step: () => Promise<void> | void): void {
    this.#queue = this.#queue.then(step).catch((error: unknown) => {
      const details = textOf(error);
      this.#options.log.warn('node stream given up', { peer: call.getPeer(), reason: details });
      this.#leave(call, false);
      refuse(call, status.FAILED_PRECONDITION, details);
    });
  }

  #leave(call: Call, answer: boolean): void {
    const replica = this.#replicas.get(call);
    this.#replicas.delete(call);
    if (replica !== undefined) this.#election.leave(replica);
    if (answer && !call.cancelled) call.end();
  }

  /** @throws when the operator breaks the protocol: its stream is then given up. */
  async #receive(call: Call, { message }: OperatorMessage): Promise<void> {
    if (call.cancelled) return;
    if (message.case === 'hello') return this.#welcome(call, message.value);
    const replica = this.#replicas.get(call);
    if (replica === undefined) throw new Error('the operator spoke before its hello');
    switch (message.case) {
      case 'claim':
        this.#election.claim(replica, message.value.watermark);
        break;
      case 'update':
        await this.#update(replica, message.value);
        break;
      case 'teardown': {
        const { id, force } = message.value;
        this.#options.log.info('teardown asked for', { replica: replica.id, force });
        const errors = await this.#options.teardown({ force }).catch((error: unknown) => [textOf(error)]);
        send(call, { case: 'teardownResult', value: { id, errors: [...errors] } });
        break;
      }
      // None of these holds up the updates that come behind it.
      case 'inspect':
        void this.#inspect(message.value.id).then((answer) => send(call, answer));
        break;
      case 'flows':
        void this.#flows(message.value.id).then((answer) => send(call, answer));
        break;
      case 'proxyQuestion':
        void this.#proxyView(message.value).then((answer) => send(call, answer));
        break;
      case 'callsQuestion':
        void this.#calls(message.value).then((answer) => send(call, answer));
        break;
      case 'repair':
        void this.#repair(message.value).then((answer) => send(call, answer));
        break;
      case 'lend':
        void this.#lend(message.value).then((answer) => send(call, answer));
        break;
      default:
        // A newer operator's message that this agent does not know.
        break;
    }
  }

  async #inspect(id: string): Promise<AgentPayload> {
    try {
      const body = encodeInspection(await this.#options.addresses.inspect());
      return { case: 'inspectResult', value: { id, body } };
    } catch (error) {
      return { case: 'inspectResult', value: { id, problem: textOf(error) } };
    }
  }

  async #flows(id: string): Promise<AgentPayload> {
    try {
      return { case: 'flowsResult', value: { id, body: encodeFlows(this.#options.deniedFlows()) } };
    } catch (error) {
      return { case: 'flowsResult', value: { id, problem: textOf(error) } };
    }
  }

  async #proxyView({ id, podUid, part, filter }: ProxyQuestion): Promise<AgentPayload> {
    try {
      if (!isProxyPart(part)) throw new Error(`'${part}' is no part of a proxy that this agent knows`);
      const text = await this.#options.proxyView({ podUid, part, filter });
      return { case: 'proxyAnswer', value: { id, body: gzipSync(text) } };
    } catch (error) {
      return { case: 'proxyAnswer', value: { id, problem: textOf(error) } };
    }
  }

  async #calls({ id, services }: CallsQuestion): Promise<AgentPayload> {
    try {
      const counted = await this.#options.calls(new Set(services));
      const calls = counted.map((each) => ({ cluster: each.cluster, calls: BigInt(each.calls) }));
      return { case: 'callsAnswer', value: { id, calls } };
    } catch (error) {
      return { case: 'callsAnswer', value: { id, problem: textOf(error) } };
    }
  }

  async #repair({ id, leases }: Repair): Promise<AgentPayload> {
    try {
      const { done, refused } = await this.#options.addresses.repair(leases);
      return { case: 'repairResult', value: { id, done: [...done], refused: [...refused] } };
    } catch (error) {
      return { case: 'repairResult', value: { id, refused: [textOf(error)] } };
    }
  }

  async #lend({ id, uid, cidr }: Lend): Promise<AgentPayload> {
    try {
      const answer = await this.#options.addresses.lend(uid === '' ? { cidr } : { cidr, uid });
      return { case: 'lendResult', value: { id, ...answer } };
    } catch (error) {
      return { case: 'lendResult', value: { id, problem: textOf(error) } };
    }
  }

  async #welcome(call: Call, { replicaId, protocol, watermark }: OperatorHello): Promise<void> {
    const { nodeName, bootId, features, sink, token, log } = this.#options;
    if (protocol !== PROTOCOL) throw new Error(`the operator speaks protocol ${protocol}, this agent ${PROTOCOL}`);
    if (this.#replicas.has(call)) throw new Error('the operator said hello twice');
    const value = { node: nodeName, bootId, token: await token(), features: [...features] };
    if (call.cancelled) return;
    // A connection that broke without a word: its replica has dialled again.
    for (const old of [...this.#replicas.values()]) if (old.id === replicaId) this.#leave(old.call, true);
    const held = [...sink.held()].filter(({ kind }) => isResourceKind(kind));
    const replica: Replica = {
      id: replicaId,
      call,
      tell: (standing) => send(call, { case: 'primary', value: { ...standing, watermark: { ...sink.watermark() } } }),
    };
    send(call, {
      case: 'hello',
      value: {
        ...value,
        held: held.map(({ kind, key, version }) => ({ kind, key, version })),
        watermark: { ...sink.watermark() },
      },
    });
    this.#replicas.set(call, replica);
    log.info('operator connected', { replica: replicaId, peer: call.getPeer() });
    for (const payload of this.#reported.everything()) send(call, payload);
    this.#election.join(replica, watermark);
  }

  #elected(replica: string): void {
    this.#options.log.info('updates are taken from', { replica });
    this.requests.resend();
  }

  async #update(replica: Replica, wire: Update): Promise<void> {
    const { sink, log } = this.#options;
    if (replica !== this.#election.primary) {
      replica.tell({ primary: false, vacant: !this.hasPrimary });
      return;
    }
    if (isBehind(wire.watermark, sink.watermark())) {
      log.warn('update refused: the replica is behind', { replica: replica.id, seq: wire.seq });
      this.#election.depose(replica);
      return;
    }
    const { update, errors } = parseUpdate(wire, (ref) => sink.versionOf(ref));
    const watermark = advanceWatermark(sink.watermark(), update.watermark);
    const failed = [...errors, ...(await this.#apply({ ...update, watermark }))];
    this.#broadcast(ackFor(replica.id, wire, failed, sink.watermark()));
  }

  async #apply(update: NodeUpdate): Promise<readonly ApplyError[]> {
    try {
      return await this.#options.sink.apply(update);
    } catch (error) {
      this.#options.log.error('update failed', { reason: textOf(error) });
      const patched = update.setPatches.map(({ key }) => ({ kind: 'addressSet', key }));
      return [...update.upserts, ...patched, ...update.removals].map(({ kind, key }) => {
        return { kind, key, message: textOf(error) };
      });
    }
  }

  #broadcast(payload: AgentPayload): void {
    for (const { call } of this.#replicas.values()) send(call, payload);
  }

  /** Without a primary nothing is sent: the next one is asked when it is elected. */
  #sendToPrimary(payload: AgentPayload): void {
    const primary = this.#election.primary;
    if (primary !== undefined) send(primary.call, payload);
  }
}

function ackFor(replicaId: string, wire: Update, failed: readonly ApplyError[], watermark: Watermark): AgentPayload {
  const failures = new Set(failed.map(refId));
  const worked = (ref: AnyRef) => !failures.has(refId(ref));
  const patched = wire.setPatches.map(({ key, toVersion }) => ({ kind: 'addressSet', key, version: toVersion }));
  const upserted = wire.upserts.map(({ kind, key, version }) => ({ kind, key, version }));
  return {
    case: 'ack',
    value: {
      replicaId,
      seq: wire.seq,
      applied: [...upserted, ...patched].filter(worked),
      removed: wire.removals.filter(worked).map(({ kind, key }) => ({ kind, key })),
      errors: failed.map(({ kind, key, message }) => ({ kind, key, message })),
      watermark: { ...watermark },
    },
  };
}

function send(call: Call, payload: AgentPayload): void {
  if (!call.cancelled && call.writable) call.write(agentMessage(payload));
}

/** Ends the call with a status; grpc-js takes it from an error event. */
function refuse(call: Call, code: status, details: string): void {
  if (!call.cancelled) call.emit('error', Object.assign(new Error(details), { code, details }));
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
