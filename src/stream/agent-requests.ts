import type { LoansAnswer, LoansAsk } from '../model/ipam/loan.ts';
import { Asked } from './asked.ts';
import type { OperatorMessage } from './generated/wire/weft/node/v1/node_pb.ts';
import type { LeaseIr } from './agent-ports.ts';
import type {
  BlockAnswer,
  BlockAsk,
  BlockReturn,
  CertificateAnswer,
  CertificateAsk,
  LeavingPod,
} from './operator-ports.ts';
import type { AgentPayload } from './wire.ts';

/** What a node asks of whichever replica is primary, and the answers it waits for. */
export class AgentRequests {
  readonly #idPrefix: string;
  readonly #send: (payload: AgentPayload) => void;
  readonly #blocks = new Asked<BlockAnswer>();
  readonly #certificates = new Asked<CertificateAnswer>();
  readonly #forgotten = new Asked<readonly string[]>();
  readonly #known = new Asked<void>();
  readonly #returned = new Asked<string>();
  readonly #left = new Asked<string>();
  readonly #loans = new Asked<LoansAnswer | Error>();
  #count = 0;

  /** @param send to the primary; while there is none it does nothing, and `resend` follows the next election. */
  constructor(idPrefix: string, send: (payload: AgentPayload) => void) {
    this.#idPrefix = idPrefix;
    this.#send = send;
  }

  /** Waits for an operator, however long that takes; rejects when `signal` aborts, or at `rejectAll`. */
  block({ family, pools = [], address = '' }: BlockAsk, signal?: AbortSignal): Promise<BlockAnswer> {
    const value = { id: this.#nextId(), family, pools: [...pools], address };
    return this.#blocks.ask(value.id, () => this.#send({ case: 'blockRequest', value }), signal);
  }

  /** Those of `addresses` that no node knows by their last holder any more. As `block`. */
  forgotten(addresses: readonly string[], signal?: AbortSignal): Promise<readonly string[]> {
    const id = this.#nextId();
    const value = { id, addresses: [...addresses] };
    return this.#forgotten.ask(id, () => this.#send({ case: 'forgetRequest', value }), signal);
  }

  /** Resolves when the nodes that need the pod's address know it. To be asked after the lease was told. As `block`. */
  known({ podUid, addresses }: LeaseIr, signal?: AbortSignal): Promise<void> {
    const value = { id: this.#nextId(), podUid, addresses: [...addresses] };
    return this.#known.ask(value.id, () => this.#send({ case: 'knownRequest', value }), signal);
  }

  /** Empty when nobody sends to the pod, which ends, any more; else why not to wait for that any longer. As `block`. */
  left({ uid, name, namespace }: LeavingPod, signal?: AbortSignal): Promise<string> {
    const value = { id: this.#nextId(), podUid: uid, podName: name, podNamespace: namespace };
    return this.#left.ask(value.id, () => this.#send({ case: 'leftRequest', value }), signal);
  }

  /** Gives a block back; empty when that is done, else why it is not. As `block`. */
  giveBack({ cidr, uid }: BlockReturn, signal?: AbortSignal): Promise<string> {
    const value = { id: this.#nextId(), cidr, uid };
    return this.#returned.ask(value.id, () => this.#send({ case: 'returnRequest', value }), signal);
  }

  /** What has become of loans. As `block`; rejects too when the operator cannot find out. */
  async loans({ uids, isLost }: LoansAsk, signal?: AbortSignal): Promise<LoansAnswer> {
    const value = { id: this.#nextId(), uids: [...uids], lost: isLost };
    const answer = await this.#loans.ask(value.id, () => this.#send({ case: 'loansRequest', value }), signal);
    if (answer instanceof Error) throw answer;
    return answer;
  }

  /** As `block`. */
  certificate({ csrDer, podUid }: CertificateAsk, signal?: AbortSignal): Promise<CertificateAnswer> {
    const id = this.#nextId();
    const value = { id, csr: csrDer, podUid };
    return this.#certificates.ask(id, () => this.#send({ case: 'certificateRequest', value }), signal);
  }

  /** True when the message was an answer. */
  answer({ message }: OperatorMessage): boolean {
    switch (message.case) {
      case 'blockGrant': {
        const { id, cidr, problem } = message.value;
        this.#blocks.answer(id, cidr === '' ? { problem } : { cidr });
        return true;
      }
      case 'certificateGrant': {
        const { id, chainPem, problem } = message.value;
        this.#certificates.answer(id, chainPem === '' ? { problem } : { chainPem });
        return true;
      }
      case 'forgetGrant':
        this.#forgotten.answer(message.value.id, message.value.addresses);
        return true;
      case 'returnGrant':
        this.#returned.answer(message.value.id, message.value.problem);
        return true;
      case 'loansGrant': {
        const { id, over, loans, blocks, problem } = message.value;
        const plain = { over, loans: loans.map(({ uid, cidr }) => ({ uid, cidr })), blocks };
        this.#loans.answer(id, problem === '' ? plain : new Error(problem));
        return true;
      }
      case 'leftGrant':
        this.#left.answer(message.value.id, message.value.problem);
        return true;
      case 'knownGrant':
        this.#known.answer(message.value.id, undefined);
        return true;
      default:
        return false;
    }
  }

  /** There is a new primary. */
  resend(): void {
    for (const asked of this.#all()) asked.resend();
  }

  rejectAll(error: Error): void {
    for (const asked of this.#all()) asked.rejectAll(error);
  }

  #all() {
    const addresses = [this.#blocks, this.#forgotten, this.#known, this.#returned, this.#loans];
    return [...addresses, this.#certificates, this.#left];
  }

  /** Unique over restarts of the agent, so that an old answer meets no new request. */
  #nextId(): string {
    this.#count += 1;
    return `${this.#idPrefix}/${this.#count}`;
  }
}
