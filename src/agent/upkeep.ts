import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { PolicyOpenings } from '../model/node/report.ts';
import type { Attacher } from './cni/attach.ts';
import type { PolicyTable } from './dataplane/nft/policy-table.ts';
import type { NodeNetwork } from './network.ts';
import type { NodeServices } from './services.ts';

export interface UpkeepDeps {
  readonly policy: PolicyTable;
  readonly services: NodeServices;
  /** By what they are called; each puts itself back and says whether it had to. */
  readonly tables: Readonly<Record<string, { repair(): Promise<boolean> }>>;
  readonly network: NodeNetwork;
  readonly attacher: Attacher;
  /** Told of each thing that was put back. */
  readonly repaired: (what: string) => void;
  /** Told how long pods may have been without their policy, in milliseconds. */
  readonly policyOpened: (atMostMs: number) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Compares the kernel with what it was told, and puts back what somebody else changed. */
export class Upkeep {
  readonly #deps: UpkeepDeps;
  #openings: PolicyOpenings = { count: 0, lastMs: 0 };
  /** Monotonic: when the policy table was last seen as it should be. */
  #policySeenMs: number;

  constructor(deps: UpkeepDeps) {
    this.#deps = deps;
    this.#policySeenMs = deps.clock.monotonic();
  }

  get policyOpenings(): PolicyOpenings {
    return this.#openings;
  }

  /** @throws what the kernel refused; what comes after that waits for the next look. */
  async look(): Promise<void> {
    const { services, tables, network, attacher, repaired, logger } = this.#deps;
    await this.#lookAtPolicy();
    if (await services.look()) {
      logger.warn('the service table was changed by somebody else; it was put back');
      repaired('service table');
    }
    for (const [name, table] of Object.entries(tables)) {
      if (!(await table.repair())) continue;
      logger.warn('a table was changed by somebody else; it was put back', { table: name });
      repaired(name);
    }
    if ((await network.applyNode()).length > 0) repaired('node network');
    const links = await attacher.repair();
    if (links === 0) return;
    logger.warn('links or routes of pods were taken away by somebody else; put back', { count: links });
    repaired('pod link');
  }

  async #lookAtPolicy(): Promise<void> {
    const { policy, repaired, policyOpened, clock, logger } = this.#deps;
    if (!policy.verify()) await policy.repair();
    const nowMs = clock.monotonic();
    const openMs = Math.round(nowMs - this.#policySeenMs);
    this.#policySeenMs = nowMs;
    // Changes put the table back too, when they meet it so.
    const times = policy.repairs - this.#openings.count;
    if (times === 0) return;
    this.#openings = { count: policy.repairs, lastMs: openMs };
    logger.warn('the policy table was changed by somebody else; it was put back', { openAtMostMs: openMs });
    for (let time = 0; time < times; time += 1) repaired('policy table');
    policyOpened(openMs);
  }
}
