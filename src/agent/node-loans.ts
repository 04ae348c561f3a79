import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { LendAnswer, LendAsk, Loan, LoansAnswer, LoansAsk } from '../model/ipam/loan.ts';

export interface NodeLoansDeps {
  readonly leases: {
    readonly isUnsure: boolean;
    lent(): readonly string[];
    proposeLoan(block: string): LendAnswer;
    /** Text: why the range is not lent. */
    lend(loan: Loan): Promise<string | undefined>;
    endLoans(uids: readonly string[]): void;
    learnLost(answer: LoansAnswer, told: readonly string[]): void;
  };
  readonly blocks: {
    /** Whether the range is a block of this node's own, and not borrowed. */
    isOwn(cidr: string): boolean;
    /** Of what this node was told to have. */
    uids(): readonly string[];
  };
  /** Undefined while there is nobody to ask. */
  readonly ask: (ask: LoansAsk) => Promise<LoansAnswer> | undefined;
  /** What may be leased has changed. */
  readonly changed: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

const RETRY_MS = 1_000;

/** What this node lends to others of its blocks: it says what it can spare, and keeps off it until that is back. */
export class NodeLoans {
  readonly #deps: NodeLoansDeps;
  #isAsking = false;

  constructor(deps: NodeLoansDeps) {
    this.#deps = deps;
  }

  /** Lends, or says what could be lent. What is lent is on disk when it resolves. */
  async lend({ uid, cidr }: LendAsk): Promise<LendAnswer> {
    const { leases, blocks, logger } = this.#deps;
    if (uid === undefined)
      return blocks.isOwn(cidr) ? leases.proposeLoan(cidr) : { problem: `${cidr} is no block to lend of` };
    const problem = await leases.lend({ uid, cidr });
    if (problem !== undefined) return { problem };
    logger.info('range lent', { range: cidr });
    return { cidr };
  }

  /**
   * Asks which loans have ended and, after a lost journal, what was lent, and which blocks are this node's. Asks again
   * until that is known.
   */
  async look(): Promise<void> {
    const { leases, blocks, ask, changed, clock, logger } = this.#deps;
    const [uids, isLost] = [leases.lent(), leases.isUnsure];
    if (this.#isAsking || (uids.length === 0 && !isLost)) return;
    const asked = ask({ uids, isLost });
    if (asked === undefined) return;
    this.#isAsking = true;
    try {
      const answer = await asked;
      const { over } = answer;
      leases.endLoans(over);
      if (isLost) leases.learnLost(answer, blocks.uids());
      if (over.length > 0 || isLost) logger.info('loans looked at', { over: over.length, known: leases.lent().length });
      if (over.length > 0 || isLost) changed();
    } catch (error) {
      if (isLost) clock.after(RETRY_MS, () => void this.look());
      logger.debug('loans not looked at', { reason: String(error) });
    } finally {
      this.#isAsking = false;
    }
  }
}
