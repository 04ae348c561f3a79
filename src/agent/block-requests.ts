import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { BlockWish } from './cni/attach.ts';

export type BlockAnswer = { readonly cidr: string } | { readonly problem: string };
/** Without pools: whichever the node takes by itself. */
export type BlockRequest = Omit<BlockWish, 'pools'> & { readonly pools?: readonly string[] };

const RETRY_MS = 1_000;

/** Asks the operators for blocks: one request at a time for each kind of block, and not more often than once a second. */
export class BlockRequests {
  readonly #request: (request: BlockRequest) => Promise<BlockAnswer> | undefined;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #asking = new Set<string>();
  /** What was said last, by kind of block, while there is none. */
  readonly #problems = new Map<string, string>();

  /** @param request undefined while there is nobody to ask. */
  constructor(
    request: (request: BlockRequest) => Promise<BlockAnswer> | undefined,
    deps: { readonly clock: Clock; readonly logger: Logger },
  ) {
    this.#request = request;
    this.#clock = deps.clock;
    this.#logger = deps.logger;
  }

  /** @param again called a second after an answer. @returns why there was none, as the operators said last. */
  ask(request: BlockRequest, again: () => void = () => undefined): string | undefined {
    const key = JSON.stringify([request.family, request.pools, request.address]);
    if (!this.#asking.has(key)) {
      const answer = this.#request(request);
      if (answer !== undefined) void this.#settle(key, answer, again);
    }
    return this.#problems.get(key);
  }

  async #settle(key: string, asked: Promise<BlockAnswer>, again: () => void): Promise<void> {
    this.#asking.add(key);
    const answer = await asked.catch((error: unknown): BlockAnswer => ({ problem: String(error) }));
    if ('cidr' in answer) {
      this.#logger.info('block granted', { block: answer.cidr });
      this.#problems.delete(key);
    } else if (answer.problem !== this.#problems.get(key)) {
      this.#logger.warn('no block', { reason: answer.problem });
      this.#problems.set(key, answer.problem);
    }
    this.#clock.after(RETRY_MS, () => {
      this.#asking.delete(key);
      again();
    });
  }
}
