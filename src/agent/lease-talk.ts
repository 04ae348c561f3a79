import type { Clock } from '../lib/clock.ts';
import type { LoansAnswer, LoansAsk } from '../model/ipam/loan.ts';
import type { NodeReportIr } from '../model/node/report.ts';
import type { BlockAnswer, BlockRequest } from './block-requests.ts';
import type { PodAttachment } from './cni/attach.ts';
import type { NodeLeases } from './state/leases.ts';

interface PodAddresses {
  readonly podUid: string;
  readonly addresses: readonly string[];
}

/** The operators, as this agent needs them. `stream/` is them. */
export interface Operators {
  setLeases(leases: readonly PodAddresses[]): void;
  requestBlock(request: BlockRequest): Promise<BlockAnswer>;
  /** Empty when nobody owns the block now, else why it stays. */
  giveBack(block: { readonly cidr: string; readonly uid: string }): Promise<string>;
  /** What has become of what the node has lent. */
  requestLoans(ask: LoansAsk): Promise<LoansAnswer>;
  /** Those of `addresses` that no node knows by their last holder any more. */
  requestForgotten(addresses: readonly string[]): Promise<readonly string[]>;
  /** Resolves when the nodes that need the pod's address know it; rejects when `signal` aborts. */
  requestKnown(pod: PodAddresses, signal: AbortSignal): Promise<void>;
  reportNode(report: NodeReportIr): void;
  /** Whether one takes requests now. */
  arePresent(): boolean;
}

export interface LeaseTalkDeps {
  readonly leases: NodeLeases;
  /** Undefined while there are none. */
  readonly operators: () => Operators | undefined;
  readonly isOver: () => boolean;
  readonly clock: Clock;
}

/** An ADD is not held up longer than this by nodes that are slow to learn of it. */
const ANNOUNCE_PATIENCE_MS = 200;
const FORGET_RETRY_MS = 1_000;

/** What this node and the operators say to each other of its leases. */
export class LeaseTalk {
  readonly #deps: LeaseTalkDeps;
  #isAskingToForget = false;

  constructor(deps: LeaseTalkDeps) {
    this.#deps = deps;
  }

  tell(): void {
    const { leases, operators } = this.#deps;
    operators()?.setLeases(leases.all().map(({ podUid, addresses }) => ({ podUid, addresses })));
  }

  /** The nodes whose policies name the pod have its address, or have had time enough. Never rejects. */
  async announced({ podUid, addresses }: PodAttachment): Promise<void> {
    const operators = this.#deps.operators();
    if (operators?.arePresent() !== true) return;
    const patience = new AbortController();
    const cancel = this.#deps.clock.after(ANNOUNCE_PATIENCE_MS, () => patience.abort());
    await operators.requestKnown({ podUid, addresses }, patience.signal).catch(() => undefined);
    cancel();
  }

  /** A released address rests until every node has forgotten who had it; the journal keeps it resting over restarts. */
  askToForget(): void {
    const { leases, operators, isOver, clock } = this.#deps;
    const addresses = leases.unacknowledged();
    const asked = operators();
    if (asked === undefined || this.#isAskingToForget || isOver() || addresses.length === 0) return;
    this.#isAskingToForget = true;
    const again = () => {
      this.#isAskingToForget = false;
      this.askToForget();
    };
    asked
      .requestForgotten(addresses)
      .then((forgotten) => leases.acknowledge(forgotten))
      .catch(() => undefined)
      .finally(() => clock.after(FORGET_RETRY_MS, again));
  }
}
