import type { DeadLease, NodeInspection, NodeRepairs } from '../model/ipam/inspection.ts';
import type { LendAnswer, LendAsk } from '../model/ipam/loan.ts';
import type { ClusterCalls } from '../model/mesh/cluster-calls.ts';
import type { ProxyViewAsk } from '../model/mesh/proxy-view.ts';
import type { DeniedFlow } from '../model/policy/denied-flow.ts';
import { Asked } from './asked.ts';
import { parseFlows } from './denied-flows.ts';
import type { AgentMessage } from './generated/wire/weft/node/v1/node_pb.ts';
import { parseInspection } from './inspection.ts';
import type { OperatorPayload } from './wire.ts';

/** What an operator asks of one agent, and the answers it waits for. */
export class AgentQuestions {
  readonly #teardowns = new Asked<readonly string[]>();
  readonly #inspections = new Asked<NodeInspection | Error>();
  readonly #flows = new Asked<readonly DeniedFlow[] | Error>();
  readonly #proxies = new Asked<Uint8Array | Error>();
  readonly #calls = new Asked<readonly ClusterCalls[] | Error>();
  readonly #repairs = new Asked<NodeRepairs>();
  readonly #loans = new Asked<LendAnswer>();
  #count = 0;

  /** The agent's complaints, none if all is gone. */
  teardown(send: (payload: OperatorPayload) => void, force: boolean): Promise<readonly string[]> {
    const id = this.#nextId();
    return this.#teardowns.ask(id, () => send({ case: 'teardown', value: { id, force } }));
  }

  /** Rejects when the agent could not look. */
  async inspect(send: (payload: OperatorPayload) => void): Promise<NodeInspection> {
    const id = this.#nextId();
    const answer = await this.#inspections.ask(id, () => send({ case: 'inspect', value: { id } }));
    if (answer instanceof Error) throw answer;
    return answer;
  }

  /** Rejects when the agent could not tell. */
  async deniedFlows(send: (payload: OperatorPayload) => void): Promise<readonly DeniedFlow[]> {
    const id = this.#nextId();
    const answer = await this.#flows.ask(id, () => send({ case: 'flows', value: { id } }));
    if (answer instanceof Error) throw answer;
    return answer;
  }

  /** A part of a pod's proxy, gzip. Rejects when the agent could not find out. */
  async proxyView(
    send: (payload: OperatorPayload) => void,
    { podUid, part, filter }: ProxyViewAsk,
  ): Promise<Uint8Array> {
    const id = this.#nextId();
    const value = { id, podUid, part, filter };
    const answer = await this.#proxies.ask(id, () => send({ case: 'proxyQuestion', value }));
    if (answer instanceof Error) throw answer;
    return answer;
  }

  /** @param services `namespace/name`. Rejects when the agent could not count. */
  async calls(send: (payload: OperatorPayload) => void, services: readonly string[]): Promise<readonly ClusterCalls[]> {
    const id = this.#nextId();
    const value = { id, services: [...services] };
    const answer = await this.#calls.ask(id, () => send({ case: 'callsQuestion', value }));
    if (answer instanceof Error) throw answer;
    return answer;
  }

  repair(send: (payload: OperatorPayload) => void, leases: readonly DeadLease[]): Promise<NodeRepairs> {
    const id = this.#nextId();
    const value = { id, leases: leases.map(({ containerId, ifname, podUid }) => ({ containerId, ifname, podUid })) };
    return this.#repairs.ask(id, () => send({ case: 'repair', value }));
  }

  lend(
    send: (payload: OperatorPayload) => void,
    { uid = '', cidr }: LendAsk,
    signal: AbortSignal,
  ): Promise<LendAnswer> {
    const id = this.#nextId();
    return this.#loans.ask(id, () => send({ case: 'lend', value: { id, uid, cidr } }), signal);
  }

  /** Takes what is an answer. */
  answer({ message }: AgentMessage): void {
    switch (message.case) {
      case 'teardownResult':
        this.#teardowns.answer(message.value.id, message.value.errors);
        break;
      case 'inspectResult': {
        const { id, body, problem } = message.value;
        this.#inspections.answer(id, problem === '' ? parsed(parseInspection, body) : new Error(problem));
        break;
      }
      case 'flowsResult': {
        const { id, body, problem } = message.value;
        this.#flows.answer(id, problem === '' ? parsed(parseFlows, body) : new Error(problem));
        break;
      }
      case 'proxyAnswer': {
        const { id, body, problem } = message.value;
        this.#proxies.answer(id, problem === '' ? body : new Error(problem));
        break;
      }
      case 'callsAnswer': {
        const { id, calls, problem } = message.value;
        const counted = calls.map((each) => ({ cluster: each.cluster, calls: Number(each.calls) }));
        this.#calls.answer(id, problem === '' ? counted : new Error(problem));
        break;
      }
      case 'repairResult': {
        const { id, done, refused } = message.value;
        this.#repairs.answer(id, { done, refused });
        break;
      }
      case 'lendResult': {
        const { id, cidr, problem } = message.value;
        this.#loans.answer(id, cidr === '' ? { problem } : { cidr });
        break;
      }
      default:
        break;
    }
  }

  rejectAll(error: Error): void {
    for (const asked of this.#all()) asked.rejectAll(error);
  }

  #all() {
    const answered = [this.#teardowns, this.#inspections, this.#flows, this.#proxies, this.#calls];
    return [...answered, this.#repairs, this.#loans];
  }

  #nextId(): string {
    this.#count += 1;
    return String(this.#count);
  }
}

function parsed<T>(parse: (body: Uint8Array) => T, body: Uint8Array): T | Error {
  try {
    return parse(body);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
