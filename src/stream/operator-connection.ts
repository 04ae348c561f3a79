import { Client, status, type ClientDuplexStream } from '@grpc/grpc-js';
import { backoffMs } from '../lib/backoff.ts';
import { sleep } from '../lib/clock.ts';
import type { ClusterCalls } from '../model/mesh/cluster-calls.ts';
import type { ProxyViewAsk } from '../model/mesh/proxy-view.ts';
import type { DeniedFlow } from '../model/policy/denied-flow.ts';
import type { DeadLease, NodeInspection, NodeRepairs } from '../model/ipam/inspection.ts';
import type { LendAnswer, LendAsk } from '../model/ipam/loan.ts';
import type { StringPool } from '../lib/string-pool.ts';
import type { AnyRef, HeldResource } from '../model/node/desired-update.ts';
import { AgentQuestions } from './agent-questions.ts';
import { encodeUpdate } from './encode-update.ts';
import type { Ack, AgentHello, AgentMessage, Leases } from './generated/wire/weft/node/v1/node_pb.ts';
import type { LeaseView } from './lease-view.ts';
import { parseNodeReport } from './node-report.ts';
import { NodeSync } from './node-sync.ts';
import { answerNode } from './operator-answers.ts';
import type { OperatorClientOptions } from './operator-ports.ts';
import { operatorCredentials } from './tls.ts';
import {
  CHANNEL_OPTIONS,
  operatorMessage,
  PROTOCOL,
  serializeToAgent,
  SYNC,
  type OperatorPayload,
  type ToAgent,
} from './wire.ts';

const RECONNECT = { firstMs: 200, maxMs: 10_000 };
const RETRY_FAILED = { firstMs: 1_000, maxMs: 60_000 };
/** From dialling to the agent's verified hello. */
const HELLO_TIMEOUT_MS = 15_000;

type Call = ClientDuplexStream<ToAgent, AgentMessage>;

interface Session {
  readonly call: Call;
  readonly sync: NodeSync;
}

interface Outcome {
  readonly wasReady: boolean;
  readonly reason: string;
}

/** What the connections to all nodes have in common. */
export interface SharedByConnections {
  readonly strings: StringPool;
  /** Of one update. The more nodes, the less. */
  readonly updateLimitBytes: () => number;
}

/** Keeps one node connected until `close`: dials, proves, syncs, and dials again. */
export class NodeConnection {
  readonly node: string;
  readonly address: string;
  readonly #options: OperatorClientOptions;
  readonly #leases: LeaseView;
  readonly #shared: SharedByConnections;
  readonly #stop = new AbortController();
  readonly #stopped: Promise<void>;
  readonly #questions = new AgentQuestions();
  #session: Session | undefined;
  #failures = 0;
  #cancelRetry: (() => void) | undefined;

  constructor(
    node: string,
    address: string,
    leases: LeaseView,
    shared: SharedByConnections,
    options: OperatorClientOptions,
  ) {
    this.node = node;
    this.address = address;
    this.#leases = leases;
    this.#shared = shared;
    this.#options = options;
    this.#stopped = this.#run();
  }

  get isPrimary(): boolean {
    return this.#session?.sync.isPrimary === true;
  }

  get isConnected(): boolean {
    return this.#session !== undefined;
  }

  /** The desired state, or its watermark, has moved. */
  changed(refs: Iterable<AnyRef>): void {
    this.#session?.sync.mark(refs);
    this.#pump();
  }

  /** The agent's complaints, none if all is gone. Rejects when the node is not connected, or stops to be. */
  teardown(force: boolean): Promise<readonly string[]> {
    return this.#ask((send) => this.#questions.teardown(send, force));
  }

  /** What the node knows of addresses. As `teardown`. */
  inspect(): Promise<NodeInspection> {
    return this.#ask((send) => this.#questions.inspect(send));
  }

  /** As `teardown`. */
  deniedFlows(): Promise<readonly DeniedFlow[]> {
    return this.#ask((send) => this.#questions.deniedFlows(send));
  }

  /** As `teardown`. */
  proxyView(ask: ProxyViewAsk): Promise<Uint8Array> {
    return this.#ask((send) => this.#questions.proxyView(send, ask));
  }

  /** As `teardown`. */
  calls(services: readonly string[]): Promise<readonly ClusterCalls[]> {
    return this.#ask((send) => this.#questions.calls(send, services));
  }

  /** As `teardown`. */
  repair(leases: readonly DeadLease[]): Promise<NodeRepairs> {
    return this.#ask((send) => this.#questions.repair(send, leases));
  }

  /** Rejects too when `signal` aborts. As `teardown`. */
  lend(ask: LendAsk, signal: AbortSignal): Promise<LendAnswer> {
    return this.#ask((send) => this.#questions.lend(send, ask, signal));
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#stopped;
  }

  async #run(): Promise<void> {
    const { clock, random, log, reports } = this.#options;
    const { signal } = this.#stop;
    let attempt = 0;
    while (!signal.aborted) {
      const { wasReady, reason } = await this.#dial().catch((error: unknown): Outcome => {
        return { wasReady: this.#end(textOf(error)), reason: textOf(error) };
      });
      if (wasReady) reports.disconnected(this.node, reason);
      attempt = wasReady ? 0 : attempt + 1;
      if (signal.aborted) return;
      log.debug('node stream ended', { node: this.node, address: this.address, reason });
      await sleep(clock, backoffMs(RECONNECT, attempt, random()), signal);
    }
  }

  /** One connection, from dialling to its end. Rejects when it cannot even be tried. */
  async #dial(): Promise<Outcome> {
    const { clock, tls, replicaId, desired } = this.#options;
    const { signal } = this.#stop;
    const client = new Client(this.address, operatorCredentials(tls()), {
      ...CHANNEL_OPTIONS,
      // A certificate that was renewed must be shown: no connection of an earlier client is taken up.
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_retries': 0,
      // Sent as SNI, which must not be an address (RFC 6066).
      'grpc.ssl_target_name_override': 'agent.weft.internal',
    });
    const ended = Promise.withResolvers<string>();
    const call: Call = client.makeBidiStreamRequest(SYNC.path, serializeToAgent, SYNC.responseDeserialize);
    let refusal: string | undefined;
    const refuse = (reason: string) => {
      refusal ??= reason;
      call.cancel();
    };
    let queue = Promise.resolve();
    call.on('data', (message: AgentMessage) => {
      queue = queue
        .then(() => (refusal === undefined && !signal.aborted ? this.#receive(call, message) : undefined))
        .catch((error: unknown) => refuse(textOf(error)));
    });
    // `status` follows in every case and says the same.
    call.on('error', () => undefined);
    call.on('status', ({ code, details }) => ended.resolve(refusal ?? `${status[code] ?? code}: ${details}`));
    const cancelTimeout = clock.after(HELLO_TIMEOUT_MS, () => {
      if (this.#session === undefined) refuse(`no hello within ${HELLO_TIMEOUT_MS} ms`);
    });
    const stop = () => refuse('closed');
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    send(call, { case: 'hello', value: { replicaId, protocol: PROTOCOL, watermark: { ...desired.watermark() } } });

    const reason = await ended.promise;
    await queue;
    signal.removeEventListener('abort', stop);
    cancelTimeout();
    client.close();
    return { wasReady: this.#end(reason), reason };
  }

  /** Whether there was a session. */
  #end(reason: string): boolean {
    const wasReady = this.#session !== undefined;
    this.#session = undefined;
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    this.#questions.rejectAll(new Error(`node ${this.node}: ${reason}`));
    return wasReady;
  }

  /** @throws when the agent is not who it should be or breaks the protocol: the connection is then given up. */
  async #receive(call: Call, received: AgentMessage): Promise<void> {
    const { message } = received;
    if (message.case === 'hello') return this.#welcome(call, message.value);
    const session = this.#session;
    if (session === undefined) throw new Error('the agent spoke before its hello');
    const { reports, requests } = this.#options;
    void answerNode(requests, this.node, received)?.then((answer) => send(call, answer));
    this.#questions.answer(received);
    switch (message.case) {
      case 'primary': {
        const { primary, vacant, watermark } = message.value;
        session.sync.setPrimary(primary, vacant ? watermark : undefined);
        break;
      }
      case 'ack':
        this.#acknowledge(session, message.value);
        break;
      case 'leases':
        this.#takeLeases(message.value);
        break;
      case 'proxyReport': {
        const { podUid, also, gone, resources } = message.value;
        const plain = resources.map(({ kind, key, version, accepted, message: text }) => {
          return { kind, key, version, accepted, message: text };
        });
        reports.proxy(this.node, { podUid, also, gone, resources: plain });
        break;
      }
      case 'nodeReport':
        reports.node(this.node, parseNodeReport(message.value.body));
        break;
      default:
        // A request, an answer, or a newer agent's message that this operator does not know.
        break;
    }
    this.#pump();
  }

  async #welcome(call: Call, hello: AgentHello): Promise<void> {
    const { verifyToken, desired, reports, log } = this.#options;
    if (this.#session !== undefined) throw new Error('the agent said hello twice');
    const identity = await verifyToken(hello.token);
    if (typeof identity === 'string') throw this.#refused(identity);
    if (identity.nodeName !== this.node || hello.node !== this.node) {
      throw this.#refused(`the agent at ${this.address} is that of node ${identity.nodeName}`);
    }
    const held = hello.held.map((resource) => this.#pooled(resource));
    this.#session = { call, sync: new NodeSync(this.node, desired, held) };
    log.info('node connected', { node: this.node, address: this.address, held: held.length });
    const { bootId, features, watermark } = hello;
    reports.connected(this.node, { nodeUid: identity.nodeUid, bootId, features, held, watermark });
  }

  #pooled({ kind, key, version }: HeldResource): HeldResource {
    const { strings } = this.#shared;
    return { kind: strings.of(kind), key: strings.of(key), version: strings.of(version) };
  }

  #refused(reason: string): Error {
    this.#options.log.warn('agent refused', { node: this.node, address: this.address, reason });
    return new Error(reason);
  }

  #acknowledge({ sync }: Session, ack: Ack): void {
    const applied = ack.applied.map((resource) => this.#pooled(resource));
    const removed = ack.removed.map(({ kind, key }) => ({ kind, key }));
    const errors = ack.errors.map(({ kind, key, message }) => ({ kind, key, message }));
    const ownSeq = ack.replicaId === this.#options.replicaId ? ack.seq : undefined;
    sync.acknowledge({ ownSeq, applied, removed, failed: errors });
    this.#options.reports.held(this.node, { applied, removed, errors, watermark: ack.watermark });
    if (ownSeq === undefined) return;
    if (!sync.hasFailed) this.#failures = 0;
    else if (this.#cancelRetry === undefined) this.#retryLater(sync);
  }

  #retryLater(sync: NodeSync): void {
    const { clock, random } = this.#options;
    this.#cancelRetry = clock.after(backoffMs(RETRY_FAILED, this.#failures, random()), () => {
      this.#cancelRetry = undefined;
      sync.retryFailed();
      this.#pump();
    });
    this.#failures += 1;
  }

  #ask<T>(question: (send: (payload: OperatorPayload) => void) => Promise<T>): Promise<T> {
    const session = this.#session;
    if (session === undefined) return Promise.reject(new Error(`node ${this.node} is not connected`));
    return question((payload) => send(session.call, payload));
  }

  #takeLeases({ complete, pods }: Leases): void {
    const changes = this.#leases.take(pods, complete);
    if (changes.size > 0) this.#options.reports.leases(this.node, changes);
  }

  #pump(): void {
    const session = this.#session;
    if (session === undefined) return;
    const claim = session.sync.takeClaim();
    if (claim !== undefined) send(session.call, { case: 'claim', value: { watermark: { ...claim } } });
    const update = session.sync.next(this.#shared.updateLimitBytes());
    if (update !== undefined && session.call.writable) session.call.write(encodeUpdate(update));
  }
}

function send(call: Call, payload: OperatorPayload): void {
  if (call.writable) call.write(operatorMessage(payload));
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
